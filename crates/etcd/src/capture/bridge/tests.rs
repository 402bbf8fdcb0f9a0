use super::*;
use crate::history::{BaseHeader, BaseWriter, Object, Put, Shelf, Source as Origin, encode_segment};
use crate::selection::model::{Model, models, sorted};
use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Mutex;

/// A shelf without a disk.
#[derive(Default)]
struct Memory(Mutex<BTreeMap<Name, Bytes>>);

impl Shelf for Memory {
    fn create(&self, name: &Name, body: &mut dyn Read) -> Result<Put, FileError> {
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).unwrap();
        self.0.lock().unwrap().insert(*name, bytes.into());
        Ok(Put::Created)
    }

    fn list(&self) -> Result<Vec<Name>, FileError> {
        Ok(self.0.lock().unwrap().keys().copied().collect())
    }

    fn open(&self, name: &Name) -> Result<Arc<dyn Object>, FileError> {
        Ok(Arc::new(self.0.lock().unwrap().get(name).unwrap().clone()))
    }

    fn remove(&self, name: &Name) -> Result<(), FileError> {
        self.0.lock().unwrap().remove(name);
        Ok(())
    }
}

/// A base of what an etcd holds at `revision` that was compacted.
fn base(shelf: &dyn Shelf, model: &Model, (compaction, revision): (u64, u64), began: Began) -> Link {
    let mut live = model.live(revision);
    live.sort_by_key(|it| it.key().unwrap());
    let mut writer = BaseWriter::new(Vec::new()).unwrap();
    for record in model.since(compaction, revision).iter().filter(|it| !live.contains(it)) {
        writer.older(record).unwrap();
    }
    live.iter().for_each(|it| writer.live(it).unwrap());
    let header = BaseHeader {
        timeline: 1,
        revision,
        compaction,
        taken_ms: revision,
        source: Origin::default(),
        etcd_version: String::new(),
        began,
        note: String::new(),
        stands_for: None,
        live: 0,
        older: 0,
        raw: 0,
    };
    // A lease for each base: its id is the revision, and so is its time.
    let id = u8::try_from(revision).unwrap();
    let lease = (Bytes::copy_from_slice(&revision.to_be_bytes()), Bytes::copy_from_slice(&[8, id, 16, id]));
    let buckets = [("lease".into(), vec![lease])].into();
    let (written, bytes) = writer.finish(header, &buckets).unwrap();
    shelf.create(&written.name, &mut &*bytes).unwrap();
    written.chain
}

/// A captured segment.
fn segment(shelf: &dyn Shelf, model: &Model, prev: Link, (after, through): (u64, u64)) -> Link {
    let header = SegmentHeader {
        timeline: 1,
        kind: Kind::Captured,
        prev,
        after,
        through,
        count: 0,
        times: vec![Seen { revision: through, at_ms: through }],
        leases: Vec::new(),
        source: Origin::default(),
    };
    let within = |it: &&Record| it.revision.main > after && it.revision.main <= through;
    let (bytes, written) = encode_segment(header, model.records.iter().filter(within), None).unwrap();
    shelf.create(&written.name, &mut &*bytes).unwrap();
    written.chain
}

fn live(history: &History, revision: u64) -> Option<Vec<Record>> {
    let moment = history.moment(1, revision).ok()?;
    let mut records = Vec::new();
    let mut sink = |record| {
        records.push(record);
        Ok(())
    };
    Packs::of(&moment).unwrap().live_at(revision, &mut sink).unwrap();
    Some(sorted(records))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happened in a gap, and however much of it was compacted: one chain leads over it, and each revision that can be
    /// rebuilt is right. Those that cannot are the hole, and nothing else.
    #[test]
    fn every_state_but_those_in_the_hole_is_right(model in models(), at in any::<[Index; 4]>()) {
        let mut points = at.map(|it| it.index(model.last as usize) as u64 + 1);
        points[..3].sort_unstable();
        let [begin, after, through, compaction] = points;
        prop_assume!(after < through);
        let compaction = compaction.min(through);
        let folder = tempfile::tempdir().unwrap();
        let shelf: Arc<dyn Shelf> = Arc::new(Memory::default());
        let first = base(&*shelf, &model, (0, begin), Began::First);
        let last = segment(&*shelf, &model, first, (begin, after));
        let second = base(&*shelf, &model, (compaction, through), Began::Gap);
        let end = model.last;
        segment(&*shelf, &model, second, (through, end));

        let gaps = open_gaps(&History::open(Arc::clone(&shelf)).unwrap()).unwrap();
        let gap = Gap { timeline: 1, after, prev: last, through, base: second };
        prop_assert_eq!(&gaps, &[gap]);
        let hole = bridge(&shelf, gap, folder.path()).unwrap();
        let expected = Hole { after, until: compaction };
        prop_assert_eq!(hole, Some(expected).filter(Hole::is_some));

        let history = History::open(Arc::clone(&shelf)).unwrap();
        prop_assert_eq!(open_gaps(&history).unwrap(), &[]);
        prop_assert_eq!(history.newest().unwrap().stretches.len(), 1);
        for revision in 1..=end {
            let ours = live(&history, revision);
            prop_assert_eq!(ours.is_none(), expected.holds(revision), "revision {}", revision);
            prop_assert!(ours.is_none_or(|ours| ours == model.live(revision)), "revision {}", revision);
        }

        // By the chain alone, without the base behind the gap.
        let names = shelf.list().unwrap();
        let behind = names.iter().find(|it| matches!(it, Name::Base(it) if it.revision == through));
        shelf.remove(behind.unwrap()).unwrap();
        let history = History::open(shelf).unwrap();
        for revision in [through, end] {
            prop_assert_eq!(live(&history, revision), Some(model.live(revision)), "revision {}", revision);
        }
    }
}

#[test]
fn what_was_deleted_at_the_compaction_itself_is_gone_from_there_on() {
    let folder = tempfile::tempdir().unwrap();
    let shelf: Arc<dyn Shelf> = Arc::new(Memory::default());
    let put = |key| [(key, Some(1))].into();
    let model = Model::of(&[put(1), put(2), [(1, None)].into(), put(3), put(4)]);
    let first = base(&*shelf, &model, (0, 3), Began::First);
    let second = base(&*shelf, &model, (4, 6), Began::Gap);
    let gap = Gap { timeline: 1, after: 3, prev: first, through: 6, base: second };
    assert_eq!(bridge(&shelf, gap, folder.path()).unwrap(), None);
    let history = History::open(shelf).unwrap();
    for revision in 2..=6 {
        assert_eq!(live(&history, revision).unwrap(), model.live(revision), "{revision}");
    }
    // What was put in the gap may hang on leases that only the base behind it has.
    let leases = Packs::of(&history.moment(1, 5).unwrap()).unwrap().leases().unwrap();
    let leases: Vec<_> = leases.iter().map(|(id, it)| (*id, it.granted_s)).collect();
    assert_eq!(leases, [(3, 3), (6, 6)]);
    let key = |it: &Record| it.key().unwrap();
    let left: Vec<Bytes> = live(&history, 4).unwrap().iter().map(key).collect();
    assert_eq!(left, ["/registry/2"]);
}
