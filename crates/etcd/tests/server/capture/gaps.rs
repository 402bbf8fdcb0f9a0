//! What cannot be watched any more, and sources that are not what they were.

use super::running::{Load, Running, check, check_all, live};
use crate::server::{Server, Setup, newest, run};
use etcd::Connection;
use etcd::capture::Note;
use etcd::history::{Directory, History};
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn what_was_compacted_away_is_a_hole_and_the_state_is_right() {
    let server = Server::start(&newest(), None).await;
    let folder = tempfile::tempdir().unwrap();
    let client = server.client().await;
    let mut load = Load::new(client.clone());
    load.run(60).await;
    client.put("stays", "1", 0).await.unwrap();
    client.put("goes in the hole", "1", 0).await.unwrap();
    load.run(1).await;
    let running = Running::start(&server.connection, folder.path());
    running.stored(load.revision).await;
    load.run(5).await;
    running.stored(load.revision).await;
    running.stop().await;
    let after = load.revision;
    let before = live(&opened(folder.path()), after);

    load.run(30).await;
    client.delete("goes in the hole", "").await.unwrap();
    load.run(30).await;
    let compaction = load.revision;
    client.compact(compaction, true).await.unwrap();
    load.run(20).await;
    let running = Running::start(&server.connection, folder.path());
    running.told(|note| matches!(note, Note::Bridged { .. })).await;
    load.run(20).await;
    running.stored(load.revision).await;
    let notes = running.stop().await;
    assert!(notes.contains(&Note::Hole { after, until: compaction }), "{notes:?}");

    let history = check_all(folder.path(), &client).await;
    assert_eq!(history.timelines().len(), 1);
    let holes = history.holes(1).unwrap();
    assert_eq!((holes.len(), holes[0].after, holes[0].until), (1, after, compaction));
    // One chain leads over the gap, and what was before is still there.
    assert_eq!(history.newest().unwrap().stretches.len(), 1);
    assert!(live(&history, after) == before);
    assert!(history.moment(1, after + 1).is_err());
    // By the chain as by the base: the state at the compaction.
    let keys: Vec<_> = live(&history, compaction).into_iter().map(|it| it.key).collect();
    assert!(keys.contains(&"stays".into()) && !keys.contains(&"goes in the hole".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_restored_source_begins_a_new_timeline() {
    let mut server = Server::start(&newest(), None).await;
    let folder = tempfile::tempdir().unwrap();
    let client = server.client().await;
    let mut load = Load::new(client.clone());
    load.run(20).await;
    let snapshot = folder.path().join("snapshot");
    server.etcdctl(&["snapshot", "save", &snapshot.display().to_string()]);
    load.run(40).await;
    let running = Running::start(&server.connection, folder.path());
    running.stored(load.revision).await;
    running.stop().await;

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
        .arg("--data-dir")
        .arg(&restored));
    let again = Setup::new(&newest())
        .data(&restored)
        .ports(server.port, server.peer_port)
        .start()
        .await;
    let client = again.client().await;
    let mut load = Load::new(client.clone());
    load.run(5).await;
    let running = Running::start(&again.connection, folder.path());
    running.stored(1).await;
    load.run(20).await;
    running.stored(load.revision).await;
    let notes = running.stop().await;
    assert!(notes.iter().any(|it| matches!(it, Note::Taking { new_timeline: true, .. })), "{notes:?}");
    let history = check_all(folder.path(), &client).await;
    assert_eq!(history.timelines().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn an_etcd_that_restarts_is_waited_for() {
    let mut server = Server::start(&newest(), None).await;
    let folder = tempfile::tempdir().unwrap();
    let mut load = Load::new(server.client().await);
    load.run(20).await;
    let running = Running::start(&server.connection, folder.path());
    running.stored(load.revision).await;
    for _ in 0..2 {
        server.restart().await;
        load = load.go_on(server.client().await);
        load.run(20).await;
        running.stored(load.revision).await;
    }
    running.stop().await;
    let history = check_all(folder.path(), &server.client().await).await;
    assert_eq!(history.holes(1).unwrap(), []);
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn what_waiting_does_not_mend_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = Connection {
        endpoint: "http://127.0.0.1".to_owned(),
        ca_file: None,
        cert_file: None,
        key_file: None,
        user: None,
    };
    let error = Running::start(&nowhere, folder.path()).ended().await.unwrap_err();
    assert!(error.to_string().contains("names no port"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn two_captures_of_one_history_do_it_no_harm_and_one_stops() {
    let server = Server::start(&newest(), None).await;
    let folder = tempfile::tempdir().unwrap();
    let client = server.client().await;
    let mut load = Load::new(client.clone());
    load.run(20).await;
    let mut options = etcd::capture::Options::new(folder.path());
    options.look_around = std::time::Duration::from_millis(700);
    let first = Running::with(&server.connection, folder.path(), options.clone());
    first.stored(load.revision).await;
    // One that never looks, so that it goes on.
    options.look_around = std::time::Duration::from_secs(3600);
    let second = Running::with(&server.connection, folder.path(), options);
    let mut stopping = tokio::spawn(first.ended());
    let error = loop {
        load.run(5).await;
        tokio::select! {
            ended = &mut stopping => break ended.unwrap().unwrap_err(),
            () = ambient::sleep(std::time::Duration::from_millis(100)) => {}
        }
    };
    assert_eq!(error.kind(), estate::Kind::Conflict, "{error}");
    load.run(20).await;
    second.stored(load.revision).await;
    second.stop().await;
    check(folder.path(), &client).await;
}

fn opened(folder: &std::path::Path) -> History {
    History::open(Arc::new(Directory::open(&folder.join("history")).unwrap())).unwrap()
}
