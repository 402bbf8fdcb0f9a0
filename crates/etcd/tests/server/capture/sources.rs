//! Sources that are not what a history says, or not what they were: imported histories, users that change, a clock that was wrong.

use super::running::{Load, Running, check_all};
use crate::server::{Server, Setup, newest, run, versions};
use etcd::capture::{Arrival, Note, Options, Why};
use etcd::history::{
    Began, Directory, History, Kind, Seen, SegmentHeader, Shelf, Source, Taken, encode_segment, take_base,
};
use std::io::Seek;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

fn shelf(folder: &Path) -> Arc<Directory> {
    Arc::new(Directory::open(&folder.join("history")).unwrap())
}

fn opened(folder: &Path) -> History {
    History::open(shelf(folder)).unwrap()
}

fn saved(server: &Server) -> PathBuf {
    let path = server.path("snapshot");
    server.etcdctl(&["snapshot", "save", &path.display().to_string()]);
    path
}

/// Puts a snapshot into a history, as an import does.
fn import(snapshot: &Path, folder: &Path) {
    let imported = etcd::import::snapshot_file(snapshot, folder).unwrap();
    let taken = Taken {
        timeline: 1,
        taken_ms: Arrival::now().wall_ms,
        source: Source::default(),
        etcd_version: String::new(),
        began: Began::Imported,
        note: String::new(),
    };
    let out = tempfile::tempfile_in(folder).unwrap();
    let (written, mut file) = take_base(&imported.database, taken, folder, out, &mut |_| Ok(())).unwrap();
    file.rewind().unwrap();
    shelf(folder).create(&written.name, &mut file).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn an_imported_history_goes_on_with_its_own_etcd_only() {
    for tools in versions() {
        let (own, other) = (Server::start(&tools, None).await, Server::start(&tools, None).await);
        let client = own.client().await;
        let mut load = Load::new(client.clone());
        load.run(30).await;
        let (folder, stranger) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let snapshot = saved(&own);
        import(&snapshot, folder.path());
        import(&snapshot, stranger.path());

        load.run(30).await;
        let running = Running::start(&own.connection, folder.path());
        running.stored(load.revision).await;
        let notes = running.stop().await;
        assert!(matches!(notes[..], [Note::Connected { .. }]), "{notes:?}");
        let history = check_all(folder.path(), &client).await;
        assert_eq!(history.timelines().len(), 1);
        // Now it says whose it is.
        assert_ne!(history.tail().unwrap().unwrap().source.cluster_id, 0);

        let client = other.client().await;
        let mut load = Load::new(client.clone());
        load.run(120).await;
        let running = Running::start(&other.connection, stranger.path());
        running.told(|note| matches!(note, Note::Based { .. })).await;
        load.run(10).await;
        running.stored(load.revision).await;
        let notes = running.stop().await;
        assert!(
            matches!(
                notes[..],
                [
                    Note::Taking { why: Why::Unproven, new_timeline: true },
                    Note::Based { .. }
                ]
            ),
            "{notes:?}"
        );
        let history = check_all(stranger.path(), &client).await;
        assert_eq!(history.timelines().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn users_that_come_later_are_in_a_base() {
    for tools in versions() {
        let server = Server::start(&tools, None).await;
        let folder = tempfile::tempdir().unwrap();
        let root = server.as_user("root");
        let mut load = Load::new(etcd::Client::connect(&root).await.unwrap());
        load.run(20).await;
        let mut options = Options::new(folder.path());
        options.look_around = Duration::from_millis(200);
        let running = Running::with(&root, folder.path(), options);
        running.stored(load.revision).await;
        server.enable_auth();
        assert!(!enabled(folder.path()));
        load.run(1).await;
        // It may have taken one for the users that were added before.
        let begin = Arrival::now().at;
        while !enabled(folder.path()) {
            assert!(Arrival::now().at.duration_since(begin) < Duration::from_secs(60));
            ambient::sleep(Duration::from_millis(50)).await;
        }
        load.run(20).await;
        running.stored(load.revision).await;
        let notes = running.stop().await;
        let taken = |note: &Note| matches!(note, Note::Taking { why: Why::Users { .. }, new_timeline: false });
        assert!(notes.iter().any(taken), "{notes:?}");
        let client = etcd::Client::connect(&root).await.unwrap();
        let history = check_all(folder.path(), &client).await;
        assert_eq!((history.timelines().len(), history.holes(1).unwrap()), (1, vec![]));

        // What changed while nobody captured is seen at the start.
        server.as_root(&["user", "add", "late:secret"]);
        load.run(1).await;
        let running = Running::start(&root, folder.path());
        running.told(|note| matches!(note, Note::Bridged { .. })).await;
        let notes = running.stop().await;
        assert!(notes.iter().any(taken), "{notes:?}");
        let running = Running::start(&root, folder.path());
        running.told(|note| matches!(note, Note::Connected { .. })).await;
        let notes = running.stop().await;
        assert!(!notes.iter().any(taken), "{notes:?}");
    }
}

/// Whether the newest state of a history has authentication.
fn enabled(folder: &Path) -> bool {
    let history = opened(folder);
    let tail = history.tail().unwrap().unwrap();
    let moment = history.moment(tail.timeline, tail.through).unwrap();
    let buckets = moment.base().buckets().unwrap();
    buckets["auth"]
        .iter()
        .any(|(key, value)| key == "authEnabled" && value.as_ref() == [1])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_clock_that_was_wrong_for_a_while_does_not_spoil_later_times() {
    const JUMP_MS: u64 = 5 * 3_600_000;
    let server = Server::start(&newest(), None).await;
    let client = server.client().await;
    let folder = tempfile::tempdir().unwrap();
    let mut load = Load::new(client.clone());
    load.run(20).await;
    let running = Running::start(&server.connection, folder.path());
    running.stored(load.revision).await;
    load.run(10).await;
    running.stored(load.revision).await;
    running.stop().await;
    // The clock is five hours ahead, and the history is told so.
    let tail = opened(folder.path()).tail().unwrap().unwrap();
    let ahead_ms = Arrival::now().wall_ms + JUMP_MS;
    let header = SegmentHeader {
        timeline: tail.timeline,
        kind: Kind::Captured,
        prev: tail.link,
        after: tail.through,
        through: tail.through,
        count: 0,
        times: vec![Seen { revision: tail.through, at_ms: ahead_ms }],
        leases: vec![],
        source: tail.source,
    };
    let (bytes, written) = encode_segment(header, &[], tail.dictionary.as_ref()).unwrap();
    shelf(folder.path()).create(&written.name, &mut &bytes[..]).unwrap();

    load.run(10).await;
    let running = Running::start(&server.connection, folder.path());
    running.told(|note| matches!(note, Note::Based { .. })).await;
    load.run(10).await;
    running.stored(load.revision).await;
    let middle_ms = Arrival::now().wall_ms;
    let middle = load.revision;
    load.run(10).await;
    running.stored(load.revision).await;
    let notes = running.stop().await;
    let taken = |note: &Note| matches!(note, Note::Taking { why: Why::ClockBack { .. }, new_timeline: false });
    assert!(notes.iter().any(taken), "{notes:?}");
    let history = check_all(folder.path(), &client).await;
    assert_eq!(history.newest_at(middle_ms).unwrap(), Some((1, middle)));
    let now_ms = Arrival::now().wall_ms;
    assert_eq!(history.newest_at(now_ms).unwrap(), Some((1, load.revision)));
    assert!(history.tail().unwrap().unwrap().seen_ms <= now_ms);
    assert_eq!(history.holes(1).unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_source_that_was_restored_and_raised_begins_a_new_timeline() {
    let mut server = Server::start(&newest(), None).await;
    let folder = tempfile::tempdir().unwrap();
    let mut load = Load::new(server.client().await);
    load.run(20).await;
    let running = Running::start(&server.connection, folder.path());
    running.stored(load.revision).await;
    running.stop().await;
    let snapshot = saved(&server);
    server.kill().await;
    let restored = folder.path().join("restored");
    let peer = crate::server::peer_url(server.peer_port);
    run(server
        .tool("etcdutl")
        .args(["snapshot", "restore"])
        .arg(&snapshot)
        .args([
            "--initial-cluster",
            &format!("default={peer}"),
            "--initial-advertise-peer-urls",
            &peer,
        ])
        .args(["--bump-revision", "1000000000", "--mark-compacted", "--data-dir"])
        .arg(&restored));
    let again = Setup::new(&newest())
        .data(&restored)
        .ports(server.port, server.peer_port)
        .start()
        .await;
    let client = again.client().await;
    let mut load = Load::new(client.clone());
    // So much that raft does not look as if it had gone back.
    for step in 0..100 {
        client.put("counter", step.to_string(), 0).await.unwrap();
    }
    load.run(1).await;
    let running = Running::start(&again.connection, folder.path());
    running.told(|note| matches!(note, Note::Based { .. })).await;
    running.stored(load.revision).await;
    let notes = running.stop().await;
    assert!(
        matches!(
            notes[..],
            [
                Note::Taking { why: Why::Raised { .. }, new_timeline: true },
                Note::Based { .. }
            ]
        ),
        "{notes:?}"
    );
    // No more is compared: etcd leaves a record with an empty key at the raised revision, which it does not show.
    let history = opened(folder.path());
    assert_eq!((history.timelines().len(), history.newest().unwrap().newest()), (2, Some(load.revision)));
}
