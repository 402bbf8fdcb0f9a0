use super::*;
use crate::{
    history::{Name, Pack, Seen, Source},
    record::KeyValue,
};
use proptest::prelude::*;

pub(crate) fn put(main: u64, key: &str, value: &[u8]) -> Record {
    let key = Bytes::copy_from_slice(key.as_bytes());
    let value = Bytes::copy_from_slice(value);
    let it = KeyValue {
        key,
        create_revision: main,
        mod_revision: main,
        version: 1,
        value,
        lease: 0,
    };
    Record::put(Revision { main, sub: 0 }, &it)
}

pub(crate) fn header(after: u64, through: u64) -> SegmentHeader {
    SegmentHeader {
        timeline: 1,
        kind: Kind::Captured,
        prev: crate::history::Link([7; 32]),
        after,
        through,
        count: 0,
        times: vec![Seen { revision: through, at_ms: through * 1000 }],
        leases: Vec::new(),
        source: Source { cluster_id: 1, member_id: 2, raft_term: 3 },
    }
}

fn read(bytes: &Bytes, name: &Name) -> Result<Vec<Record>, FileError> {
    let pack = Pack::open(name, Arc::new(bytes.clone()))?;
    let mut records = Vec::new();
    for number in pack.frames_of(Role::Changes) {
        for record in pack.records(number)? {
            records.push(record?);
        }
    }
    Ok(records)
}

#[test]
fn what_is_written_is_read() {
    let records = vec![
        put(5, "a", b"one"),
        Record::deletion(Revision { main: 6, sub: 0 }, "b".into()),
        Record {
            revision: Revision { main: 6, sub: 1 },
            ..put(6, "a", b"two")
        },
        put(9, "c", b""),
    ];
    let (bytes, written) = encode_segment(header(4, 10), &records, None).unwrap();
    assert_eq!(read(&bytes, &written.name).unwrap(), records);
    let pack = Pack::open(&written.name, Arc::new(bytes.clone())).unwrap();
    assert_eq!(pack.header(), &written.header);
    assert_eq!((pack.header().segment().unwrap().count, written.bytes), (4, bytes.len() as u64));
    assert_eq!((pack.link(), pack.chain()), (written.link, written.link));
}

#[test]
fn a_segment_without_records_says_that_nothing_has_changed() {
    let (bytes, written) = encode_segment(header(4, 4), [], None).unwrap();
    assert_eq!(read(&bytes, &written.name).unwrap(), []);
}

#[test]
fn large_segments_have_several_frames_and_large_records_frames_of_their_own() {
    let big = vec![1; 5 << 20];
    let records: Vec<Record> = (1..=40)
        .map(|main| put(main, "k", if main == 20 { &big } else { &big[..400_000] }))
        .collect();
    let (bytes, written) = encode_segment(header(0, 40), &records, None).unwrap();
    assert_eq!(read(&bytes, &written.name).unwrap(), records);
    let pack = Pack::open(&written.name, Arc::new(bytes)).unwrap();
    let counts: Vec<u64> = pack.frames().iter().map(|frame| frame.count).collect();
    assert_eq!(counts, [11, 8, 1, 11, 9]);
}

#[test]
fn what_is_out_of_order_or_bounds_is_not_written() {
    let after_itself = [put(5, "a", b""), put(5, "a", b"")];
    assert!(encode_segment(header(4, 10), &after_itself, None).is_err());
    assert!(encode_segment(header(4, 10), [&put(4, "a", b"")], None).is_err());
    assert!(encode_segment(header(4, 10), [&put(11, "a", b"")], None).is_err());
    let no_times = SegmentHeader { times: Vec::new(), ..header(4, 10) };
    assert!(encode_segment(no_times, [], None).is_err());
    let mut captured = SegmentWriter::new(Vec::new(), header(4, 10), None);
    assert!(captured.gone(b"a").is_err());
}

#[test]
fn a_synthetic_segment_has_keys_that_are_gone() {
    let stands_for = crate::history::Link([9; 32]);
    let header = SegmentHeader {
        kind: Kind::Synthetic { compaction: 8, stands_for },
        ..header(4, 10)
    };
    let mut writer = SegmentWriter::new(Vec::new(), header, None);
    writer.record(&put(9, "x", b"1")).unwrap();
    writer.gone(b"a").unwrap();
    assert!(writer.gone(b"a").is_err());
    writer.gone(b"b").unwrap();
    let (written, bytes) = writer.finish().unwrap();
    assert_eq!(written.chain, stands_for);
    let pack = Pack::open(&written.name, Arc::new(Bytes::from(bytes))).unwrap();
    let number = pack.frames_of(Role::Gone)[0];
    let keys: Vec<Bytes> = pack.gone(number).unwrap().map(Result::unwrap).collect();
    assert_eq!(keys, ["a", "b"]);
    let header = pack.header().segment().unwrap();
    assert_eq!((header.gone_at(), header.hole().map(|hole| (hole.after, hole.until))), (8, Some((4, 8))));
}

proptest! {
    #[test]
    fn any_records_come_back(steps in prop::collection::vec((1_u64..1 << 40, any::<u32>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..40)), 0..50)) {
        let mut main = 0;
        let records: Vec<Record> = steps.into_iter().map(|(step, sub, tombstone, value)| {
            main += step;
            Record { revision: Revision { main, sub }, tombstone, value: value.into() }
        }).collect();
        let (bytes, written) = encode_segment(header(0, main), &records, None).unwrap();
        prop_assert_eq!(read(&bytes, &written.name).unwrap(), records);
    }

    #[test]
    fn no_changed_byte_goes_unseen(at in any::<prop::sample::Index>(), bit in 0..8) {
        let records: Vec<Record> = (1..20).map(|main| put(main, "key", b"value")).collect();
        let (bytes, written) = encode_segment(header(0, 20), &records, None).unwrap();
        let mut changed = bytes.to_vec();
        changed[at.index(bytes.len())] ^= 1_u8 << bit;
        prop_assert!(read(&changed.into(), &written.name).is_err());
        let cut = bytes.slice(..at.index(bytes.len()));
        prop_assert!(read(&cut, &written.name).is_err());
    }
}
