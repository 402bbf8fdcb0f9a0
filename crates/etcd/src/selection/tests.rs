use super::made::{Cuts, History, histories};
use super::model::{Model, models, sorted};
use super::*;
use crate::KeyValue;
use crate::bbolt::Writer;
use crate::database::Database;
use crate::history::{BaseWriter, Buckets, Kind, Object, Pack, Seen, SegmentHeader, encode_segment};
use crate::proof::hash_kv;
use crate::{FileError, Record, Revision};
use proptest::prelude::*;
use proptest::sample::Index;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Compares a source with the model that it was made from, at a revision and a floor among those that it answers for.
pub(crate) fn same(source: &dyn Source, model: &Model, at: [Index; 2]) {
    let (first, last) = (source.compaction(), source.last_revision());
    assert_eq!(last, model.last.max(1));
    let mut at = at.map(|it| first + it.index((last - first + 1) as usize) as u64);
    at.sort_unstable();
    let [floor, revision] = at;
    let (mut live, mut since) = (Vec::new(), Vec::new());
    source.live_at(revision, &mut into(&mut live)).unwrap();
    source.since(floor, revision, &mut into(&mut since)).unwrap();
    assert_eq!(sorted(live), model.live(revision), "live at {revision}");
    assert_eq!(sorted(since), model.since(floor, revision), "at {revision}, compacted at {floor}");
    let theirs = hash_kv(model, revision, floor).unwrap();
    for prefix in [b"/registry/1".as_slice(), b"/registry/", b"", b"/other"] {
        let begins = |record: &Record| record.key().unwrap().starts_with(prefix);
        let (mut live, mut versions) = (Vec::new(), Vec::new());
        source.live_under(prefix, revision, &mut into(&mut live)).unwrap();
        assert_eq!(sorted(live), model.live(revision).into_iter().filter(begins).collect::<Vec<_>>());
        source
            .versions_under(prefix, floor, revision, &mut into(&mut versions))
            .unwrap();
        let above = |it: &Record| it.revision.main > floor && it.revision.main <= revision && begins(it);
        assert_eq!(sorted(versions), model.records.iter().filter(|it| above(it)).cloned().collect::<Vec<_>>());
    }
    assert_eq!(hash_kv(source, revision, floor).unwrap(), theirs);
}

/// Collects records.
pub(crate) fn into(records: &mut Vec<Record>) -> impl FnMut(Record) -> Result<(), FileError> {
    |it| {
        records.push(it);
        Ok(())
    }
}

fn history() -> History {
    let txns = [
        (1, Some(3)),
        (2, Some(4)),
        (1, None),
        (1, Some(5)),
        (2, Some(6)),
        (3, Some(1)),
        (2, None),
        (1, Some(2)),
    ];
    let model = Model::of(&txns.map(|change| [change].into()));
    History::of(model, &Cuts { compaction: 2, base: 5, segments: [5, 7].into(), gap: None })
}

#[test]
fn what_is_out_of_range_is_refused_by_name() {
    let packs = history().packs;
    let refused = |floor, revision| packs.walk(floor, revision, &mut |_, _| Ok(())).unwrap_err().to_string();
    assert!(refused(1, 5).ends_with("holds not every version at revision 1, only from 2 on"));
    assert!(refused(5, 10).ends_with("ends at revision 9, before 10"));
}

#[test]
fn leases_are_the_bases_and_those_seen_since() {
    let leases = history().packs.leases().unwrap();
    assert_eq!(leases.get(&7), Some(&LeaseTtl { granted_s: 30, remaining_s: 20 }), "seen again at 7");
    assert_eq!(leases.keys().copied().collect::<Vec<_>>(), [5, 7, 9]);
    assert!(history().packs.others().unwrap().contains_key("alarm"));
}

#[test]
fn a_segment_that_follows_nothing_is_refused() {
    let packs = history().packs;
    let gap = Packs::new(packs.base().clone(), packs.segments()[1..].to_vec());
    assert!(gap.unwrap_err().to_string().contains("does not follow revision 5"));
    let segment = packs.segments()[0].clone();
    assert!(Packs::new(segment, vec![]).unwrap_err().to_string().contains("it is no base"));
}

/// A put that a database or a history cannot be believed in.
fn odd(main: u64, value: &'static [u8]) -> Record {
    Record {
        value: value.into(),
        ..Record::deletion(Revision { main, sub: 0 }, Bytes::new())
    }
}

#[test]
fn who_looks_passes_over_a_record_without_a_key_and_notes_it() {
    let whole = history();
    let (base, mut segments) = (whole.packs.base().clone(), whole.packs.segments().to_vec());
    let header = SegmentHeader {
        timeline: 1,
        kind: Kind::Captured,
        prev: segments.last().unwrap().chain(),
        after: 9,
        through: 10,
        count: 0,
        times: vec![Seen { revision: 10, at_ms: 10 }],
        leases: Vec::new(),
        source: crate::history::Source::default(),
    };
    let damaged = Record { tombstone: false, ..odd(10, b"\x2a\x02hi") };
    let (bytes, written) = encode_segment(header, &[damaged], None).unwrap();
    segments.push(made::opened((written, bytes.to_vec())));
    let packs = Packs::new(base, segments).unwrap();
    let refused = packs.live_at(10, &mut |_| Ok(())).unwrap_err().to_string();
    assert!(refused.contains("damaged at record 10.0: it has no key"), "{refused}");
    let aside = Aside::default();
    let mut live = Vec::new();
    packs.setting_aside(aside.clone()).live_at(10, &mut into(&mut live)).unwrap();
    assert_eq!(sorted(live), whole.model.live(9));
    let (noted, more) = aside.noted();
    let [it] = noted.as_slice() else { panic!("{noted:?}") };
    assert_eq!((it.revision.unwrap().main, &*it.bytes, it.size, more), (10, &b"\x2a\x02hi"[..], 4, 0));
}

#[test]
fn who_looks_sees_the_other_frames_of_a_base() {
    // Not compressible, so that each is a frame of its own.
    let put = |main: u64, key: &'static str| {
        let mut value = vec![0; 5 << 20];
        blake3::Hasher::new_derive_key(key).finalize_xof().fill(&mut value);
        let it = KeyValue {
            key: key.into(),
            create_revision: main,
            mod_revision: main,
            version: 1,
            value: value.into(),
            lease: 0,
        };
        Record::put(Revision { main, sub: 0 }, &it)
    };
    let mut writer = BaseWriter::new(Vec::new()).unwrap();
    let live = [put(2, "/a"), put(3, "/b"), put(4, "/c")];
    live.iter().for_each(|it| writer.live(it).unwrap());
    let (written, mut bytes) = writer.finish(made::header(4, 0), &Buckets::new()).unwrap();
    let whole = Pack::open(&written.name, Arc::new(Bytes::from(bytes.clone()))).unwrap();
    bytes[usize::try_from(whole.frames()[1].offset).unwrap() + 9] ^= 1;
    let base = Arc::new(Pack::open(&written.name, Arc::new(Bytes::from(bytes))).unwrap());
    let packs = Packs::new(base, Vec::new()).unwrap();
    assert!(packs.live_at(4, &mut |_| Ok(())).unwrap_err().to_string().contains("frame 1"));
    let aside = Aside::default();
    let packs = packs.setting_aside(aside.clone());
    let mut seen = Vec::new();
    packs.live_at(4, &mut into(&mut seen)).unwrap();
    assert!(seen == [live[0].clone(), live[2].clone()]);
    let noted = aside.noted().0;
    assert!(noted[0].to_string().ends_with("keys from /b to /b are not seen"), "{}", noted[0]);
    // Below its revision, an older record would be taken for what is lost.
    assert!(packs.live_at(3, &mut |_| Ok(())).is_err());
}

#[test]
fn who_looks_into_a_database_passes_over_what_is_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let sound = |main, key: &'static str| {
        let it = KeyValue {
            key: key.into(),
            create_revision: main,
            mod_revision: main,
            version: 1,
            ..KeyValue::default()
        };
        Record::put(Revision { main, sub: 0 }, &it)
    };
    let mut writer = Writer::create(&path).unwrap();
    let mut keys = writer.bucket("key").unwrap();
    let all = [
        sound(2, "a"),
        odd(3, b"\xff\xff"),
        odd(4, b"\x0a\x01a\x7f"),
        sound(5, "b"),
    ];
    for it in &all {
        let it = Record { tombstone: false, ..it.clone() };
        keys.put(&it.entry_key(), &it.value).unwrap();
    }
    keys.finish().unwrap();
    writer.bucket("meta").unwrap().finish().unwrap();
    writer.finish().unwrap();
    let source = || DatabaseSource::new(Database::open(&path).unwrap()).unwrap();
    assert!(source().live_at(5, &mut |_| Ok(())).is_err());
    let aside = Aside::default();
    let mut live = Vec::new();
    source().setting_aside(aside.clone()).live_at(5, &mut into(&mut live)).unwrap();
    let revisions: Vec<u64> = sorted(live).iter().map(|it| it.revision.main).collect();
    assert_eq!(revisions, [4, 5], "the damaged version of a stands for it");
    assert_eq!(
        aside
            .noted()
            .0
            .iter()
            .filter_map(|it| it.revision)
            .map(|it| it.main)
            .collect::<Vec<_>>(),
        [3]
    );
}

#[test]
fn what_the_sink_returns_ends_the_walk() {
    let mut taken = 0;
    let ended = history().packs.live_at(9, &mut |_| {
        taken += 1;
        Err(FileError::damaged("the output", "byte 0", "full"))
    });
    assert!(matches!(ended, Err(SelectionError::File(_))));
    assert_eq!(taken, 1);
}

/// A database file as etcd would have it, a compaction included.
fn database(model: &Model, compaction: u64, path: &std::path::Path) -> DatabaseSource {
    let mut writer = Writer::create(path).unwrap();
    let mut key = writer.bucket("key").unwrap();
    model
        .since(compaction, model.last)
        .iter()
        .for_each(|it| key.put(&it.entry_key(), &it.value).unwrap());
    key.finish().unwrap();
    let mut meta = writer.bucket("meta").unwrap();
    let mark = Revision { main: compaction, sub: 0 }.entry_key(false);
    if compaction > 0 {
        meta.put(b"finishedCompactRev", &mark).unwrap();
    }
    meta.finish().unwrap();
    writer.finish().unwrap();
    DatabaseSource::new(Database::open(path).unwrap()).unwrap()
}

/// An object that counts what is read of it.
struct Counted(Bytes, Arc<AtomicU64>);

impl Object for Counted {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> std::io::Result<()> {
        self.1.fetch_add(into.len() as u64, Ordering::Relaxed);
        self.0.read_at(offset, into)
    }
}

/// A base of several frames, whose values cannot be compressed, with its size.
fn large(read: &Arc<AtomicU64>) -> (Arc<Pack>, u64) {
    let mut writer = BaseWriter::new(Vec::new()).unwrap();
    for n in 1..=40 {
        let mut value = vec![0; 400_000];
        blake3::Hasher::new().update(&[n]).finalize_xof().fill(&mut value);
        let kv = KeyValue {
            key: format!("/registry/{n:02}").into(),
            create_revision: u64::from(n),
            mod_revision: u64::from(n),
            version: 1,
            value: value.into(),
            lease: 0,
        };
        writer.live(&Record::put(Revision { main: n.into(), sub: 0 }, &kv)).unwrap();
    }
    let (written, bytes) = writer.finish(made::header(40, 1), &Buckets::new()).unwrap();
    let size = bytes.len() as u64;
    let object = Arc::new(Counted(bytes.into(), Arc::clone(read)));
    (Arc::new(Pack::open(&written.name, object).unwrap()), size)
}

#[test]
fn of_a_large_base_one_key_costs_the_index_and_one_frame() {
    let read = Arc::new(AtomicU64::new(0));
    let (base, size) = large(&read);
    let frames: Vec<u64> = base.frames().iter().map(|it| it.stored as u64).collect();
    assert!(frames.len() >= 4, "{frames:?}");
    let (index, largest) = (size - frames.iter().sum::<u64>(), *frames.iter().max().unwrap());
    let packs = Packs::new(base, vec![]).unwrap();
    let look_up = |versions: bool| {
        let before = read.load(Ordering::Relaxed);
        let mut found = Vec::new();
        match versions {
            true => packs.versions_under(b"/registry/17", 1, 40, &mut into(&mut found)).unwrap(),
            false => packs.live_under(b"/registry/17", 40, &mut into(&mut found)).unwrap(),
        }
        assert_eq!(found.iter().map(|it| it.revision.main).collect::<Vec<_>>(), [17]);
        read.load(Ordering::Relaxed) - before
    };
    let opened = read.load(Ordering::Relaxed);
    assert!(opened <= index + 64, "{opened} of {index}");
    assert!(
        [look_up(false), look_up(true)].iter().all(|it| *it <= largest),
        "more than one frame was read"
    );
}

#[test]
fn versions_come_in_order_also_out_of_the_base() {
    let mut found = Vec::new();
    history().packs.versions_under(b"", 2, 9, &mut into(&mut found)).unwrap();
    assert_eq!(found.iter().map(|it| it.revision.main).collect::<Vec<_>>(), [3, 4, 5, 6, 7, 8, 9]);
}

proptest! {
    #[test]
    fn any_database_is_what_the_model_says(model in models(), compaction: Index, at: [Index; 2]) {
        let compaction = compaction.index(model.last as usize + 1) as u64;
        let folder = tempfile::tempdir().unwrap();
        same(&database(&model, compaction, &folder.path().join("db")), &model, at);
    }

    #[test]
    fn any_moment_of_any_history_is_what_the_model_says(history in histories(), at: [Index; 2]) {
        same(&history.packs, &history.model, at);
    }
}
