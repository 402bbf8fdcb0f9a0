//! Watching: what is heard is what the database holds, over fragments, compaction, restarts and lost leaders.

use crate::server::{Cluster, Server, Setup, newest, versions};
use etcd::{Change, Client, Error, Heard, Record, Watch};
use std::time::Duration;

/// Far more than any of it takes.
const LIMIT: Duration = Duration::from_secs(60);

async fn heard(watch: &mut Watch) -> Result<Heard, Error> {
    tokio::time::timeout(LIMIT, watch.next())
        .await
        .expect("the watch hears something")
}

/// The records up to `through`, and how many answers were not the end of a fragmented one.
async fn records(watch: &mut Watch, through: u64) -> (Vec<Record>, usize) {
    let (mut all, mut fragments) = (Vec::<Record>::new(), 0);
    loop {
        match heard(watch).await.unwrap() {
            Heard::Changes { records, fragment: true, .. } => {
                all.extend(records);
                fragments += 1;
            }
            Heard::Changes { records, .. } => {
                all.extend(records);
                if all.last().unwrap().revision.main >= through {
                    return (all, fragments);
                }
            }
            Heard::Progress { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

fn put(key: &str, value: &[u8]) -> Change {
    Change::Put {
        key: key.to_owned().into(),
        value: value.to_vec().into(),
        lease: 0,
    }
}

/// As in `5.1-c`.
fn shown(records: &[Record]) -> Vec<String> {
    let one = |record: &Record| {
        let sign = if record.tombstone { '-' } else { '+' };
        format!("{}{sign}{}", record.revision, record.key().unwrap().escape_ascii())
    };
    records.iter().map(one).collect()
}

/// Five revisions, from 2 to 6.
async fn write(client: &Client) {
    client.put("a", "1", 0).await.unwrap();
    client.put("b", "2", 0).await.unwrap();
    let three = vec![put("d", b"4"), put("c", b"3"), put("e", b"5")];
    client.txn(Vec::new(), three).await.unwrap();
    let delete = Change::Delete { key: "c".into(), end: "e".into() };
    let mixed = vec![put("a", b"6"), delete, put("f", b"7")];
    let (header, done) = client.txn(Vec::new(), mixed).await.unwrap();
    assert!(done);
    client.delete("e", "").await.unwrap();
    assert_eq!(header.revision, 5);
}

const WRITTEN: [&str; 10] = [
    "2.0+a", "3.0+b", "4.0+d", "4.1+c", "4.2+e", "5.0+a", "5.1-c", "5.2-d", "5.3+f", "6.0-e",
];

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn what_is_heard_at_once_and_later_is_the_same() {
    for tools in versions() {
        let server = Server::start(&tools, None).await;
        let client = server.client().await;
        let status = client.status().await.unwrap();
        let mut early = client.watch(2).await.unwrap();
        assert_eq!((early.began().revision, early.began().cluster_id), (1, status.cluster_id));
        write(&client).await;
        let at_once = records(&mut early, 6).await.0;
        assert_eq!(shown(&at_once), WRITTEN, "{}", tools.display());
        // These etcd reads from its database, in the order of its keys there.
        let mut late = client.watch(0).await.unwrap();
        assert_eq!(late.began().revision, 6);
        assert_eq!(records(&mut late, 6).await.0, at_once);
        for from in 2..=6 {
            let mut watch = client.watch(from).await.unwrap();
            let some: Vec<_> = at_once.iter().filter(|r| r.revision.main >= from).cloned().collect();
            assert_eq!(records(&mut watch, 6).await.0, some, "from {from}");
        }
        let range = client.range(b"\0", b"\0", 0, 0).await.unwrap();
        let live: Vec<_> = [5, 1, 8].map(|at| at_once[at].decode().unwrap()).into();
        assert_eq!((range.pairs, range.count, range.more), (live, 3, false));
    }
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn progress_says_how_far_it_is_when_asked() {
    for tools in versions() {
        let server = Server::start(&tools, None).await;
        let client = server.client().await;
        write(&client).await;
        let mut watch = client.watch(7).await.unwrap();
        // A watch that is not yet caught up does not answer.
        let revision = loop {
            watch.ask_progress();
            match tokio::time::timeout(Duration::from_millis(200), watch.next()).await {
                Ok(Ok(Heard::Progress { revision })) => break revision,
                Ok(other) => panic!("{other:?}"),
                Err(_) => {}
            }
        };
        assert_eq!(revision, 6);
    }
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn what_is_compacted_is_told() {
    for tools in versions() {
        let server = Server::start(&tools, None).await;
        let client = server.client().await;
        write(&client).await;
        client.compact(5, true).await.unwrap();
        for from in [0, 2, 4, 5] {
            let mut watch = client.watch(from).await.unwrap();
            let heard = heard(&mut watch).await.unwrap();
            assert_eq!(heard, Heard::Compacted { compact_revision: 5 }, "from {from}, {}", tools.display());
        }
        let mut watch = client.watch(6).await.unwrap();
        assert_eq!(shown(&records(&mut watch, 6).await.0), ["6.0-e"]);
        // One in the future waits, and hears only what it asked for.
        let mut watch = client.watch(8).await.unwrap();
        assert_eq!(watch.began().revision, 6);
        client.put("g", "8", 0).await.unwrap();
        client.put("h", "9", 0).await.unwrap();
        assert_eq!(shown(&records(&mut watch, 8).await.0), ["8.0+h"]);
    }
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_revision_in_fragments_is_counted_through() {
    for tools in versions() {
        // Fragments are as large as requests may be, and half a MiB more.
        let server = Setup::new(&tools).flags(["--max-request-bytes", "65536"]).start().await;
        let client = server.client().await;
        let mut watch = client.watch(2).await.unwrap();
        let key = |number: usize| format!("{number:08}{}", "k".repeat(8000));
        for number in 0..200 {
            client.put(key(number), "", 0).await.unwrap();
        }
        let (header, deleted) = client.delete("0", "1").await.unwrap();
        assert_eq!((header.revision, deleted), (202, 200));
        let (at_once, fragments) = records(&mut watch, 202).await;
        assert!(fragments > 0);
        for (number, record) in at_once[200..].iter().enumerate() {
            assert!(record.tombstone && record.key().unwrap() == key(number));
            assert_eq!((record.revision.main, record.revision.sub as usize), (202, number));
        }
        let (later, fragments) = records(&mut client.watch(2).await.unwrap(), 202).await;
        assert!(fragments > 0 && later == at_once);
    }
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn large_values_come_whole_and_a_watch_that_nobody_reads_stops_nobody() {
    let server = Setup::new(&newest()).flags(["--max-request-bytes", "33554432"]).start().await;
    let client = server.client().await;
    let mut watch = client.watch(2).await.unwrap();
    for _ in 0..3 {
        client.put("large", vec![b'v'; 20 << 20], 0).await.unwrap();
    }
    client.status().await.unwrap();
    let heard = records(&mut watch, 4).await.0;
    assert_eq!(heard.iter().map(|r| r.decode().unwrap().value.len()).sum::<usize>(), 60 << 20);
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_watch_goes_on_after_a_kill() {
    for tools in versions() {
        let mut server = Server::start(&tools, None).await;
        let client = server.client().await;
        let mut watch = client.watch(2).await.unwrap();
        client.put("a", "1", 0).await.unwrap();
        assert_eq!(shown(&records(&mut watch, 2).await.0), ["2.0+a"]);
        server.restart().await;
        let outcome = heard(&mut watch).await;
        assert!(matches!(outcome, Err(Error::Unreachable { .. })), "{outcome:?}");
        let client = server.client().await;
        client.put("b", "1", 0).await.unwrap();
        assert_eq!(shown(&records(&mut client.watch(3).await.unwrap(), 3).await.0), ["3.0+b"]);
    }
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_member_without_a_leader_ends_the_watch() {
    for tools in versions() {
        let mut cluster = Cluster::start(&tools, None, 3).await;
        let client = cluster.members[0].client().await;
        client.put("a", "1", 0).await.unwrap();
        let mut watch = client.watch(2).await.unwrap();
        assert_eq!(shown(&records(&mut watch, 2).await.0), ["2.0+a"]);
        cluster.members[1].kill().await;
        cluster.members[2].kill().await;
        let outcome = heard(&mut watch).await;
        assert!(matches!(outcome, Err(Error::Unreachable { .. })), "{} {outcome:?}", tools.display());
        let outcome = client.watch(2).await;
        assert!(matches!(outcome, Err(Error::Unreachable { .. })), "{} {outcome:?}", tools.display());
        // It still tells of itself.
        let status = client.status().await.unwrap();
        assert_eq!((status.leader, status.revision), (None, 2), "{status:?}");
        assert_eq!(client.members().await.unwrap().len(), 3);
    }
}
