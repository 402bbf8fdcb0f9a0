//! A history in which there is everything that a reader must know, and what its state is.

use etcd::bbolt::Writer;
use etcd::database::Database;
use etcd::history::{
    Began, Dictionary, Directory, History, Kind, Link, Seen, SegmentHeader, SegmentWriter, Shelf, Source, Taken,
    Written, take_base,
};
use etcd::rebuild::{Line, Marks, Request, Target, rebuild};
use etcd::selection::Packs;
use etcd::{KeyValue, Record, Revision};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// When revision 0 would have been: 2026-01-02T03:04:05Z. Revision n came n seconds later.
const BEGIN_MS: u64 = 1_767_323_045_000;

/// The youngest timeline.
const TIMELINE: u32 = 2;

/// Keys, each of which another kind of frame tells of.
pub(crate) const TELLING: [&str; 7] = [
    // Only in the base; and changed in it, so that it is in a dictionary, too.
    "/registry/configmaps/default/c299",
    "/registry/configmaps/default/c050",
    // Changed, and deleted, in a segment with a dictionary.
    "/registry/configmaps/default/c010",
    "/registry/configmaps/default/c011",
    // In a frame too large for one.
    "/registry/secrets/default/large",
    // Gone in a coalesced segment, and in a gap.
    "/registry/configmaps/default/c020",
    "/registry/configmaps/default/c030",
];

/// By key, the revision of the last change and the value.
pub(crate) type State = BTreeMap<String, (u64, Vec<u8>)>;

/// A change of a key; no value: a deletion.
type Change = (u64, &'static str, Option<Vec<u8>>);

pub(crate) struct Made {
    pub(crate) folder: PathBuf,
    shelf: Directory,
    dictionary: Option<Arc<Dictionary>>,
    last: (u64, Link),
    state: State,
    before: Vec<(u64, State)>,
}

impl Made {
    pub(crate) fn new(folder: PathBuf) -> Self {
        let shelf = Directory::open(&folder).unwrap();
        let nothing = (0, Link([0; 32]));
        let (state, before) = (State::new(), Vec::new());
        let mut it = Self {
            folder,
            shelf,
            dictionary: None,
            last: nothing,
            state,
            before,
        };
        it.base(1, 40);
        it.state.clear();
        it.base(TIMELINE, 400);
        it.dictionary = it.opened().tail().unwrap().unwrap().dictionary;
        assert!(it.dictionary.is_some());
        it.segments();
        it
    }

    fn segments(&mut self) {
        let [_, _, changed, deleted, large, coalesced, lost] = TELLING;
        let begin = self.last;
        // In the middle of a segment.
        let mut inside = self.state.clone();
        inside.insert(changed.to_owned(), (401, text(401)));
        self.before.push((401, inside));
        let first = vec![
            (401, changed, Some(text(401))),
            (402, deleted, None),
            (402, changed, Some(text(402))),
        ];
        self.segment(405, Kind::Captured, &first, &[]);
        self.segment(405, Kind::Captured, &[], &[]);
        let second = vec![(406, large, Some(noise(1_500_000))), (407, deleted, Some(text(407)))];
        let last = self.segment(407, Kind::Captured, &second, &[]);
        // What stands for the three of them, beside them: no change.
        self.last = begin;
        self.segment(407, Kind::Merged { stands_for: last.chain }, &[first, second].concat(), &[]);
        self.segment(408, Kind::Captured, &[(408, "/registry/pods/default/new", Some(text(408)))], &[]);
        self.before.push((408, self.state.clone()));

        let stands_for = Link([9; 32]);
        let third = [(412, changed, Some(text(412))), (413, deleted, None)];
        self.segment(413, Kind::Coalesced { stands_for }, &third, &[coalesced]);
        let kind = Kind::Synthetic { compaction: 420, stands_for: Link([7; 32]) };
        self.segment(425, kind, &[(421, coalesced, Some(text(421))), (425, changed, None)], &[lost]);
        self.segment(430, Kind::Captured, &[(430, changed, Some(text(430))), (430, coalesced, None)], &[]);
    }

    /// What exists at the end.
    pub(crate) fn now(&self) -> &State {
        &self.state
    }

    /// Revisions before things were deleted, and what existed then.
    pub(crate) fn before(&self) -> &[(u64, State)] {
        &self.before
    }

    /// The last revision and when it had come, as the page's program shows it.
    pub(crate) fn last_time(&self) -> String {
        format!("2026-01-02T03:11:15+00:00 {}", self.last.0)
    }

    /// A snapshot of the end, as `etcdctl snapshot save` makes it.
    pub(crate) fn snapshot(&self, path: &Path) {
        let moment = self.opened().moment(TIMELINE, self.last.0).unwrap();
        let request = Request {
            revision: self.last.0,
            line: Line::V3_5,
            marks: Marks::Current,
            target: Target::Snapshot { path: path.to_owned() },
        };
        let rebuilt = rebuild(&Packs::of(&moment).unwrap(), &request).unwrap();
        // Two readers of one history.
        assert_eq!(rebuilt.keys, self.state.len() as u64);
    }

    fn opened(&self) -> History {
        History::open(Arc::new(Directory::open(&self.folder).unwrap())).unwrap()
    }

    fn base(&mut self, timeline: u32, revision: u64) {
        let file = self.folder.join(".database");
        let mut writer = Writer::create(&file).unwrap();
        let mut keys = writer.bucket("key").unwrap();
        for main in 2..=revision {
            let record =
                self.change(&(main, &format!("/registry/configmaps/default/c{:03}", main % 300), Some(text(main))), 0);
            keys.put(&record.entry_key(), &record.value).unwrap();
        }
        keys.finish().unwrap();
        writer.bucket("meta").unwrap().finish().unwrap();
        writer.finish().unwrap();
        let taken = Taken {
            timeline,
            taken_ms: BEGIN_MS + revision * 1000,
            source: Source::default(),
            etcd_version: "3.5.21".to_owned(),
            began: Began::First,
            note: String::new(),
        };
        let database = Database::open(&file).unwrap();
        let (written, bytes) = take_base(&database, taken, &self.folder, Vec::new(), &mut |_| Ok(())).unwrap();
        fs::remove_file(file).unwrap();
        self.put(&written, &bytes, revision);
    }

    fn segment(&mut self, through: u64, kind: Kind, changes: &[Change], gone: &[&str]) -> Written {
        let (after, prev) = self.last;
        let header = SegmentHeader {
            timeline: TIMELINE,
            kind,
            prev,
            after,
            through,
            count: 0,
            times: vec![Seen { revision: through, at_ms: BEGIN_MS + through * 1000 }],
            leases: Vec::new(),
            source: Source::default(),
        };
        let mut writer = SegmentWriter::new(Vec::new(), header, self.dictionary.clone());
        for key in gone {
            writer.gone(key.as_bytes()).unwrap();
            self.state.remove(*key);
        }
        let mut last = (0, 0);
        for change in changes {
            last = (change.0, if last.0 == change.0 { last.1 + 1 } else { 0 });
            writer.record(&self.change(change, last.1)).unwrap();
        }
        let (written, bytes) = writer.finish().unwrap();
        self.put(&written, &bytes, through);
        written
    }

    /// Carries out a change, and returns its record.
    fn change(&mut self, (main, key, value): &(u64, &str, Option<Vec<u8>>), sub: u32) -> Record {
        let revision = Revision { main: *main, sub };
        let Some(value) = value else {
            self.state.remove(*key);
            return Record::deletion(revision, key.as_bytes().to_vec().into());
        };
        let before = self.state.insert((*key).to_owned(), (*main, value.clone()));
        let kv = KeyValue {
            key: key.as_bytes().to_vec().into(),
            create_revision: before.as_ref().map_or(*main, |_| 2),
            mod_revision: *main,
            version: if before.is_some() { 2 } else { 1 },
            value: value.clone().into(),
            lease: 0,
        };
        Record::put(revision, &kv)
    }

    fn put(&mut self, written: &Written, mut bytes: &[u8], through: u64) {
        self.shelf.create(&written.name, &mut bytes).unwrap();
        self.last = (through, written.chain);
    }
}

/// A value, much of which is the same in all of them.
fn text(number: u64) -> Vec<u8> {
    let mut text = b"k8s\0".to_vec();
    for line in 0..12 {
        text.extend(format!("setting.{line}: value {} of revision {number}\n", number * 7919 % (line + 2)).bytes());
    }
    text
}

/// Bytes that cannot be compressed.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(&mut next).take(length).collect()
}
