//! Killing the capturing process, and etcd, at random moments under load: no gap, no duplicate, and the proof holds.

use super::running::{Load, check, check_all};
use crate::server::{Server, newest};
use etcd::capture::{Options, Risk, capture};
use etcd::history::Directory;
use etcd::{Connection, Members};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// How the process that is to be killed learns what to do: the endpoint, and the folder.
const ENDPOINT: &str = "LIFEBOAT_TEST_CAPTURE_ENDPOINT";
const FOLDER: &str = "LIFEBOAT_TEST_CAPTURE_FOLDER";

/// No test by itself: the process that [`killed_at_random_moments`] kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a part of another test"]
async fn victim() {
    let (Ok(endpoint), Some(folder)) = (std::env::var(ENDPOINT), std::env::var_os(FOLDER).map(PathBuf::from)) else {
        return;
    };
    let directory = Directory::open(&folder.join("history")).unwrap();
    // The one before it is dead, or nearly so.
    let _lock = loop {
        match directory.lock() {
            Ok(lock) => break lock,
            Err(_) => ambient::sleep(Duration::from_millis(10)).await,
        }
    };
    let connection = Connection {
        endpoint,
        ca_file: None,
        cert_file: None,
        key_file: None,
        user: None,
    };
    let behind = watch::Sender::new(Risk::default().behind());
    let mut options = Options::new(&folder);
    // More cuts, more places to die.
    options.limits.every = Duration::from_millis(20);
    options.limits.bytes = 20_000;
    let never = std::future::pending();
    capture(
        Members::new(connection, []),
        Arc::new(directory),
        options,
        Arc::new(|_| {}),
        behind,
        never,
    )
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn killed_at_random_moments() {
    let kills: u64 = std::env::var("LIFEBOAT_KILLS").map_or(6, |text| text.parse().unwrap());
    let mut server = Server::start(&newest(), None).await;
    let folder = tempfile::tempdir().unwrap();
    let mut load = Load::new(server.client().await);
    load.run(30).await;
    let mut victim = spawn(&server.connection.endpoint, folder.path());
    for kill in 1..=kills {
        let [random] = ambient::random_bytes::<1>();
        load.insist(u64::from(random)).await;
        if kill % 3 == 0 {
            server.restart().await;
            load = load.go_on(server.client().await);
        } else {
            victim.kill().await.unwrap();
            victim = spawn(&server.connection.endpoint, folder.path());
        }
    }
    load.insist(20).await;
    let client = server.client().await;
    reaches(folder.path(), load.revision).await;
    victim.kill().await.unwrap();
    let history = if kills > 20 {
        check(folder.path(), &client).await
    } else {
        check_all(folder.path(), &client).await
    };
    assert_eq!(history.timelines().len(), 1);
    assert_eq!(history.holes(1).unwrap(), []);
}

fn spawn(endpoint: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "capture::killed::victim", "--nocapture"])
        .env(ENDPOINT, endpoint)
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Waits until the history has come to a revision.
async fn reaches(folder: &Path, revision: u64) {
    let deadline = ambient::monotonic() + Duration::from_secs(60);
    loop {
        let shelf = Arc::new(Directory::open(&folder.join("history")).unwrap());
        let tail = etcd::history::History::open(shelf).unwrap().tail().unwrap();
        if tail.as_ref().is_some_and(|tail| tail.through >= revision) {
            return;
        }
        assert!(ambient::monotonic() < deadline, "{revision} is not stored: {tail:?}");
        ambient::sleep(Duration::from_millis(100)).await;
    }
}
