//! Hashes computed from files and histories, against what real etcd answers.

use crate::server::{Server, run, versions};
use bytes::Bytes;
use etcd::database::Database;
use etcd::history::{Began, Kind, Pack, Seen, SegmentHeader, SegmentWriter, Source as From, Taken, take_base};
use etcd::proof::{Clients, FileCompared, Finding, compare_file, hash_kv, verify_file, verify_members};
use etcd::rebuild::{Line, Marks, Request, Target, rebuild};
use etcd::selection::{DatabaseSource, Packs, Source};
use etcd::{Change, Client, Record};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// Puts, deletions and transactions, of which some come twice to the same key; gives the newest revision.
async fn change(client: &Client, round: u64) -> u64 {
    let key = |n: u64| Bytes::from(format!("/registry/{}", n % 17));
    let mut newest = 0;
    for n in round * 100..round * 100 + 60 {
        let put = |n: u64| Change::Put {
            key: key(n),
            value: vec![b'v'; (n * 37 % 900) as usize].into(),
            lease: 0,
        };
        newest = match n % 5 {
            0 => {
                client
                    .txn(Vec::new(), vec![put(n), put(n + 1), put(n + 2)])
                    .await
                    .unwrap()
                    .0
                    .revision
            }
            4 => client.delete(key(n * 3), Bytes::new()).await.unwrap().0.revision,
            _ => client.put(key(n), vec![b'x'; (n % 50) as usize], 0).await.unwrap().revision,
        };
    }
    newest
}

async fn snapshot(server: &Server, name: &str) -> PathBuf {
    let path = server.path(name);
    let mut file = tokio::fs::File::create(&path).await.unwrap();
    server.client().await.snapshot(&mut file).await.unwrap();
    path
}

fn source(path: &Path) -> DatabaseSource {
    DatabaseSource::new(Database::open(path).unwrap()).unwrap()
}

/// A base of the first file, and what the second has more as a segment.
fn history(first: &Path, second: &Path, alter: impl Fn(&mut Record)) -> Packs {
    let scratch = first.parent().unwrap();
    let taken = Taken {
        timeline: 1,
        taken_ms: 1,
        source: From::default(),
        etcd_version: String::new(),
        began: Began::First,
        note: String::new(),
    };
    let database = Database::open(first).unwrap();
    let (base, bytes) = take_base(&database, taken, scratch, Vec::new(), &mut |_| Ok(())).unwrap();
    let after = base.header.base().unwrap().revision;
    let base = Pack::open(&base.name, Arc::new(Bytes::from(bytes))).unwrap();
    let through = source(second).last_revision();
    let header = SegmentHeader {
        timeline: 1,
        kind: Kind::Captured,
        prev: base.chain(),
        after,
        through,
        count: 0,
        times: vec![Seen { revision: through, at_ms: 2 }],
        leases: Vec::new(),
        source: From::default(),
    };
    let mut writer = SegmentWriter::new(Vec::new(), header, None);
    for record in Database::open(second).unwrap().records() {
        let mut record = record.unwrap();
        if record.revision.main > after {
            alter(&mut record);
            writer.record(&record).unwrap();
        }
    }
    let (segment, bytes) = writer.finish().unwrap();
    let segment = Pack::open(&segment.name, Arc::new(Bytes::from(bytes))).unwrap();
    Packs::new(Arc::new(base), vec![Arc::new(segment)]).unwrap()
}

async fn same(client: &Client, source: &dyn Source, revision: u64) {
    let theirs = client.hash_kv(revision).await.unwrap();
    let ours = hash_kv(source, revision, theirs.compact_revision).unwrap();
    assert_eq!(ours.hash, theirs.hash, "revision {revision}, compacted at {}", theirs.compact_revision);
}

/// The revisions of deletions in a file.
fn deletions(path: &Path) -> Vec<u64> {
    let records = Database::open(path).unwrap().records().map(|it| it.unwrap());
    records.filter(|it| it.tombstone).map(|it| it.revision.main).collect()
}

#[tokio::test]
#[ignore = "needs etcd"]
async fn hashes_are_those_of_etcd_with_and_without_compaction() {
    for tools in versions() {
        let server = Server::start(&tools, None).await;
        let client = server.client().await;
        let middle = change(&client, 1).await;
        let first = snapshot(&server, "first").await;
        let last = change(&client, 2).await;
        let second = snapshot(&server, "second").await;
        let (database, packs) = (source(&second), history(&first, &second, |_| {}));
        for revision in [2, 3, middle - 1, middle, middle + 1, last] {
            same(&client, &database, revision).await;
        }
        for revision in [middle, middle + 1, last - 5, last] {
            same(&client, &packs, revision).await;
        }
        // At a deletion: etcd leaves it where it is, and does not count it.
        let compact = *deletions(&second).iter().find(|&&it| it > middle).unwrap();
        client.compact(compact, true).await.unwrap();
        let third = snapshot(&server, "third").await;
        for revision in [compact, compact + 1, last] {
            same(&client, &database, revision).await;
            same(&client, &packs, revision).await;
            // At its compaction etcd repeats a hash of before, for which the later file has no answer.
            if revision > compact {
                same(&client, &source(&third), revision).await;
            }
        }
        // Nothing is left at all.
        let (header, _) = client
            .delete(Bytes::from_static(b"\0"), Bytes::from_static(b"\0"))
            .await
            .unwrap();
        let empty = snapshot(&server, "empty").await;
        same(&client, &source(&empty), header.revision).await;
        let found = verify_file(&empty).unwrap();
        assert!(found.has_trailer && found.keys == 0 && found.compact_revision == compact);
    }
}

/// What etcdutl computes of a file: hash, revision, compaction. It gets a copy, since it writes into what it hashes. A database with
/// leases is nothing for it: on one, etcdutl 3.6.16 panics.
fn hashed_by_etcdutl(tools: &Path, file: &Path) -> (u64, u64, u64) {
    let copy = file.with_extension("copy");
    std::fs::copy(file, &copy).unwrap();
    let told = run(Command::new(tools.join("etcdutl"))
        .args(["hashkv", "--write-out", "json"])
        .arg(&copy));
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let number = |name: &str| told[name].as_i64().unwrap_or_else(|| panic!("{name}: {told}"));
    // Never compacted is -1 for it.
    let compaction = number("compactRevision").max(0);
    (number("hash") as u64, number("hashRevision") as u64, compaction as u64)
}

#[tokio::test]
#[ignore = "needs etcd"]
async fn etcdutl_hashes_files_without_leases_as_they_are_hashed_here() {
    let line = |tools: &Path| -> Line {
        let version = run(Command::new(tools.join("etcd")).arg("--version"));
        version.split_whitespace().nth(2).unwrap().parse().unwrap()
    };
    // Before 3.6 etcdutl has no such command.
    for tools in versions().into_iter().filter(|tools| line(tools) >= Line::V3_6) {
        let server = Server::start(&tools, None).await;
        let client = server.client().await;
        let middle = change(&client, 1).await;
        let first = snapshot(&server, "first").await;
        change(&client, 2).await;
        let second = snapshot(&server, "second").await;
        client.compact(middle, true).await.unwrap();
        let compacted = snapshot(&server, "compacted").await;
        // Every version and revision of the original, out of a history.
        let packs = history(&first, &second, |_| {});
        let rebuilt = server.path("rebuilt");
        let target = Target::Snapshot { path: rebuilt.clone() };
        let request = Request {
            revision: packs.last_revision(),
            line: line(&tools),
            marks: Marks::AsIs,
            target,
        };
        rebuild(&packs, &request).unwrap();
        for file in [first, second, compacted, rebuilt] {
            let ours = verify_file(&file).unwrap();
            let ours = (u64::from(ours.hash), ours.revision, ours.compact_revision);
            assert_eq!(ours, hashed_by_etcdutl(&tools, &file), "{}", file.display());
        }
    }
}

#[tokio::test]
#[ignore = "needs etcd"]
async fn members_and_files_are_compared_with_a_history() {
    for tools in versions() {
        let server = Server::start(&tools, None).await;
        let client = server.client().await;
        change(&client, 1).await;
        let first = snapshot(&server, "first").await;
        let last = change(&client, 2).await;
        let second = snapshot(&server, "second").await;
        client.compact(last - 10, true).await.unwrap();
        let packs = history(&first, &second, |_| {});
        let members = Clients(BTreeMap::from([("m1".to_owned(), client.clone())]));
        let found = verify_members(Arc::new(packs.clone()), &members.names(), &members)
            .await
            .unwrap();
        assert!(found.all_equal(), "{found:?}");
        let file = verify_file(&second).unwrap();
        assert_eq!(compare_file(&file, &packs).unwrap(), FileCompared::Equal);

        let altered = history(&first, &second, |it| {
            if it.revision.main > last - 10 && !it.tombstone {
                let mut kv = it.decode().unwrap();
                kv.lease ^= 1;
                it.value = kv.encoded();
            }
        });
        let found = verify_members(Arc::new(altered), &members.names(), &members).await.unwrap();
        assert!(matches!(found.members[0].finding, Finding::Differs { .. }), "{found:?}");
    }
}
