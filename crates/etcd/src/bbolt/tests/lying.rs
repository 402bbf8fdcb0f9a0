//! Pages that lie in another order than that of their keys: leaves are given in the order in which they lie, and wait for nothing else.

use super::damage::set_meta;
use super::{as_they_lie, content, many, pages, written};
use crate::bbolt::{BRANCH, ELEMENT_BYTES, HEADER_BYTES, IS_BUCKET, LEAF, Pages, Reader, u16_at, u32_at, u64_at};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The same database with its pages in another order: first those with the lowest rank, by flags and old id.
fn laid_out(database: &[u8], rank: impl Fn(u16, u64) -> u64) -> Vec<u8> {
    let mut order = pages(database);
    order.sort_by_key(|&(id, flags, ..)| rank(flags, id));
    let (mut new, mut next) = (BTreeMap::new(), 2);
    for &(id, _, _, overflow) in &order {
        new.insert(id, next);
        next += 1 + u64::from(overflow);
    }
    let mut out = database[..2 * 4096].to_vec();
    for (id, flags, count, overflow) in order {
        let from = id as usize * 4096;
        let mut page = database[from..from + (1 + overflow as usize) * 4096].to_vec();
        page[..8].copy_from_slice(&new[&id].to_le_bytes());
        for element in (0..usize::from(count)).map(|i| HEADER_BYTES + i * ELEMENT_BYTES) {
            let at = match flags {
                BRANCH => element + 8,
                LEAF if u32_at(&page, element) & IS_BUCKET != 0 => {
                    element + u32_at(&page, element + 4) as usize + u32_at(&page, element + 8) as usize
                }
                _ => continue,
            };
            let named = new.get(&u64_at(&page, at)).copied().unwrap_or_default();
            page[at..at + 8].copy_from_slice(&named.to_le_bytes());
        }
        assert_eq!(u16_at(&page, 8), flags);
        out.extend_from_slice(&page);
    }
    set_meta(&mut out, |meta| meta.root = new[&meta.root]);
    out
}

/// A database that arrives as far as somebody waits for it.
struct Arriving {
    database: Bytes,
    arrived: AtomicU64,
}

impl Pages for Arriving {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.arrived.fetch_max(offset + into.len() as u64, Ordering::SeqCst);
        self.database.read_at(offset, into)
    }

    fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::SeqCst)
    }
}

#[test]
fn leaves_are_given_as_they_lie_whatever_their_keys() {
    let of = many(3000, 1000);
    let database = written(&of);
    // What leads to the leaves lies first; these are the wrong way round, the one with the buckets, which was last, before them.
    let rank = |flags, id: u64| if flags == BRANCH { 0 } else { u64::MAX - id };
    let reversed = laid_out(&database, rank);
    assert!(content(reversed.clone()).unwrap() == of);
    let arriving = Arc::new(Arriving {
        database: reversed.clone().into(),
        arrived: AtomicU64::new(0),
    });
    let reader = Reader::open("db", Arc::clone(&arriving) as Arc<dyn Pages>).unwrap();
    let bucket = reader.bucket("key").unwrap();
    let (mut last, mut leaves) = (None, 0);
    for leaf in bucket.leaves() {
        let first = leaf.unwrap().next().unwrap().unwrap().0;
        assert!(last.is_none_or(|last| first < last), "they are the wrong way round");
        last = Some(first);
        leaves += 1;
        if leaves == 10 {
            let arrived = arriving.arrived();
            assert!(arrived < reversed.len() as u64 / 4, "{arrived} of {}", reversed.len());
        }
    }
    assert!(leaves > 100);
    assert!(as_they_lie(&bucket).unwrap() == of["key"]);

    // And what leads to the leaves last.
    let rank = |flags, id| if flags == BRANCH { u64::MAX - id } else { id };
    assert!(content(laid_out(&database, rank)).unwrap() == of);
}

#[test]
fn a_page_that_two_name_is_refused() {
    let database = written(&many(500, 1000));
    let branch = pages(&database).into_iter().find(|page| page.1 == BRANCH).unwrap().0 as usize * 4096;
    let mut twice = database.clone();
    let child = |i: usize| branch + HEADER_BYTES + i * ELEMENT_BYTES + 8;
    let first = twice[child(0)..child(0) + 8].to_vec();
    twice[child(1)..child(1) + 8].copy_from_slice(&first);
    assert!(content(twice.clone()).is_err());
    let bucket = super::open(twice).unwrap().bucket("key").unwrap();
    let error = as_they_lie(&bucket).unwrap_err().to_string();
    assert!(error.contains("more than one page names it"), "{error}");
}
