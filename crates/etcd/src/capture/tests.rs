//! What a capture begins with, by what is on the shelf.

use super::*;
use crate::history::{
    BaseHeader, BaseWriter, Began, Buckets, Directory, Kind, Link, Seen as SeenAt, SegmentHeader, Source, Written,
    encode_segment,
};
use crate::{KeyValue, Revision};
use bytes::Bytes;
use std::path::Path;

fn put(main: u64) -> Record {
    let it = KeyValue {
        key: Bytes::from_static(b"key"),
        create_revision: main,
        mod_revision: main,
        version: 1,
        value: Bytes::new(),
        lease: 0,
    };
    Record::put(Revision { main, sub: 0 }, &it)
}

fn base(shelf: &Directory) -> Written {
    let header = BaseHeader {
        timeline: 1,
        revision: 10,
        compaction: 0,
        taken_ms: 1,
        source: Source::default(),
        etcd_version: String::new(),
        began: Began::First,
        note: String::new(),
        stands_for: None,
        live: 0,
        older: 0,
        raw: 0,
    };
    let writer = BaseWriter::new(Vec::new()).unwrap();
    let (written, bytes) = writer.finish(header, &Buckets::new()).unwrap();
    shelf.create(&written.name, &mut &*bytes).unwrap();
    written
}

fn segment(shelf: &Directory, prev: Link, after: u64, through: u64) -> Written {
    let header = SegmentHeader {
        timeline: 1,
        kind: Kind::Captured,
        prev,
        after,
        through,
        count: 0,
        times: vec![SeenAt { revision: through, at_ms: 1 }],
        leases: Vec::new(),
        source: Source::default(),
    };
    let records: Vec<_> = (after + 1..=through).map(put).collect();
    let (bytes, written) = encode_segment(header, &records, None).unwrap();
    shelf.create(&written.name, &mut &*bytes).unwrap();
    written
}

fn spoil(folder: &Path, written: &Written) {
    std::fs::write(folder.join(written.name.to_string()), "spoilt").unwrap();
}

#[test]
fn the_last_put_is_found_behind_a_quiet_night() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Directory::open(folder.path()).unwrap();
    let mut last = segment(&shelf, base(&shelf).chain, 10, 11);
    for _ in 0..2 * identity::LOOKED_AT {
        last = segment(&shelf, last.chain, 11, 11);
    }
    let begin = begin(Arc::new(shelf)).unwrap();
    assert_eq!(begin.last.map(|it| it.revision.main), Some(11));
    assert!(!begin.is_damaged);
}

#[test]
fn a_damaged_end_is_captured_again() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Directory::open(folder.path()).unwrap();
    let one = segment(&shelf, base(&shelf).chain, 10, 11);
    let two = segment(&shelf, one.chain, 11, 12);
    spoil(folder.path(), &two);
    let begin = begin(Arc::new(shelf)).unwrap();
    assert_eq!(begin.tail.map(|it| (it.link, it.through)), Some((one.chain, 11)));
    assert!(!begin.is_damaged);
}

#[test]
fn a_damaged_base_calls_for_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Directory::open(folder.path()).unwrap();
    let first = base(&shelf);
    segment(&shelf, first.chain, 10, 11);
    spoil(folder.path(), &first);
    let begin = begin(Arc::new(shelf)).unwrap();
    assert!(begin.is_damaged && begin.tail.is_none() && begin.last.is_none());
    assert_eq!(begin.timeline, 1);
}
