//! The whole round against real etcd: a random history is captured, with a compaction, a defragmentation and a kill in it, and rebuilt at
//! random revisions; etcd starts on each and serves what the original served. `LIFEBOAT_ROUNDS` makes more of them.

use super::running::{Load, Running};
use crate::certificates::Files;
use crate::server::{Server, Setup, free_ports, peer_url, run, versions};
use etcd::history::{Directory, History};
use etcd::rebuild::{Line, Marks, Members, Request, Target, rebuild};
use etcd::selection::Packs;
use etcd::{Client, KeyValue};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// What the original served at a revision.
pub(super) struct Seen {
    pub(super) revision: u64,
    pub(super) pairs: Vec<KeyValue>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn etcd_serves_what_a_random_history_is_rebuilt_to() {
    let rounds = std::env::var("LIFEBOAT_ROUNDS").map_or(1, |text| text.parse::<usize>().unwrap());
    for tools in versions() {
        for round in 0..rounds {
            // In turn bare, and with TLS and users.
            let files = (round % 2 == 0).then(|| Files::create("127.0.0.1"));
            one_round(&tools, files.as_ref()).await;
        }
    }
}

async fn one_round(tools: &Path, files: Option<&Files>) {
    let mut server = Server::start(tools, files).await;
    if files.is_some() {
        server.enable_auth();
    }
    let connection = if files.is_some() {
        server.as_user("root")
    } else {
        server.connection.clone()
    };
    let client = Client::connect(&connection).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut load = Load::new(client.clone());
    load.run(random(60)).await;
    let running = Running::start(&connection, folder.path());
    running.stored(1).await;
    let mut seen = Vec::new();
    for part in 0..4 {
        load.run(random(60)).await;
        seen.push(look(&client, load.revision - random(8).min(load.revision - 2)).await);
        match part {
            // What is not captured yet would be a hole.
            0 => {
                running.stored(load.revision).await;
                client.compact(load.revision - 5, true).await.unwrap();
            }
            1 => client.defragment().await.unwrap(),
            2 => {
                server.kill().await;
                server.restart().await;
                // It connects anew by itself, and so does the capture.
                load = load.go_on(Client::connect(&connection).await.unwrap());
            }
            _ => {}
        }
        load.insist(5).await;
    }
    let client = Client::connect(&connection).await.unwrap();
    seen.push(look(&client, load.revision).await);
    running.stored(load.revision).await;
    running.stop().await;
    let history = History::open(Arc::new(Directory::open(&folder.path().join("history")).unwrap())).unwrap();
    for one in &seen {
        rebuilt_serves(tools, &history, one, files).await;
    }
    exported_is_sound(tools, &history, &seen[3], folder.path());
}

/// A number from 1 to `most`.
fn random(most: u8) -> u64 {
    let [byte] = ambient::random_bytes::<1>();
    u64::from(byte % most) + 1
}

pub(super) async fn look(client: &Client, revision: u64) -> Seen {
    let pairs = client.range(b"\0", b"\0", revision, 0).await.unwrap().pairs;
    Seen { revision, pairs }
}

fn packs(history: &History, revision: u64) -> Packs {
    let timeline = history.newest().unwrap().number;
    Packs::of(&history.moment(timeline, revision).unwrap()).unwrap()
}

fn line(tools: &Path) -> Line {
    let said = run(Command::new(tools.join("etcd")).arg("--version"));
    said.split_whitespace().nth(2).unwrap().parse().unwrap()
}

/// Rebuilds a moment, and starts etcd on it: it serves what the original served, has its leases, and no alarm.
pub(super) async fn rebuilt_serves(tools: &Path, history: &History, seen: &Seen, files: Option<&Files>) {
    let folder = tempfile::tempdir().unwrap();
    let (port, peer) = free_ports();
    let path = folder.path().join("data");
    let target = Target::DataDirectories {
        members: Members::one("solo", &peer_url(peer), "rebuilt"),
        directories: vec![("solo".to_owned(), path.clone())],
    };
    let request = Request {
        revision: seen.revision,
        line: line(tools),
        marks: Marks::Bump(1_000_000),
        target,
    };
    let rebuilt = rebuild(&packs(history, seen.revision), &request).unwrap();
    assert_eq!(rebuilt.keys, seen.pairs.len() as u64);
    assert!(rebuilt.leases_missing.is_empty(), "at {}", seen.revision);
    checked(tools, &path.join("member/snap/db"));
    let mut setup = Setup::new(tools).name("solo").data(&path).ports(port, peer);
    if let Some(files) = files {
        setup = setup.tls(files);
    }
    let server = setup.start().await;
    // Its users are those of the original.
    let connection = if files.is_some() {
        server.as_user("root")
    } else {
        server.connection.clone()
    };
    let client = Client::connect(&connection).await.unwrap();
    let found = client.range(b"\0", b"\0", 0, 0).await.unwrap();
    assert_eq!(found.header.revision, seen.revision + 1_000_000);
    assert!(found.pairs == seen.pairs, "at {}", seen.revision);
    assert_eq!(client.alarms().await.unwrap(), []);
    let leases = client.leases().await.unwrap();
    for lease in seen.pairs.iter().map(|pair| pair.lease).filter(|lease| *lease != 0) {
        assert!(leases.contains(&lease), "lease {lease:x} at {}", seen.revision);
    }
    if files.is_some() {
        assert!(
            Client::connect(&server.connection)
                .await
                .unwrap()
                .range(b"\0", b"\0", 0, 0)
                .await
                .is_err()
        );
    }
}

/// bbolt's own check, where it is at hand.
fn checked(tools: &Path, database: &Path) {
    let beside = versions()
        .into_iter()
        .map(|tools| tools.join("bbolt"))
        .find(|path| path.exists());
    if let Some(bbolt) = beside {
        assert_eq!(run(Command::new(bbolt).arg("check").arg(database)).trim(), "OK", "{}", tools.display());
    }
}

/// What is exported passes etcdutl's checks, and says the same hash as the history does.
fn exported_is_sound(tools: &Path, history: &History, seen: &Seen, folder: &Path) {
    let path = folder.join("exported");
    let request = Request {
        revision: seen.revision,
        line: line(tools),
        marks: Marks::AsIs,
        target: Target::Snapshot { path: path.clone() },
    };
    rebuild(&packs(history, seen.revision), &request).unwrap();
    let status = run(Command::new(tools.join("etcdutl"))
        .args(["snapshot", "status", "-w", "json"])
        .arg(&path));
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["revision"].as_u64(), Some(seen.revision), "{status}");
    checked(tools, &path);
    let file = etcd::proof::verify_file(&path).unwrap();
    let ours = etcd::proof::hash_kv(&packs(history, seen.revision), seen.revision, file.compact_revision).unwrap();
    assert_eq!((file.hash, file.revision), (ours.hash, seen.revision));
}
