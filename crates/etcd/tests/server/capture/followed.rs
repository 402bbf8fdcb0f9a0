//! A history that is followed while it is captured: etcd starts on what is promoted and is what was captured, bbolt finds nothing
//! wrong with the file, and a follower that is killed is never behind without saying so, and never wrong.

use super::running::{Load, Running, live, packs};
use crate::server::{Server, Setup, free_ports, newest, peer_url, run, versions};
use etcd::Heard;
use etcd::database::Database;
use etcd::follow::{FollowError, Follower, Promotion};
use etcd::history::{Directory, History, Shelf};
use etcd::proof::hash_kv;
use etcd::rebuild::{Line, Members};
use etcd::selection::{DatabaseSource, Source};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// How the process that is to be killed learns where to work.
const FOLDER: &str = "LIFEBOAT_TEST_FOLLOW_FOLDER";

fn shelf(folder: &Path) -> Arc<dyn Shelf> {
    Arc::new(Directory::open(&folder.join("history")).unwrap())
}

/// The revision that a history has come to.
fn tail(folder: &Path) -> u64 {
    History::open(shelf(folder)).unwrap().tail().unwrap().unwrap().through
}

/// etcd's own hash of what a file says exists at its last revision, and that of the history.
fn is_right(file: &Path, folder: &Path, revision: u64) {
    let source = DatabaseSource::new(Database::open(file).unwrap()).unwrap();
    // Of what was promoted, that is where its revisions go on from.
    let last = source.last_revision();
    let history = History::open(shelf(folder)).unwrap();
    let theirs = packs(&history, history.newest().unwrap().number, revision);
    let [ours, theirs] =
        [hash_kv(&source, last, last), hash_kv(&theirs, revision, revision)].map(|it| it.unwrap().hash);
    assert_eq!(ours, theirs, "at revision {revision}");
}

/// What bbolt says of a file, by the tool that checks it page by page.
fn bbolt_agrees(tools: &Path, file: &Path) {
    run(Command::new(tools.join("etcdutl")).args(["snapshot", "status"]).arg(file));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn etcd_starts_on_what_was_followed_and_promoted() {
    for tools in versions() {
        let server = Server::start(&tools, None).await;
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("followed");
        let mut load = Load::new(server.client().await);
        load.run(100).await;
        let running = Running::start(&server.connection, folder.path());
        running.stored(load.revision).await;
        let mut follower = Follower::open(&home).unwrap();
        for round in 0..12 {
            follower.advance(&shelf(folder.path())).unwrap();
            if round % 4 == 0 {
                let copy = folder.path().join("copy");
                std::fs::copy(home.join("db"), &copy).unwrap();
                bbolt_agrees(&tools, &copy);
            }
            load.run(40).await;
            running.stored(load.revision).await;
        }
        follower.advance(&shelf(folder.path())).unwrap();
        assert_eq!((follower.position().unwrap().revision, follower.lag().behind()), (load.revision, Some(0)));
        is_right(&home.join("db"), folder.path(), load.revision);
        running.stop().await;
        let before = std::fs::metadata(home.join("db")).unwrap().len();

        let (port, peer) = free_ports();
        let into = folder.path().join("data");
        let promotion = Promotion {
            members: Members::one("solo", &peer_url(peer), "promoted"),
            name: "solo".to_owned(),
            into: into.clone(),
            line: line(&tools),
            least: None,
            bump: Some(1000),
        };
        let promoted = follower.promote(&promotion).unwrap();
        assert!(promoted.moved);
        bbolt_agrees(&tools, &into.join("member/snap/db"));
        is_right(&into.join("member/snap/db"), folder.path(), load.revision);

        let setup = Setup::new(&tools).name("solo").data(&into).ports(port, peer);
        let mut server = setup.start().await;
        let client = server.client().await;
        let at = load.revision + 1000;
        let history = History::open(shelf(folder.path())).unwrap();
        let ours = packs(&history, 1, load.revision);
        let wanted = hash_kv(&ours, load.revision, load.revision).unwrap().hash;
        let found = client.hash_kv(0).await.unwrap();
        assert_eq!((found.hash, found.compact_revision), (wanted, at), "{}", tools.display());
        assert_eq!(client.range(b"\0", b"\0", 0, 0).await.unwrap().pairs, live(&history, load.revision));
        for seen in [load.revision - 5, load.revision + 1] {
            let heard = client.watch(seen).await.unwrap().next().await.unwrap();
            assert!(
                matches!(heard, Heard::Compacted { compact_revision } if compact_revision == at),
                "{heard:?}"
            );
        }
        // What was superseded is still in the file, and goes like any other.
        assert_eq!(client.put("new", "value", 0).await.unwrap().revision, at + 1);
        client.compact(at + 1, true).await.unwrap();
        let hash = client.hash_kv(0).await.unwrap().hash;
        client.defragment().await.unwrap();
        server.restart().await;
        let client = server.client().await;
        assert_eq!(client.hash_kv(0).await.unwrap().hash, hash);
        assert!(client.status().await.unwrap().db_size < before, "nothing went");
    }
}

fn line(tools: &Path) -> Line {
    let said = run(Command::new(tools.join("etcd")).arg("--version"));
    said.split_whitespace().nth(2).unwrap().parse().unwrap()
}

/// No test by itself: the process that [`killed_at_any_moment_a_follower_is_right`] kills.
#[test]
#[ignore = "a part of another test"]
fn victim() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let mut follower = loop {
        // The one before it is dead, or nearly so.
        match Follower::open(&folder.join("followed")) {
            Err(FollowError::Busy { .. }) => std::thread::yield_now(),
            follower => break follower.unwrap(),
        }
    };
    let shelf = shelf(&folder);
    loop {
        follower.advance(&shelf).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn killed_at_any_moment_a_follower_is_right() {
    let kills: u32 = std::env::var("LIFEBOAT_KILLS").map_or(5, |text| text.parse().unwrap());
    let server = Server::start(&newest(), None).await;
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("followed");
    let mut load = Load::new(server.client().await);
    load.run(50).await;
    let mut options = etcd::capture::Options::new(folder.path());
    // More changes of the file, more places to die.
    options.limits.every = Duration::from_millis(10);
    options.limits.bytes = 20_000;
    let running = Running::with(&server.connection, folder.path(), options);
    running.stored(load.revision).await;
    let (mut furthest, mut anew) = (0, 0);
    for kill in 1..=kills {
        let mut victim = spawn(folder.path());
        let [random, more] = ambient::random_bytes::<2>();
        load.run(u64::from(random % 64)).await;
        ambient::sleep(Duration::from_millis(u64::from(more))).await;
        victim.kill().unwrap();
        victim.wait().unwrap();

        let mut follower = Follower::open(&home).unwrap();
        assert_eq!(follower.lost(), None, "after kill {kill}");
        // Nobody has looked since.
        assert!(!follower.lag().is_current() && follower.lag().behind().is_none());
        if let Some(position) = follower.position() {
            assert!(position.revision >= furthest, "{} after {furthest}", position.revision);
            furthest = position.revision;
            is_right(&home.join("db"), folder.path(), furthest);
        } else {
            assert_eq!(furthest, 0, "after kill {kill}");
        }
        if kill % 5 == 0 {
            let there = tail(folder.path());
            anew += u32::from(matches!(
                follower.advance(&shelf(folder.path())).unwrap(),
                etcd::follow::Done::Built { .. }
            ));
            furthest = follower.position().unwrap().revision;
            assert!(furthest >= there && follower.lag().behind() == Some(0), "{furthest} of {there}");
            is_right(&home.join("db"), folder.path(), furthest);
        }
    }
    assert!(anew <= 1, "{anew}");
    running.stored(load.revision).await;
    running.stop().await;
    let mut follower = Follower::open(&home).unwrap();
    follower.advance(&shelf(folder.path())).unwrap();
    assert_eq!(follower.position().unwrap().revision, load.revision);
    drop(follower);
    is_right(&home.join("db"), folder.path(), load.revision);
    bbolt_agrees(&newest(), &home.join("db"));
}

fn spawn(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "capture::followed::victim", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}
