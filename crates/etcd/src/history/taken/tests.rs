use super::*;
use crate::{
    bbolt,
    history::{Name, Pack, Role},
    record::KeyValue,
};
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Arc};

fn database(records: &[Record], compacted: Option<u64>) -> (tempfile::TempDir, Database) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let mut writer = bbolt::Writer::create(&path).unwrap();
    let mut bucket = writer.bucket("key").unwrap();
    for record in records {
        bucket.put(&record.entry_key(), &record.value).unwrap();
    }
    bucket.finish().unwrap();
    let mut bucket = writer.bucket("lease").unwrap();
    for id in 0..3_u64 {
        bucket.put(&id.to_be_bytes(), b"not looked at").unwrap();
    }
    bucket.finish().unwrap();
    let mut bucket = writer.bucket("meta").unwrap();
    if let Some(main) = compacted {
        bucket
            .put(b"finishedCompactRev", &Revision { main, sub: 0 }.entry_key(false))
            .unwrap();
    }
    bucket.finish().unwrap();
    writer.finish().unwrap();
    let database = Database::open(&path).unwrap();
    (directory, database)
}

pub(crate) fn taken() -> Taken {
    Taken {
        timeline: 1,
        taken_ms: 1000,
        source: Source { cluster_id: 7, member_id: 8, raft_term: 9, raft_index: 10 },
        etcd_version: "3.6.16".to_owned(),
        began: Began::First,
        note: String::new(),
    }
}

fn packed(database: &Database) -> (Pack, Written) {
    let scratch = tempfile::tempdir().unwrap();
    let (written, bytes) = take_base(database, taken(), scratch.path(), Vec::new(), &mut |_| Ok(())).unwrap();
    (Pack::open(&written.name, Arc::new(Bytes::from(bytes))).unwrap(), written)
}

fn records(pack: &Pack, role: Role) -> Vec<Record> {
    let frames = pack.frames_of(role).into_iter();
    frames
        .flat_map(|number| pack.records(number).unwrap())
        .map(Result::unwrap)
        .collect()
}

/// Puts and deletions of few keys, as etcd would write them.
fn history(steps: &[(u8, bool)]) -> Vec<Record> {
    let mut live: BTreeMap<u8, KeyValue> = BTreeMap::new();
    let mut records = Vec::new();
    for (main, &(key, delete)) in (2..).zip(steps) {
        let revision = Revision { main, sub: 0 };
        let bytes = Bytes::from(format!("/registry/{key}"));
        if delete && live.remove(&key).is_some() {
            records.push(Record::deletion(revision, bytes));
            continue;
        }
        let it = live
            .entry(key)
            .or_insert(KeyValue { key: bytes, create_revision: main, ..KeyValue::default() });
        it.mod_revision = main;
        it.version += 1;
        it.value = vec![b'v'; main as usize].into();
        records.push(Record::put(revision, it));
    }
    records
}

#[test]
fn live_records_come_by_key_and_older_ones_by_revision() {
    let all = history(&[(2, false), (1, false), (2, false), (3, false), (1, true)]);
    let (_directory, database) = database(&all, Some(4));
    let (pack, written) = packed(&database);
    assert_eq!(records(&pack, Role::Live), [all[2].clone(), all[3].clone()]);
    assert_eq!(records(&pack, Role::Older), [all[0].clone(), all[1].clone(), all[4].clone()]);
    let header = written.header.base().unwrap();
    assert_eq!((header.revision, header.compaction, header.live, header.older), (6, 4, 2, 3));
    assert_eq!(pack.buckets().unwrap()["lease"].len(), 3);
    assert!(
        pack.buckets().unwrap()["meta"]
            .iter()
            .any(|(key, _)| *key == "finishedCompactRev")
    );
    let Name::Base(name) = written.name else {
        panic!("no base")
    };
    assert_eq!((name.revision, name.chain), (6, name.link));
}

#[test]
fn a_compaction_beyond_the_last_record_is_the_revision() {
    let (_directory, database) = database(&history(&[(1, false)]), Some(1_000_000));
    assert_eq!(packed(&database).1.header.base().unwrap().revision, 1_000_000);
}

#[test]
fn records_without_a_key_as_etcdutl_leaves_them_are_taken_over() {
    let mut all = history(&[(1, false), (2, false)]);
    for main in [1_000_003, 2_000_003] {
        all.push(Record {
            revision: Revision { main, sub: 0 },
            tombstone: false,
            value: Bytes::new(),
        });
    }
    let (_directory, database) = database(&all, Some(1_000_003));
    let (pack, written) = packed(&database);
    assert_eq!(records(&pack, Role::Live), [all[3].clone(), all[0].clone(), all[1].clone()]);
    assert_eq!(records(&pack, Role::Older), [all[2].clone()]);
    assert_eq!(written.header.base().unwrap().revision, 2_000_003);
}

#[test]
fn a_database_without_records_is_a_base_too() {
    let (_directory, database) = database(&[], None);
    let header = packed(&database).1.header;
    assert_eq!((header.base().unwrap().revision, header.base().unwrap().live), (1, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn nothing_is_lost_and_only_the_newest_are_live(steps in prop::collection::vec((0..8_u8, any::<bool>()), 0..60)) {
        let all = history(&steps);
        let (_directory, database) = database(&all, None);
        let (pack, _) = packed(&database);
        let (live, older) = (records(&pack, Role::Live), records(&pack, Role::Older));
        let mut state = BTreeMap::new();
        for record in &all {
            state.insert(record.key().unwrap(), record.clone());
        }
        let expected: Vec<_> = state.into_values().filter(|it| !it.tombstone).collect();
        prop_assert_eq!(&live, &expected);
        let mut both = [live, older].concat();
        both.sort_by_key(|it| it.revision);
        prop_assert_eq!(both, all);
    }
}
