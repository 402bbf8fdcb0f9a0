use super::*;
use crate::{
    KeyValue, Record, Revision,
    history::{BaseHeader, BaseWriter, Began, Source},
};
use proptest::prelude::*;

fn put(main: u64, key: &str, value_bytes: usize) -> Record {
    // Not compressible, so that frames cannot be mistaken for each other.
    let mut value = vec![0; value_bytes];
    let mut seed = blake3::Hasher::new();
    seed.update(key.as_bytes()).finalize_xof().fill(&mut value);
    let key = Bytes::copy_from_slice(key.as_bytes());
    let it = KeyValue {
        key,
        create_revision: 1,
        mod_revision: main,
        version: 1,
        value: value.into(),
        lease: 0,
    };
    Record::put(Revision { main, sub: 0 }, &it)
}

fn header() -> BaseHeader {
    BaseHeader {
        timeline: 1,
        revision: 1000,
        compaction: 5,
        taken_ms: 1,
        source: Source::default(),
        etcd_version: "3.6.16".to_owned(),
        began: Began::Gap,
        note: "compacted at 5, 3 were seen".to_owned(),
        stands_for: None,
        live: 0,
        older: 0,
        raw: 0,
    }
}

fn base(live: &[Record], older: &[Record], others: &Buckets) -> (Name, Bytes) {
    let mut writer = BaseWriter::new(Vec::new()).unwrap();
    live.iter().for_each(|record| writer.live(record).unwrap());
    older.iter().for_each(|record| writer.older(record).unwrap());
    let (written, bytes) = writer.finish(header(), others).unwrap();
    (written.name, bytes.into())
}

fn open(name: &Name, bytes: &Bytes) -> Result<Pack, FileError> {
    Pack::open(name, Arc::new(bytes.clone()))
}

/// Reads all that is in a pack.
fn read_all(name: &Name, bytes: &Bytes) -> Result<(Vec<Record>, Buckets, usize), FileError> {
    let pack = open(name, bytes)?;
    let mut records = Vec::new();
    for role in [Role::Live, Role::Older] {
        for number in pack.frames_of(role) {
            for record in pack.records(number)? {
                records.push(record?);
            }
        }
    }
    Ok((records, pack.buckets()?, pack.dictionaries()?.len()))
}

fn small() -> (Vec<Record>, Vec<Record>, Buckets) {
    let live = vec![put(7, "a", 10), put(3, "b", 20), put(1000, "c", 0)];
    let older = vec![
        put(6, "a", 10),
        Record::deletion(Revision { main: 8, sub: 3 }, "d".into()),
    ];
    let entries = vec![
        (Bytes::from("one"), Bytes::from("1")),
        (Bytes::from("two"), Bytes::new()),
    ];
    let others = BTreeMap::from([("alarm".to_owned(), vec![]), ("lease".to_owned(), entries)]);
    (live, older, others)
}

#[test]
fn a_base_comes_back_as_it_was() {
    let (live, older, others) = small();
    let (name, bytes) = base(&live, &older, &others);
    assert_eq!(read_all(&name, &bytes).unwrap(), ([live, older].concat(), others, 0));
    let pack = open(&name, &bytes).unwrap();
    let expected = BaseHeader { live: 3, older: 2, ..header() };
    let told = pack.header().base().unwrap();
    assert_eq!(&BaseHeader { raw: 0, ..told.clone() }, &expected);
    assert_eq!(pack.name(), &name);
}

#[test]
fn of_a_prefix_only_its_frames_are_read() {
    // One frame each, but for the two small ones before the last.
    let sizes = [
        ("/a/1", 5 << 20),
        ("/b/1", 5 << 20),
        ("/b/2", 5 << 20),
        ("/c/1", 1),
        ("/c/2", 1),
        ("/d", 5 << 20),
    ];
    let live: Vec<Record> = sizes.iter().map(|&(key, bytes)| put(7, key, bytes)).collect();
    let (name, bytes) = base(&live, &[], &Buckets::new());
    let pack = open(&name, &bytes).unwrap();
    for (prefix, frames) in [
        ("", vec![0, 1, 2, 3, 4]),
        ("/", vec![0, 1, 2, 3, 4]),
        ("/b/", vec![1, 2]),
        ("/b/2", vec![2]),
        ("/c", vec![3]),
        ("/c/15", vec![3]),
        ("/z", vec![]),
        ("!", vec![]),
    ] {
        assert_eq!(pack.frames_for_prefix(prefix.as_bytes()), frames, "{prefix}");
    }
}

#[test]
fn keys_that_are_cut_in_the_index_are_still_found() {
    let long = |end: &str| format!("/{}{end}", "x".repeat(2000));
    let live = vec![
        put(7, &long("1"), 5 << 20),
        put(8, &long("2"), 5 << 20),
        put(9, &long("3"), 5 << 20),
    ];
    let (name, bytes) = base(&live, &[], &Buckets::new());
    let pack = open(&name, &bytes).unwrap();
    assert_eq!(pack.frames_for_prefix(long("2").as_bytes()), [0, 1, 2]);
    assert_eq!(read_all(&name, &bytes).unwrap().0, live);
}

#[test]
fn large_buckets_go_into_several_frames() {
    let entry = |n: u32| (Bytes::copy_from_slice(&n.to_be_bytes()), Bytes::from(vec![1; 1 << 20]));
    let others = BTreeMap::from([
        ("auth".to_owned(), vec![]),
        ("lease".to_owned(), (0..10).map(entry).collect()),
    ]);
    let (name, bytes) = base(&[], &[], &others);
    assert_eq!(open(&name, &bytes).unwrap().frames_of(Role::Buckets).len(), 3);
    assert_eq!(read_all(&name, &bytes).unwrap().1, others);
}

#[test]
fn what_is_out_of_order_is_not_written() {
    let mut writer = BaseWriter::new(Vec::new()).unwrap();
    writer.live(&put(7, "b", 1)).unwrap();
    assert!(writer.live(&put(8, "b", 1)).is_err());
    assert!(writer.live(&put(8, "a", 1)).is_err());
    assert!(
        writer
            .live(&Record::deletion(Revision { main: 9, sub: 0 }, "c".into()))
            .is_err()
    );
    writer.older(&put(7, "z", 1)).unwrap();
    assert!(writer.older(&put(7, "a", 1)).is_err());
    // Beyond the revision that the header says.
    writer.live(&put(1001, "d", 1)).unwrap();
    assert!(writer.finish(header(), &Buckets::new()).is_err());
}

#[test]
fn a_full_disk_is_told_and_no_thread_hangs() {
    struct Full(usize);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut writer = BaseWriter::new(Full(6 << 20)).unwrap();
    let failed = (0..100)
        .find_map(|n| writer.live(&put(7, &format!("{n:03}"), 3 << 20)).err())
        .unwrap();
    assert!(matches!(failed, FileError::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull));
}

#[test]
fn what_is_no_pack_says_so() {
    let (live, older, others) = small();
    let (name, bytes) = base(&live, &older, &others);
    let (_, other) = base(&live[..1], &older, &others);
    let why = |bytes: Bytes| open(&name, &bytes).map(drop).unwrap_err().to_string();
    assert!(why(Bytes::new()).contains("too short"));
    assert!(why(Bytes::from(vec![0; 200])).contains("does not begin as a pack does"));
    assert!(why(bytes.slice(..bytes.len() - 1)).contains("cut off or changed"));
    assert!(why(bytes.slice(1..)).contains("does not begin"));
    assert!(why(other).contains("not what its name says"));
    let newer = newer(&bytes);
    let why = open(&name, &newer).map(drop).unwrap_err();
    assert!(matches!(why, FileError::Newer { .. }), "{why}");
}

/// The pack as a later version would write it: format 2, everything else the same.
fn newer(bytes: &Bytes) -> Bytes {
    let mut bytes = bytes.to_vec();
    let footer = bytes.len() - FOOTER_BYTES;
    let length = u32::from_le_bytes(bytes[footer..footer + 4].try_into().unwrap()) as usize;
    let index = footer - length;
    assert_eq!(bytes[index..index + 2], [8, 1]);
    bytes[index + 1] = 2;
    let hash = *blake3::hash(&bytes[index..footer]).as_bytes();
    bytes[footer + 4..footer + 36].copy_from_slice(&hash);
    bytes.into()
}

proptest! {
    #[test]
    fn no_changed_byte_goes_unseen(at in any::<prop::sample::Index>(), bit in 0..8) {
        let (live, older, others) = small();
        let (name, bytes) = base(&live, &older, &others);
        let mut changed = bytes.to_vec();
        changed[at.index(bytes.len())] ^= 1_u8 << bit;
        prop_assert!(read_all(&name, &changed.into()).is_err());
        prop_assert!(read_all(&name, &bytes.slice(..at.index(bytes.len()))).is_err());
        prop_assert!(read_all(&name, &bytes.slice(at.index(bytes.len()) + 1..)).is_err());
    }
}
