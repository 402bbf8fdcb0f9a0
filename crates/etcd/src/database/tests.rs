//! Databases of etcd's shape, made by the writer: what is read of good ones, and which error each wrong record gives. Bad
//! files are in `damage`.

mod damage;

use super::{Alarm, Database, Facts, Lease, Others};
use crate::bbolt::Writer;
use crate::{FileError, KeyValue, Record, Revision};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

type Entry = (Vec<u8>, Vec<u8>);

fn revision(main: u64, sub: u32) -> Revision {
    Revision { main, sub }
}

fn put(main: u64, sub: u32, key: &str, create_revision: u64, version: u64) -> Record {
    let (key, value) = (Bytes::copy_from_slice(key.as_bytes()), Bytes::from(vec![b'v'; 700]));
    Record::put(
        revision(main, sub),
        &KeyValue {
            key,
            create_revision,
            mod_revision: main,
            version,
            value,
            lease: 7,
        },
    )
}

fn history() -> Vec<Record> {
    let mut records: Vec<_> = (2..200)
        .map(|main| put(main, 0, &format!("/registry/{main}"), main, 1))
        .collect();
    records.push(put(200, 0, "/registry/2", 2, 2));
    records.push(put(200, 1, "/registry/3", 3, 2));
    records.push(Record::deletion(revision(201, 0), Bytes::from("/registry/2")));
    // What etcdutl writes to raise the revision.
    records.push(Record {
        revision: revision(1_000_201, 0),
        tombstone: false,
        value: Bytes::new(),
    });
    records
}

fn entries(records: &[Record]) -> Vec<Entry> {
    let entry = |record: &Record| (record.entry_key().to_vec(), record.value.to_vec());
    records.iter().map(entry).collect()
}

fn others() -> Vec<(&'static str, Vec<Entry>)> {
    let entry = |key: &[u8], value: &[u8]| (key.to_vec(), value.to_vec());
    vec![
        ("alarm", vec![entry(&[0x08, 0x05, 0x10, 0x01], &[])]),
        (
            "auth",
            vec![
                entry(b"authEnabled", &[1]),
                entry(b"authRevision", &3_u64.to_be_bytes()),
            ],
        ),
        ("authUsers", vec![entry(b"root", b"a hash of a password")]),
        ("cluster", vec![entry(b"clusterVersion", b"3.6.0")]),
        ("lease", vec![entry(&7_i64.to_be_bytes(), &[0x08, 7, 0x10, 60, 0x18, 41])]),
        (
            "members",
            vec![entry(
                b"8e9e05c52164694d",
                br#"{"id":10276657743932975437,"name":"default"}"#,
            )],
        ),
        ("members_removed", vec![]),
        (
            "meta",
            vec![
                entry(b"confState", br#"{"voters":[10276657743932975437],"auto_leave":false}"#),
                entry(b"consistent_index", &301_u64.to_be_bytes()),
                entry(b"finishedCompactRev", &revision(150, 0).entry_key(false)),
                entry(b"scheduledCompactRev", &revision(180, 0).entry_key(false)),
                entry(b"storageVersion", b"3.6.0"),
                entry(b"term", &4_u64.to_be_bytes()),
            ],
        ),
    ]
}

/// A database with these records and other buckets.
fn write(path: &Path, records: &[Entry], others: &[(&str, Vec<Entry>)]) {
    let mut writer = Writer::create(path).unwrap();
    let mut add = |name: &str, entries: &[Entry]| {
        let mut bucket = writer.bucket(name).unwrap();
        entries.iter().for_each(|(key, value)| bucket.put(key, value).unwrap());
        bucket.finish().unwrap();
    };
    add("key", records);
    others.iter().for_each(|(name, entries)| add(name, entries));
    writer.finish().unwrap();
}

fn made(records: &[Entry], others: &[(&str, Vec<Entry>)]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    write(&path, records, others);
    (folder, path)
}

fn damage<T>(outcome: Result<T, FileError>) -> String {
    match outcome.map(|_| ()).unwrap_err() {
        FileError::Damaged { place, reason, .. } => format!("{place}: {reason}"),
        other => panic!("{other}"),
    }
}

#[test]
fn all_that_etcd_keeps_is_read() {
    let (_folder, path) = made(&entries(&history()), &others());
    let database = Database::open(&path).unwrap();
    let records: Vec<_> = database.records().map(|record| record.unwrap()).collect();
    assert_eq!(records, history());
    assert_eq!(database.last_revision().unwrap(), Some(revision(1_000_201, 0)));
    let parts = database.parts(3).unwrap();
    assert!(parts.len() > 1);
    let records: Vec<_> = parts
        .iter()
        .flat_map(|part| database.records_in(part))
        .map(|record| record.unwrap())
        .collect();
    assert_eq!(records, history());

    let facts = database.facts().unwrap();
    assert_eq!((facts.consistent_index, facts.term), (Some(301), Some(4)));
    assert_eq!(
        facts.conf_state.as_deref(),
        Some(r#"{"voters":[10276657743932975437],"auto_leave":false}"#)
    );
    assert_eq!(
        (facts.storage_version.as_deref(), facts.cluster_version.as_deref()),
        (Some("3.6.0"), Some("3.6.0"))
    );
    assert_eq!(facts.scheduled_compaction, Some(revision(180, 0)));
    assert_eq!(facts.finished_compaction, Some(revision(150, 0)));
    assert_eq!(facts.compacted(), 180);

    let read = database.others().unwrap();
    let raw = |entries: &[Entry]| entries.iter().map(|(k, v)| (k.clone().into(), v.clone().into())).collect();
    let whole = others()
        .iter()
        .map(|(name, entries)| ((*name).to_owned(), raw(entries)))
        .collect();
    assert_eq!(read, Others { buckets: whole });
    assert_eq!(read.leases().unwrap(), [Lease { id: 7, ttl: 60, remaining: 41 }]);
    assert_eq!(read.alarms().unwrap(), [Alarm { member_id: 5, kind: 1 }]);
    assert_eq!(read.members().unwrap()["8e9e05c52164694d"]["name"], "default");
    assert!(read.auth_enabled());
    assert_eq!(
        (read.storage_version().unwrap(), read.cluster_version().unwrap()),
        ("3.6.0".into(), "3.6.0".into())
    );
    assert!(!format!("{read:?}").contains("password"), "{read:?}");
}

#[test]
fn what_is_not_records_is_bounded() {
    let (_folder, path) = made(&[], &others());
    let database = Database::open(&path).unwrap();
    let (mut enough, mut too_little) = (1 << 20, 0);
    while enough - too_little > 1 {
        let most = usize::midpoint(enough, too_little);
        match Others::read_within(database.reader(), most) {
            Ok(_) => enough = most,
            Err(e) => {
                assert!(e.is_damage() && e.to_string().contains("what is not records is larger than"), "{e}");
                too_little = most;
            }
        }
    }
    let entries: Vec<Entry> = others().into_iter().flat_map(|it| it.1).collect();
    let bytes: usize = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
    assert!(enough > bytes && enough < bytes + 200 * entries.len(), "{enough}");
}

#[test]
fn a_seed_has_no_facts() {
    let (_folder, path) = made(&[], &[]);
    let database = Database::open(&path).unwrap();
    assert_eq!(database.facts().unwrap(), Facts::default());
    assert_eq!((database.last_revision().unwrap(), database.records().count()), (None, 0));
    assert_eq!(database.facts().unwrap().compacted(), 0);
    let others = database.others().unwrap();
    assert!(others.leases().unwrap().is_empty() && others.members().unwrap().is_empty() && !others.auth_enabled());
}

#[test]
fn wrong_facts_and_leases_say_which() {
    let entry = |key: &[u8], value: &[u8]| (key.to_vec(), value.to_vec());
    let told = |bucket, key: &[u8], value: &[u8]| {
        let (_folder, path) = made(&[], &[(bucket, vec![entry(key, value)])]);
        let database = Database::open(&path).unwrap();
        let others = database.others().unwrap();
        let views = [
            others.leases().map(|_| ()),
            others.members().map(|_| ()),
            others.alarms().map(|_| ()),
        ];
        match database.facts() {
            Ok(_) => views.into_iter().find_map(Result::err).unwrap(),
            Err(e) => damage::<()>(Err(e)),
        }
    };
    assert_eq!(told("meta", b"term", b"abc"), "term in bucket meta: it has 3 bytes instead of 8");
    assert!(told("meta", b"scheduledCompactRev", b"abc").contains("abc is no revision: it has 3 bytes"));
    assert_eq!(told("meta", b"confState", &[0xff]), "confState in bucket meta: it is no text");
    assert!(told("lease", &[0; 8], &[0x08, 7]).ends_with("in bucket lease: it is of lease 7"));
    assert!(told("lease", &[0; 8], &[0x0a, 7]).ends_with("it has a field that is no number"));
    assert!(told("lease", &[0; 8], &[0x08]).ends_with("it ends within a number"));
    assert!(told("members", b"1", b"{").starts_with("1 in bucket members: "));
    assert!(told("alarm", &[0x08, 0x80], b"").contains("in bucket alarm: it ends within a number"));
}

#[test]
fn a_record_that_etcd_did_not_write_is_refused() {
    let told = |bad: Record| {
        let mut records = vec![put(2, 0, "a", 2, 1)];
        records.push(bad);
        let (_folder, path) = made(&entries(&records), &[]);
        let mut read = Database::open(&path).unwrap().records();
        assert_eq!(read.next().unwrap().unwrap(), records[0]);
        let told = damage(read.next().unwrap());
        assert!(read.next().is_none(), "it goes on after an error");
        told
    };
    let raw = |value: &'static [u8]| Record {
        revision: revision(3, 0),
        tombstone: false,
        value: value.into(),
    };
    assert_eq!(told(put(3, 0, "", 3, 1)), "record 3.0: it has no key");
    assert_eq!(told(put(3, 0, "a", 4, 1)), "record 3.0: its value says that its key came into being at 4");
    assert_eq!(told(put(3, 0, "a", 0, 1)), "record 3.0: its value says that its key came into being at 0");
    assert_eq!(told(put(3, 0, "a", 2, 0)), "record 3.0: its value says that it is version 0");
    assert_eq!(told(put(3, 0, "a", 2, 3)), "record 3.0: its value says that it is version 3");
    assert_eq!(
        told(Record { revision: revision(4, 0), ..put(3, 0, "a", 2, 2) }),
        "record 4.0: its value says that it was written at 3"
    );
    assert_eq!(
        told(Record { tombstone: true, ..put(3, 0, "a", 2, 2) }),
        "record 3.0: it is a deletion, but says more than the key"
    );
    assert_eq!(told(Record { tombstone: true, ..raw(b"") }), "record 3.0: it has no key");
    assert_eq!(told(raw(&[0x0a, 9, 1])), "record 3.0: a field is longer than the record");
    assert_eq!(
        told(Record::deletion(revision(2, 0), "a".into())),
        "record 2.0: it is not newer than the one before it"
    );
    let (_folder, path) = made(&[(b"no revision".to_vec(), Vec::new())], &[]);
    assert!(damage(Database::open(&path).unwrap().records().next().unwrap()).contains("it has 11 bytes"));
    assert!(damage(Database::open(&path).unwrap().last_revision()).contains("its last record"));
}

#[test]
fn the_hash_at_the_end_is_checked() {
    let (folder, path) = made(&entries(&history()), &others());
    assert_eq!(Database::open(&path).unwrap().verify_trailer().unwrap(), None);
    let mut snapshot = std::fs::read(&path).unwrap();
    let bytes = snapshot.len();
    let hash: [u8; 32] = Sha256::digest(&snapshot).into();
    snapshot.extend(hash);
    let path = folder.path().join("snapshot.db");
    std::fs::write(&path, &snapshot).unwrap();
    let database = Database::open(&path).unwrap();
    assert_eq!(database.verify_trailer().unwrap(), Some(hash));
    assert_eq!((database.bytes(), database.records().count()), (bytes as u64, history().len()));
    for place in [bytes - 1, bytes] {
        let mut changed = snapshot.clone();
        changed[place] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        let told = damage(Database::open(&path).unwrap().verify_trailer());
        assert!(told.starts_with(&format!("byte {bytes}: the SHA-256 at its end")), "{told}");
    }
}
