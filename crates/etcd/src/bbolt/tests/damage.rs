//! Files that are damaged, or were made to do harm: an error that says where and why, no panic, and no memory for what is not there.

use super::super::meta::{META_PAGE_BYTES, Meta};
use super::{BRANCH, Content, LEAF, content, many, open, pages, written};
use crate::FileError;
use crate::bbolt::{Pages, Reader};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Changes what both meta pages say.
pub(in crate::bbolt) fn set_meta(database: &mut [u8], change: impl Fn(&mut Meta)) {
    let mut meta = Meta::choose("db", &Bytes::copy_from_slice(database)).unwrap();
    change(&mut meta);
    let page_bytes = meta.page_bytes as usize;
    for (page, at) in [(0, 0), (1, page_bytes)] {
        database[at..at + META_PAGE_BYTES].copy_from_slice(&meta.encoded(page));
    }
}

/// Place and reason of the error that reading all of it ends in.
fn error(database: Vec<u8>) -> (String, String) {
    match content(database).unwrap_err() {
        FileError::Damaged { file, place, reason } => {
            assert_eq!(file, "db");
            (place, reason)
        }
        other => panic!("{other}"),
    }
}

/// Changes `bytes` at a place in a page of a database of 500 entries with a branch and leaves, and reads it.
fn damaged(page: u64, at: usize, bytes: &[u8]) -> (String, String) {
    let mut database = written(&many(500, 1000));
    let at = page as usize * 4096 + at;
    database[at..at + bytes.len()].copy_from_slice(bytes);
    error(database)
}

/// The first page with these flags in the database of `damaged`, and the next with the same.
fn page_with(flags: u16) -> (u64, u64) {
    let database = written(&many(500, 1000));
    let mut found = pages(&database).into_iter().filter(|page| page.1 == flags).map(|page| page.0);
    (found.next().unwrap(), found.next().unwrap_or_default())
}

#[test]
fn either_meta_page_will_do_and_the_newer_counts() {
    let of = many(500, 1000);
    let good = written(&of);
    let mut first_gone = good.clone();
    first_gone[..4096].fill(0xff);
    assert!(content(first_gone.clone()).unwrap() == of);
    let mut second_gone = good.clone();
    second_gone[4096 + 30] ^= 1;
    assert!(content(second_gone).unwrap() == of);
    first_gone[4096 + 30] ^= 1;
    let (place, reason) = error(first_gone);
    assert_eq!(place, "page 0");
    assert!(reason.contains("nor is there a second meta page"), "{reason}");

    // The second page's transaction is the newer one, and leads elsewhere.
    let mut newer = good.clone();
    let meta = Meta {
        page_bytes: 4096,
        root: 1_000_000,
        high_water: good.len() as u64 / 4096,
        transaction: 9,
    };
    newer[4096..4096 + META_PAGE_BYTES].copy_from_slice(&meta.encoded(1));
    assert_eq!(error(newer.clone()).0, "page 1000000");
    let older = Meta { transaction: 1, ..meta };
    newer[4096..4096 + META_PAGE_BYTES].copy_from_slice(&older.encoded(1));
    assert!(content(newer).unwrap() == of);
}

#[test]
fn all_sizes_of_pages_are_found_by_the_second_meta_page() {
    for page_bytes in [4096_u32, 8192, 16384, 32768, 65536] {
        let mut database = vec![0; 3 * page_bytes as usize];
        let meta = Meta { page_bytes, root: 2, high_water: 3, transaction: 7 };
        let at = page_bytes as usize;
        database[at..at + META_PAGE_BYTES].copy_from_slice(&meta.encoded(1));
        database[2 * at..2 * at + 16].copy_from_slice(&super::super::paper::header(2, LEAF, 0, 0));
        let reader = open(database).unwrap();
        assert_eq!((reader.page_bytes(), reader.bytes()), (at, 3 * u64::from(page_bytes)));
    }
}

#[test]
fn each_damage_is_named_with_its_page() {
    let (leaf, next_leaf) = page_with(LEAF);
    let (branch, _) = page_with(BRANCH);
    let at = |page: u64| format!("page {page}");
    let check = |(place, reason): (String, String), page: u64, why: &str| {
        assert_eq!(place, at(page), "{reason}");
        assert!(reason.contains(why), "{reason}");
    };
    check(damaged(leaf, 0, &99_u64.to_le_bytes()), leaf, "it says that it is page 99");
    check(
        damaged(leaf, 8, &0x10_u16.to_le_bytes()),
        leaf,
        "neither branch nor leaf, but has the flags 0x10",
    );
    check(damaged(leaf, 10, &u16::MAX.to_le_bytes()), leaf, "no room for 65535 elements");
    check(damaged(leaf, 12, &1_000_000_u32.to_le_bytes()), leaf, "goes on for 1000000 pages");
    check(damaged(leaf, 10, &0_u16.to_le_bytes()), leaf, "it is empty");
    check(damaged(leaf, 16 + 4, &u32::MAX.to_le_bytes()), leaf, "element 0 lies outside");
    check(damaged(leaf, 16 + 4, &0_u32.to_le_bytes()), leaf, "element 0 lies outside");
    check(damaged(leaf, 16 + 8, &0_u32.to_le_bytes()), leaf, "element 0 is of an impossible size");
    check(damaged(leaf, 16 + 12, &u32::MAX.to_le_bytes()), leaf, "element 0 lies outside");
    check(damaged(leaf, 16 + 12, &2000_u32.to_le_bytes()), leaf, "element 1 lies outside");
    // The first leaf's first key becomes the highest of all, or the second's the lowest.
    let first_key = 16 + 16 * 15;
    check(damaged(leaf, first_key, &[0xff; 8]), leaf, "elements 0 and 1 are not in order");
    check(damaged(next_leaf, first_key, &[0; 8]), next_leaf, "not those that the page above says");
    check(
        damaged(leaf, first_key + 14 * 1008, &[0xff; 8]),
        leaf,
        "not those that the page above says",
    );
    check(damaged(branch, 16 + 8, &1_000_000_u64.to_le_bytes()), 1_000_000, "there are only");
    check(damaged(branch, 16 + 8, &1_u64.to_le_bytes()), 1, "the page above it names it");
    // A circle, and one page twice.
    check(
        damaged(branch, 16 + 16 + 8, &branch.to_le_bytes()),
        branch,
        "not those that the page above says",
    );
    check(
        damaged(branch, 16 + 16 + 8, &leaf.to_le_bytes()),
        leaf,
        "not those that the page above says",
    );
    check(damaged(branch, 10, &0_u16.to_le_bytes()), branch, "it is empty");
}

#[test]
fn a_truncated_file_says_where_it_ends() {
    let mut database = written(&many(500, 1000));
    database.truncate(database.len() / 2);
    let (place, reason) = error(database);
    assert!(place.starts_with("page "), "{place}");
    assert!(reason.contains("the file ends"), "{reason}");
    let (place, reason) = error(Vec::new());
    assert_eq!(
        (place.as_str(), reason.as_str()),
        ("its beginning", "it is too short for a database of etcd")
    );
}

#[test]
fn buckets_are_where_they_should_be() {
    // The root's only element becomes an entry; then an entry of the bucket becomes a bucket.
    let small = Content::from([("b".to_owned(), [(b"k".to_vec(), vec![b'v'; 20])].into())]);
    let mut database = written(&small);
    let element = 2 * 4096 + 16;
    database[element] = 0;
    assert!(error(database.clone()).1.contains("an entry outside of all buckets"));
    database[element] = 1;
    let inner = element + 16 + 1 + 16 + 16;
    database[inner] = 1;
    assert!(error(database.clone()).1.contains("a bucket within a bucket"));
    database[inner] = 0;
    assert!(content(database).unwrap() == small);
}

/// A database, and zeros without end after it.
struct Endless(Bytes, AtomicU64);

impl Pages for Endless {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.1.fetch_add(into.len() as u64, Ordering::Relaxed);
        into.fill(0);
        let from = usize::try_from(offset).ok().and_then(|at| self.0.get(at..)).unwrap_or_default();
        let bytes = from.len().min(into.len());
        into[..bytes].copy_from_slice(&from[..bytes]);
        Ok(())
    }
}

#[test]
fn no_memory_is_taken_for_what_a_page_only_says() {
    let mut database = written(&many(500, 1000));
    let (leaf, _) = page_with(LEAF);
    let at = leaf as usize * 4096 + 12;
    for (high_water, overflow) in [
        (u64::MAX, 3),
        (u64::MAX / 4096, 3),
        (1 << 40, u32::MAX),
        (1 << 40, 1 << 19),
    ] {
        database[at..at + 4].copy_from_slice(&u32::to_le_bytes(overflow));
        set_meta(&mut database, |meta| meta.high_water = high_water);
        let pages = Arc::new(Endless(Bytes::copy_from_slice(&database), AtomicU64::new(0)));
        let outcome = Reader::open("db", Arc::clone(&pages) as Arc<dyn Pages>)
            .and_then(|reader| reader.bucket("key").unwrap().entries().try_for_each(|entry| entry.map(|_| ())));
        assert_eq!(outcome.is_ok(), high_water == u64::MAX / 4096, "{high_water} {overflow}: {outcome:?}");
        let asked = pages.1.load(Ordering::Relaxed);
        assert!(asked < 4 << 20, "{high_water} {overflow}: read {asked} bytes");
    }
}

/// Content that has inline buckets, branches, and an entry of several pages.
fn varied() -> Content {
    let mut of = many(300, 700);
    of.insert("small".to_owned(), [(b"a".to_vec(), b"b".to_vec())].into());
    of.insert(
        "large".to_owned(),
        [(b"a".to_vec(), vec![1; 20_000]), (b"b".to_vec(), vec![2; 3000])].into(),
    );
    of
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn flipped_bits_never_panic(flips in vec((any::<prop::sample::Index>(), 0..8_u8, any::<bool>()), 1..6)) {
        let mut database = written_once(&varied());
        for (place, bit, in_header) in flips {
            // Half of them where they matter most: in the headers and elements at the beginning of pages.
            let at = match in_header {
                true => place.index(database.len() / 4096 * 64) / 64 * 4096 + place.index(64),
                false => place.index(database.len()),
            };
            database[at] ^= 1 << bit;
        }
        let _ = content(database.clone());
        if let Ok(reader) = open(database) {
            for bucket in reader.buckets().filter_map(|name| reader.bucket(name)) {
                let _ = (bucket.last(), bucket.parts(3).map(|parts| parts.iter().map(|part| part.entries().count()).sum::<usize>()));
            }
        }
    }

    #[test]
    fn truncated_files_never_give_less_without_an_error(keep in any::<prop::sample::Index>()) {
        let mut database = written_once(&varied());
        database.truncate(keep.index(database.len()));
        // The last page is that of the buckets: without it there is nothing.
        prop_assert!(content(database).is_err());
    }

    #[test]
    fn random_pages_behind_good_meta_pages_never_panic(bytes in vec(any::<u8>(), 16..12_288), root in 2..5_u64, leaf in any::<bool>()) {
        let mut database = written_once(&varied());
        database.truncate(8192);
        database.extend(bytes);
        let flags = if leaf { LEAF } else { BRANCH };
        let count = u16::from(database[8192 + 10]) % 8;
        database[8192..8192 + 16].copy_from_slice(&super::super::paper::header(2, flags, count, 0));
        set_meta(&mut database, |meta| (meta.root, meta.high_water) = (root, 5));
        let _ = content(database);
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..10_000)) {
        prop_assert!(content(bytes).is_err());
    }
}

/// As `written`, but the file of `varied` is made only once.
fn written_once(of: &Content) -> Vec<u8> {
    static MADE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    MADE.get_or_init(|| written(of)).clone()
}
