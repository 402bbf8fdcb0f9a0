use super::*;
use crate::selection::model::{Model, models};
use crate::{KeyValue, Record, Revision};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

mod asked;

/// etcd's way, step by step, over all that was ever written: what a compaction at `compact` leaves in the file, which revisions
/// the key index keeps at `revision`, then the entries one after the other.
fn as_etcd_does(model: &Model, compact: u64, revision: u64) -> u32 {
    let mut keys = BTreeMap::<Bytes, Vec<Vec<Revision>>>::new();
    for record in &model.records {
        let generations = keys.entry(record.key().unwrap()).or_insert_with(|| vec![vec![]]);
        generations.last_mut().unwrap().push(record.revision);
        if record.tombstone {
            generations.push(vec![]);
        }
    }
    let (mut left, mut keep) = (BTreeSet::new(), BTreeSet::new());
    for generations in keys.values() {
        left.extend(kept(generations, compact).map(|(it, _)| it));
        keep.extend(kept(generations, revision).filter(|(_, deleted)| !deleted).map(|(it, _)| it));
    }
    let mut hash = crc32c::crc32c(b"key");
    for record in &model.records {
        let at = record.revision;
        let in_file = at.main > compact || left.contains(&at);
        let skipped =
            at.main <= compact && !keep.is_empty() && !keep.contains(&at) || at.main == compact && record.tombstone;
        if in_file && at.main <= revision && !skipped {
            hash = crc32c::crc32c_append(crc32c::crc32c_append(hash, &record.entry_key()), &record.value);
        }
    }
    hash
}

/// The revision of a key that a compaction at `at` keeps, and whether it is the deletion that ends a generation.
fn kept(generations: &[Vec<Revision>], at: u64) -> impl Iterator<Item = (Revision, bool)> {
    let last = generations.len() - 1;
    let ends_after = |it: &Vec<Revision>| it.last().unwrap().main >= at;
    let which = generations[..last].iter().position(ends_after).unwrap_or(last);
    let generation = &generations[which];
    let place = generation.iter().rposition(|it| it.main <= at);
    place
        .map(|it| (generation[it], which != last && it == generation.len() - 1))
        .into_iter()
}

fn put(main: u64, key: &'static str, version: u64) -> Record {
    let kv = KeyValue {
        key: Bytes::from_static(key.as_bytes()),
        create_revision: main + 1 - version,
        mod_revision: main,
        version,
        ..KeyValue::default()
    };
    Record::put(Revision { main, sub: 0 }, &kv)
}

fn deletion(main: u64, key: &'static str) -> Record {
    Record::deletion(Revision { main, sub: 0 }, Bytes::from_static(key.as_bytes()))
}

fn hash_of(records: &[&Record]) -> u32 {
    records.iter().fold(crc32c::crc32c(b"key"), |hash, it| {
        crc32c::crc32c_append(crc32c::crc32c_append(hash, &it.entry_key()), &it.value)
    })
}

#[test]
fn what_counts_is_what_the_rule_says() {
    let records = vec![
        put(2, "a", 1),
        put(3, "b", 1),
        put(4, "a", 2),
        deletion(5, "b"),
        put(6, "c", 1),
        put(7, "a", 3),
    ];
    let model = Model { records: records.clone(), last: 7 };
    let [a2, b3, a4, b5, c6, a7] = records.each_ref_of();
    let hash = |revision, compact| hash_kv(&model, revision, compact).unwrap().hash;
    assert_eq!(hash(7, 0), hash_of(&[a2, b3, a4, b5, c6, a7]), "never compacted: everything");
    assert_eq!(hash(4, 0), hash_of(&[a2, b3, a4]), "up to the revision only");
    assert_eq!(hash(4, 4), hash_of(&[b3, a4]), "what is live at both");
    assert_eq!(hash(5, 5), hash_of(&[a4]), "no deletion at the compaction itself");
    assert_eq!(hash(5, 4), hash_of(&[a4, b5]), "a deletion above the compaction, and not what it deleted");
    assert_eq!(hash(7, 4), hash_of(&[b5, c6, a7]), "what was superseded meanwhile is left out");
}

#[test]
fn where_nothing_is_live_everything_that_is_left_counts() {
    let records = vec![put(2, "a", 1), put(3, "b", 1), deletion(4, "a"), deletion(5, "b")];
    let model = Model { records: records.clone(), last: 5 };
    let [_, b3, a4, b5] = records.each_ref_of();
    let hash = |revision, compact| hash_kv(&model, revision, compact).unwrap().hash;
    assert_eq!(hash(5, 3), hash_of(&[&records[0], b3, a4, b5]));
    assert_eq!(hash(5, 4), hash_of(&[b3, b5]));
    assert_eq!(hash(5, 5), hash_of(&[]));
}

#[test]
fn nothing_hashes_to_the_hash_of_the_buckets_name() {
    assert_eq!(Digest::new().finish(), crc32c::crc32c(b"key"));
}

#[test]
fn what_is_out_of_range_is_refused() {
    let model = Model { records: vec![put(2, "a", 1)], last: 2 };
    let told = hash_kv(&model, 3, 0).unwrap_err().to_string();
    assert_eq!(told, "the model ends at revision 2, before 3");
}

trait EachRef<T> {
    fn each_ref_of<const N: usize>(&self) -> [&T; N];
}

impl<T> EachRef<T> for Vec<T> {
    fn each_ref_of<const N: usize>(&self) -> [&T; N] {
        std::array::from_fn(|at| &self[at])
    }
}

proptest! {
    #[test]
    fn any_history_hashes_as_etcd_hashes_it(model in models(), a: prop::sample::Index, b: prop::sample::Index) {
        let (a, b) = (a.index(model.last as usize + 1) as u64, b.index(model.last as usize + 1) as u64);
        let (compact, revision) = (a.min(b), a.max(b));
        prop_assert_eq!(hash_kv(&model, revision, compact).unwrap().hash, as_etcd_does(&model, compact, revision));
    }
}
