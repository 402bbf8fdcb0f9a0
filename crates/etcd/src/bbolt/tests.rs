//! What is written is read, whatever its shape; misuse is refused. Bad files are in `damage`.

mod damage;
mod lying;

use super::{BRANCH, Bucket, HEADER_BYTES, LEAF, Pages, Reader, Writer, u16_at, u32_at, u64_at};
use crate::FileError;
use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

pub(super) type Content = BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>;

/// A database with this content.
pub(super) fn written(content: &Content) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let mut writer = Writer::create(&path).unwrap();
    for (name, entries) in content {
        let mut bucket = writer.bucket(name).unwrap();
        for (key, value) in entries {
            bucket.put(key, value).unwrap();
        }
        bucket.finish().unwrap();
    }
    let told = writer.finish().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!((told.bytes, told.pages), (bytes.len() as u64, bytes.len() as u64 / 4096));
    bytes
}

/// All that is in a database, which is read in both ways.
pub(super) fn content(database: impl Into<Bytes>) -> Result<Content, FileError> {
    let reader = open(database)?;
    let mut content = Content::new();
    for name in reader.buckets() {
        let bucket = reader.bucket(name).unwrap();
        let walked = in_order(&bucket);
        match (&walked, as_they_lie(&bucket)) {
            (Ok(walked), Ok(lie)) => assert!(*walked == lie, "they differ"),
            (Err(_), Err(_)) => {}
            (walked, lie) => panic!("{:?}, {:?}", walked.as_ref().err(), lie.err()),
        }
        content.insert(name.to_owned(), walked?);
    }
    Ok(content)
}

fn in_order(bucket: &Bucket) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, FileError> {
    let mut entries = BTreeMap::new();
    for entry in bucket.entries() {
        let (key, value) = entry?;
        assert!(
            entries.last_key_value().is_none_or(|(last, _): (&Vec<u8>, _)| *last < key),
            "not in order"
        );
        entries.insert(key.to_vec(), value.to_vec());
    }
    Ok(entries)
}

fn as_they_lie(bucket: &Bucket) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, FileError> {
    let mut entries = BTreeMap::new();
    for leaf in bucket.leaves() {
        for entry in leaf? {
            let (key, value) = entry?;
            let before = entries.insert(key.to_vec(), value.to_vec());
            assert!(before.is_none(), "twice");
        }
    }
    Ok(entries)
}

pub(super) fn open(database: impl Into<Bytes>) -> Result<Reader, FileError> {
    Reader::open("db", Arc::new(Exact(database.into())))
}

/// Nobody may ask for what is not below the high-water mark: on a stream that would wait forever.
struct Exact(Bytes);

impl Pages for Exact {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let meta = u64_at(&self.0, 56).checked_mul(4096);
        let whole = meta == Some(self.0.len() as u64) && u32_at(&self.0, 16) == 0xED0C_DAED;
        assert!(
            !whole || offset + into.len() as u64 <= self.0.len() as u64,
            "asked for more than there is"
        );
        self.0.read_at(offset, into)
    }
}

/// A bucket of entries that take several pages, more than one level of branches if there are many.
pub(super) fn many(entries: u64, value_bytes: usize) -> Content {
    let entry = |n: u64| (n.to_be_bytes().to_vec(), vec![n as u8; value_bytes]);
    Content::from([("key".to_owned(), (0..entries).map(entry).collect())])
}

/// The pages of a database that belong to its trees: id, flags, count, pages that follow.
fn pages(database: &[u8]) -> Vec<(u64, u16, u16, u32)> {
    let mut found = Vec::new();
    let mut id = 2;
    while let Some(page) = database.get(id * 4096..).filter(|rest| !rest.is_empty()) {
        found.push((u64_at(page, 0), u16_at(page, 8), u16_at(page, 10), u32_at(page, 12)));
        id += 1 + u32_at(page, 12) as usize;
    }
    found
}

#[test]
fn buckets_of_each_kind_are_read_as_written() {
    let bucket = |entries: &[(&str, usize)]| {
        let entry = |&(key, bytes): &(&str, usize)| (key.as_bytes().to_vec(), vec![b'v'; bytes]);
        entries.iter().map(entry).collect()
    };
    let content_of = Content::from([
        ("empty".to_owned(), bucket(&[])),
        ("inline".to_owned(), bucket(&[("a", 0), ("b", 100)])),
        ("one leaf".to_owned(), bucket(&[("a", 900), ("b", 200)])),
        ("overflow".to_owned(), bucket(&[("a", 1), ("b", 5 << 20), ("c", 0)])),
        ("branches".to_owned(), many(3000, 1000).remove("key").unwrap()),
    ]);
    let database = written(&content_of);
    assert!(content(database.clone()).unwrap() == content_of);
    let reader = open(database.clone()).unwrap();
    assert_eq!(
        reader.buckets().collect::<Vec<_>>(),
        ["branches", "empty", "inline", "one leaf", "overflow"]
    );
    assert_eq!((reader.bytes(), reader.page_bytes()), (database.len() as u64, 4096));
    assert!(reader.bucket("other").is_none());
    assert!(reader.bucket("empty").unwrap().last().unwrap().is_none());
    assert_eq!(reader.bucket("overflow").unwrap().last().unwrap().unwrap().0, "c");
    assert!(open(written(&Content::new())).unwrap().buckets().next().is_none());
}

#[test]
fn every_branch_has_two_children_or_more() {
    // bbolt panics when it deletes the last entry of a page that has no neighbour. Keys so long that a branch has room for three.
    for entries in 0..120_u32 {
        let key = |n: u32| [n.to_be_bytes().to_vec(), vec![0; 1200]].concat();
        let all: BTreeMap<_, _> = (0..entries).map(|n| (key(n), vec![7; 9000])).collect();
        let database = written(&Content::from([("key".to_owned(), all.clone())]));
        let found = pages(&database);
        for &(id, flags, count, _) in &found {
            assert!(
                flags == LEAF || (flags == BRANCH && count >= 2),
                "{entries} entries, page {id}: {flags} {count}"
            );
        }
        let branches = found.iter().filter(|page| page.1 == BRANCH).count() as u32;
        assert!(branches >= entries / 3 && branches <= entries, "{entries} entries, {branches} branches");
        assert!(content(database).unwrap()["key"] == all, "{entries} entries");
    }
}

#[test]
fn parts_are_the_whole_in_order() {
    for entries in [0, 1, 5, 200, 12_000] {
        let of = many(entries, 300);
        let bucket = open(written(&of)).unwrap().bucket("key").unwrap();
        for most in [0, 1, 2, 3, 7, 64, 100_000, usize::MAX] {
            let parts = bucket.parts(most).unwrap();
            assert!(parts.len() <= most.max(1), "{entries} entries in {} parts of {most}", parts.len());
            assert!(entries < 12_000 || most < 2 || parts.len() > 1, "{entries} entries in one part of {most}");
            let read = parts.iter().flat_map(|part| part.entries()).map(|entry| entry.unwrap().0);
            assert!(read.eq(of["key"].keys().cloned()), "{entries} entries in {most} parts");
            let last = parts.last().and_then(|part| part.last().unwrap()).map(|(key, _)| key.to_vec());
            assert_eq!(last, of["key"].last_key_value().map(|(key, _)| key.clone()));
        }
    }
}

#[test]
fn memory_that_somebody_kept_is_not_used_again() {
    let of = many(5000, 500);
    let bucket = open(written(&of)).unwrap().bucket("key").unwrap();
    let all: Vec<_> = bucket.entries().map(|entry| entry.unwrap()).collect();
    assert!(
        all.iter()
            .zip(&of["key"])
            .all(|(read, (key, value))| read.0 == key && read.1 == value)
    );
}

#[test]
fn what_would_make_a_bad_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let mut writer = Writer::create(&path).unwrap();
    assert!(matches!(Writer::create(&path), Err(FileError::Io { doing: "created", .. })));
    let refused = |outcome: Result<(), FileError>| match outcome {
        Err(FileError::Io { source, .. }) => assert_eq!(source.kind(), io::ErrorKind::InvalidInput),
        other => panic!("{other:?}"),
    };
    let mut bucket = writer.bucket("a").unwrap();
    refused(bucket.put(b"", b"v"));
    refused(bucket.put(&[1; 32769], b"v"));
    bucket.put(&[1; 32768], b"v").unwrap();
    refused(bucket.put(&[1; 32768], b"v"));
    refused(bucket.put(b"\0", b"v"));
    bucket.finish().unwrap();
    refused(writer.bucket("a").map(|_| ()));
    refused(writer.bucket("").map(|_| ()));
    let _ = writer.bucket("b").unwrap();
    refused(writer.bucket("c").map(|_| ()));
    refused(writer.finish().map(|_| ()));
    let made = Reader::open("db", Arc::new(std::fs::File::open(&path).unwrap()));
    assert!(made.is_err(), "an unfinished file opens");
}

/// The same database with its pages in another order, as one that grew has them. `order` has a number for each page.
fn shuffled(database: &[u8], order: &[u64]) -> Vec<u8> {
    let mut all = pages(database);
    all.iter_mut()
        .zip(order.iter().cycle())
        .for_each(|(page, &n)| page.2 = (n % 1000) as u16);
    all.sort_by_key(|page| page.2);
    let mut next = 2;
    let mut moved = BTreeMap::from([(0, 0)]);
    for (id, _, _, overflow) in &all {
        moved.insert(*id, next);
        next += 1 + u64::from(*overflow);
    }
    let mut out = database[..8192].to_vec();
    for &(id, flags, _, overflow) in &all {
        let at = id as usize * 4096;
        let mut page = database[at..at + (1 + overflow as usize) * 4096].to_vec();
        page[..8].copy_from_slice(&moved[&id].to_le_bytes());
        for i in 0..usize::from(u16_at(&page, 10)) {
            let element = HEADER_BYTES + i * 16;
            let pointer = match flags {
                BRANCH => element + 8,
                _ if u32_at(&page, element) == 1 => {
                    element + u32_at(&page, element + 4) as usize + u32_at(&page, element + 8) as usize
                }
                _ => continue,
            };
            let to = moved[&u64_at(&page, pointer)];
            page[pointer..pointer + 8].copy_from_slice(&to.to_le_bytes());
        }
        out.extend(page);
    }
    let root = moved[&u64_at(database, 32)];
    damage::set_meta(&mut out, |meta| meta.root = root);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_written_is_read(
        sizes in vec(prop_oneof![8 => 0..3000_usize, 2 => 0..20_000_usize, 1 => 0..300_000_usize], 0..150),
        keys in btree_map(vec(any::<u8>(), 1..40), 0..200_usize, 0..400),
        long in vec(1..32768_usize, 0..6),
        order in vec(any::<u64>(), 1..300),
    ) {
        let mut of = many(0, 0);
        of.insert("sizes".to_owned(), sizes.iter().zip(0_u32..).map(|(&n, i)| (i.to_be_bytes().to_vec(), vec![7; n])).collect());
        of.insert("keys".to_owned(), keys.into_iter().map(|(key, n)| (key, vec![8; n])).collect());
        of.insert("long".to_owned(), long.into_iter().map(|n| (vec![b'k'; n], vec![9])).collect());
        let database = written(&of);
        let other = shuffled(&database, &order);
        prop_assert_eq!(other.len(), database.len());
        prop_assert!(content(database).unwrap() == of);
        prop_assert!(content(other).unwrap() == of);
    }
}
