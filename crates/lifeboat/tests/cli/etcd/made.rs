//! Databases and histories for sessions, made without an etcd. Their times are fixed, and so are their names.

use ::etcd::bbolt::Writer;
use ::etcd::database::Database;
use ::etcd::history::{
    Began, Directory, Header, Kind, Link, Name, Seen, SegmentHeader, Shelf, Source, Taken, Written, encode_segment,
    take_base,
};
use ::etcd::{KeyValue, Record, Revision};
use std::fs;
use std::path::{Path, PathBuf};

/// When the first base was taken: 2026-01-02T03:04:05Z. Revision n was seen n seconds later.
const BEGIN_MS: u64 = 1_767_323_045_000;

/// An empty directory of `test`'s own.
pub(super) fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("etcd").join(test);
    _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    // As the process in it will see it.
    folder.canonicalize().unwrap()
}

/// Key `k1` and so on, one a revision from 2 on; revision 5 deletes `k3`, and `k4` hangs on a lease.
fn record(main: u64) -> Record {
    if main == 5 {
        return Record::deletion(Revision { main, sub: 0 }, "k3".into());
    }
    let kv = KeyValue {
        key: format!("k{main}").into(),
        create_revision: main,
        mod_revision: main,
        version: 1,
        value: format!("value {main}").into(),
        lease: if main == 4 { 0x77 } else { 0 },
    };
    Record::put(Revision { main, sub: 0 }, &kv)
}

/// A database that etcd 3.6 could have left, at revision `through`; compacted at `compaction` unless that is 0.
pub(crate) fn database(path: &Path, compaction: u64, through: u64) {
    database_of(path, compaction, through, record);
}

fn database_of(path: &Path, compaction: u64, through: u64, record: fn(u64) -> Record) {
    let mut writer = Writer::create(path).unwrap();
    let mut keys = writer.bucket("key").unwrap();
    for main in (2..=through).filter(|&main| main > compaction || main < 5 && main != 3) {
        let record = record(main);
        keys.put(&record.entry_key(), &record.value).unwrap();
    }
    keys.finish().unwrap();
    let mut meta = writer.bucket("meta").unwrap();
    if compaction > 0 {
        let mark = Revision { main: compaction, sub: 0 }.entry_key(false);
        meta.put(b"finishedCompactRev", &mark).unwrap();
        meta.put(b"scheduledCompactRev", &mark).unwrap();
    }
    meta.put(b"storageVersion", b"3.6.0").unwrap();
    meta.finish().unwrap();
    writer.finish().unwrap();
}

/// A history as capture would have left it.
pub(crate) struct Made {
    pub(super) path: PathBuf,
    shelf: Directory,
    timeline: u32,
    last: (u64, Link),
    record: fn(u64) -> Record,
}

impl Made {
    /// With a base of revision 6, and a segment for each revision through 9.
    pub(crate) fn new(path: &Path) -> Self {
        Self::of(path, record, 9)
    }

    /// The same of other records, through another revision.
    pub(super) fn of(path: &Path, record: fn(u64) -> Record, through: u64) -> Self {
        let shelf = Directory::open(path).unwrap();
        let nothing = (0, Link([0; 32]));
        let mut it = Self {
            path: path.to_owned(),
            shelf,
            timeline: 1,
            last: nothing,
            record,
        };
        it.base(0, 6, Began::First);
        (7..=through).for_each(|through| it.segment(through, Kind::Captured));
        it
    }

    /// Then etcd was compacted, and captured again from revision 20 on.
    pub(super) fn with_a_hole(mut self) -> Self {
        let before = self.last;
        let base = self.base(20, 22, Began::Gap);
        self.last = before;
        let kind = Kind::Synthetic { compaction: 20, stands_for: base.link };
        self.segment(22, kind);
        self.segment(23, Kind::Captured);
        self
    }

    /// Then another etcd was at its place.
    pub(super) fn with_another_timeline(mut self) -> Self {
        self.timeline += 1;
        self.base(0, 6, Began::OtherCluster);
        self
    }

    /// Then it was restored, and nobody captured for a while.
    pub(super) fn with_a_later_timeline(mut self) -> Self {
        self.timeline += 1;
        self.base(0, 60, Began::OtherCluster);
        self
    }

    /// The files of its segments, in order.
    pub(super) fn segments(&self) -> Vec<PathBuf> {
        let names = self.shelf.list().unwrap().into_iter();
        let segments = names.filter(|name| matches!(name, Name::Segment(_)));
        segments.map(|name| self.path.join(name.to_string())).collect()
    }

    fn base(&mut self, compaction: u64, revision: u64, began: Began) -> Written {
        let file = self.path.join(".database");
        database_of(&file, compaction, revision, self.record);
        let taken = Taken {
            timeline: self.timeline,
            taken_ms: BEGIN_MS + revision * 1000,
            source: source(),
            etcd_version: "3.6.16".to_owned(),
            began,
            note: String::new(),
        };
        let opened = Database::open(&file).unwrap();
        let (written, bytes) = take_base(&opened, taken, &self.path, Vec::new(), &mut |_| Ok(())).unwrap();
        fs::remove_file(file).unwrap();
        self.put(&written, &bytes);
        written
    }

    fn segment(&mut self, through: u64, kind: Kind) {
        let (after, prev) = self.last;
        let header = SegmentHeader {
            timeline: self.timeline,
            kind,
            prev,
            after,
            through,
            count: 0,
            times: vec![Seen { revision: through, at_ms: BEGIN_MS + through * 1000 }],
            leases: Vec::new(),
            source: source(),
        };
        let first = match kind {
            Kind::Synthetic { compaction, .. } => compaction + 1,
            _ => after + 1,
        };
        let records: Vec<_> = (first..=through).map(self.record).collect();
        let (bytes, written) = encode_segment(header, &records, None).unwrap();
        self.put(&written, &bytes);
    }

    fn put(&mut self, written: &Written, mut bytes: &[u8]) {
        self.shelf.create(&written.name, &mut bytes).unwrap();
        let through = match &written.header {
            Header::Base(it) => it.revision,
            Header::Segment(it) => it.through,
        };
        self.last = (through, written.chain);
    }
}

/// Changes the byte in the middle of a file.
pub(super) fn damage(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// A base in a format that nobody knows yet.
pub(super) fn newer(history: &Path) {
    let index = [0x08, 2];
    let hash = blake3::hash(&index);
    let length = u32::try_from(index.len()).unwrap().to_le_bytes();
    let magic = b"lbpack\x00\x01";
    let pack = [magic.as_slice(), &index, &length, hash.as_bytes(), magic].concat();
    let mark = &hash.to_hex()[..16];
    fs::create_dir_all(history).unwrap();
    fs::write(history.join(format!("t0001-base-{:020}-{mark}", 6)), pack).unwrap();
}

fn source() -> Source {
    Source { cluster_id: 7, member_id: 8, raft_term: 2, raft_index: 9 }
}
