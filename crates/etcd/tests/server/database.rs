//! Databases that real etcd wrote, read record by record; and the same written anew, which etcd's tools take and etcd starts on.

use crate::server::{Server, Setup, free_ports, peer_url, run, versions};
use bytes::Bytes;
use etcd::bbolt::Writer;
use etcd::database::Database;
use etcd::{Change, Client, KeyValue, Record, Revision};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The bytes for everything, from the first key on.
const ALL: &[u8] = b"\0";

/// What was done: revision, whether it was a deletion, key.
type Log = Vec<(Revision, bool, Bytes)>;

fn put(key: &Bytes, bytes: usize, lease: i64) -> Change {
    Change::Put { key: key.clone(), value: vec![b'v'; bytes].into(), lease }
}

/// Enough for branches of two levels, with changes of each kind, and what is in the database then. The first revision is 2.
async fn fill(client: &Client, lease: i64) -> Log {
    let key = |n: usize| Bytes::from(format!("/registry/pods/{n:05}"));
    let mut log = Log::new();
    let mut main = 1;
    let mut note = |keys: &[Bytes], tombstone| {
        main += 1;
        let change = |(sub, key): (u32, &Bytes)| (Revision { main, sub }, tombstone, key.clone());
        log.extend((0..).zip(keys).map(change));
    };
    for batch in 0..40 {
        let keys: Vec<_> = (batch * 100..batch * 100 + 100).map(key).collect();
        let changes = keys
            .iter()
            .enumerate()
            .map(|(i, key)| put(key, (i * 97 + batch * 31) % 3000, 0))
            .collect();
        client.txn(Vec::new(), changes).await.unwrap();
        note(&keys, false);
    }
    for n in 0..30 {
        client.put(key(n * 7), Bytes::from_static(b"again"), lease).await.unwrap();
        note(&[key(n * 7)], false);
    }
    client.put(key(9000), vec![b'l'; 1_200_000], 0).await.unwrap();
    note(&[key(9000)], false);
    client.delete(key(1), Bytes::new()).await.unwrap();
    note(&[key(1)], true);
    client.delete(key(100), key(140)).await.unwrap();
    note(&(100..140).map(key).collect::<Vec<_>>(), true);
    log
}

async fn snapshot(server: &Server, name: &str) -> PathBuf {
    let path = server.path(name);
    let mut file = tokio::fs::File::create(&path).await.unwrap();
    server.client().await.snapshot(&mut file).await.unwrap();
    path
}

async fn everything(client: &Client) -> Vec<KeyValue> {
    client.range(ALL, ALL, 0, 0).await.unwrap().pairs
}

/// The keys that are there after all these records, in order.
fn live(records: &[Record]) -> Vec<KeyValue> {
    let mut keys = BTreeMap::new();
    for record in records {
        match record.tombstone {
            true => drop(keys.remove(&record.key().unwrap())),
            false => drop(keys.insert(record.key().unwrap(), record.decode().unwrap())),
        }
    }
    keys.into_values().collect()
}

fn records(database: &Database) -> Vec<Record> {
    database.records().map(|record| record.unwrap()).collect()
}

/// The same content in a file of our own.
fn rewrite(from: &Database, to: &Path) {
    let mut writer = Writer::create(to).unwrap();
    for name in from.reader().buckets() {
        let mut bucket = writer.bucket(name).unwrap();
        for entry in from.reader().bucket(name).unwrap().entries() {
            let (key, value) = entry.unwrap();
            bucket.put(&key, &value).unwrap();
        }
        bucket.finish().unwrap();
    }
    writer.finish().unwrap();
}

/// What etcdutl says of a snapshot, but its size; and bbolt's own check, where that program is at hand.
fn status(tools: &Path, snapshot: &Path) -> serde_json::Value {
    let told = run(Command::new(tools.join("etcdutl"))
        .args(["snapshot", "status", "--write-out", "json"])
        .arg(snapshot));
    let mut told: serde_json::Value = serde_json::from_str(&told).unwrap();
    told["totalSize"].take();
    let beside = versions()
        .into_iter()
        .map(|tools| tools.join("bbolt"))
        .find(|path| path.is_file());
    if let Some(bbolt) = std::env::var_os("LIFEBOAT_BBOLT").map(PathBuf::from).or(beside) {
        assert_eq!(run(Command::new(bbolt).arg("check").arg(snapshot)).trim(), "OK");
    }
    told
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn every_record_is_read_as_it_was_written() {
    for tools in versions() {
        let server = Server::start(&tools, None).await;
        let client = server.client().await;
        let lease = client.grant_lease(0, 3600).await.unwrap();
        let log = fill(&client, lease).await;

        let database = Database::open(&snapshot(&server, "whole.db").await).unwrap();
        assert!(database.verify_trailer().unwrap().is_some());
        let read = records(&database);
        let seen: Log = read.iter().map(|r| (r.revision, r.tombstone, r.key().unwrap())).collect();
        assert!(seen == log, "{tools:?}: {} records instead of {}", seen.len(), log.len());
        assert!(live(&read) == everything(&client).await, "{tools:?}");
        let parts = database.parts(4).unwrap();
        assert!(parts.len() > 1, "{tools:?}");
        let parts = parts
            .iter()
            .flat_map(|part| database.records_in(part))
            .map(|record| record.unwrap());
        assert!(parts.eq(read), "{tools:?}");

        let facts = database.facts().unwrap();
        assert_eq!(database.last_revision().unwrap(), log.last().map(|change| change.0));
        assert!(
            facts.consistent_index.is_some() && facts.term.is_some() && facts.cluster_version.is_some(),
            "{facts:?}"
        );
        assert_eq!((facts.compacted(), facts.scheduled_compaction), (0, None));
        let others = database.others().unwrap();
        assert_eq!(
            others.leases().unwrap().iter().map(|it| (it.id, it.ttl)).collect::<Vec<_>>(),
            [(lease, 3600)]
        );
        assert_eq!(others.members().unwrap().values().next().unwrap()["name"], "default");
        assert!(others.alarms().unwrap().is_empty() && !others.auth_enabled());

        // What compaction leaves.
        let at = log.last().unwrap().0.main - 20;
        client.compact(at, true).await.unwrap();
        let database = Database::open(&snapshot(&server, "compacted.db").await).unwrap();
        assert_eq!(database.facts().unwrap().compacted(), at);
        let left = records(&database);
        assert!(left.len() < log.len());
        assert!(live(&left) == everything(&client).await, "{tools:?}");

        // The member's own file, written anew by bbolt itself; nothing changes it now.
        client.defragment().await.unwrap();
        let data = server.data.join("member/snap/db");
        assert!(records(&Database::open(&data).unwrap()) == left, "{tools:?}");
    }
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_database_written_anew_is_the_same_to_etcd() {
    for tools in versions() {
        let server = Server::start(&tools, None).await;
        let client = server.client().await;
        let lease = client.grant_lease(0, 3600).await.unwrap();
        let log = fill(&client, lease).await;
        client.compact(log.last().unwrap().0.main - 10, true).await.unwrap();
        let theirs = snapshot(&server, "theirs.db").await;
        let ours = server.path("ours.db");
        let database = Database::open(&theirs).unwrap();
        rewrite(&database, &ours);
        assert_eq!(status(&tools, &ours), status(&tools, &theirs), "{tools:?}");
        assert!(records(&Database::open(&ours).unwrap()) == records(&database), "{tools:?}");
        assert!(
            Database::open(&ours).unwrap().others().unwrap() == database.others().unwrap(),
            "{tools:?}"
        );

        let (port, peer_port) = free_ports();
        let peer = peer_url(peer_port);
        let data = server.path("restored");
        let mut restore = Command::new(tools.join("etcdutl"));
        restore.args(["snapshot", "restore", "--skip-hash-check", "--name", "default"]);
        restore.args([
            "--initial-advertise-peer-urls",
            &peer,
            "--initial-cluster",
            &format!("default={peer}"),
        ]);
        run(restore.arg("--data-dir").arg(&data).arg(&ours));
        let again = Setup::new(&tools).data(&data).ports(port, peer_port).start().await;
        let other = again.client().await;
        assert!(everything(&other).await == everything(&client).await, "{tools:?}");
        let (one, two) = (client.hash_kv(0).await.unwrap(), other.hash_kv(0).await.unwrap());
        assert_eq!((one.hash, one.compact_revision), (two.hash, two.compact_revision), "{tools:?}");

        // bbolt works on with these pages: all records but the last go, one leaf after the other.
        other.delete(ALL, ALL).await.unwrap();
        let revision = other.put("last", "value", lease).await.unwrap().revision;
        other.compact(revision, true).await.unwrap();
        let emptied = snapshot(&again, "emptied.db").await;
        assert_eq!(records(&Database::open(&emptied).unwrap()).len(), 1, "{tools:?}");
        status(&tools, &emptied);
    }
}
