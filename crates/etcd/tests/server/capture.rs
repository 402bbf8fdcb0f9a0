//! Capture against real etcd: under load, over TLS and with users, with several members, after gaps, from a restored source. What is
//! captured is compared with what etcd itself answers. Killing stands in `killed`.

mod backlog;
mod followed;
mod full;
mod gaps;
mod killed;
mod round;
mod running;
mod sources;

use crate::certificates::Files;
use crate::server::{Cluster, Server, newest, versions};
use etcd::capture::{Note, Way};
use running::{Load, Running, check, check_all};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn what_is_captured_is_what_etcd_says() {
    for tools in versions() {
        let server = Server::start(&tools, None).await;
        let folder = tempfile::tempdir().unwrap();
        let client = server.client().await;
        let mut load = Load::new(client.clone());
        load.run(40).await;
        let running = Running::start(&server.connection, folder.path());
        running.stored(1).await;
        load.run(150).await;
        client.compact(load.revision - 50, true).await.unwrap();
        client.defragment().await.unwrap();
        load.run(50).await;
        running.stored(load.revision).await;
        let notes = running.stop().await;
        assert!(
            matches!(notes[..], [Note::Taking { .. }, Note::Based { way: Way::Stream, .. }]),
            "{notes:?}"
        );
        check_all(folder.path(), &client).await;

        // A second capture goes on where the first ended.
        load.run(30).await;
        let running = Running::start(&server.connection, folder.path());
        load.run(30).await;
        running.stored(load.revision).await;
        let notes = running.stop().await;
        assert!(matches!(notes[..], [Note::Connected { .. }]), "{notes:?}");
        let history = check_all(folder.path(), &client).await;
        assert_eq!(history.timelines().len(), 1);
        assert_eq!(history.holes(1).unwrap(), []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn an_etcd_without_any_record_is_captured() {
    let server = Server::start(&newest(), None).await;
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&server.connection, folder.path());
    running.stored(1).await;
    let client = server.client().await;
    let mut load = Load::new(client.clone());
    load.run(5).await;
    running.stored(load.revision).await;
    running.stop().await;
    check_all(folder.path(), &client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn tls_and_users_are_no_obstacle() {
    let files = Files::create("127.0.0.1");
    let server = Server::start(&newest(), Some(&files)).await;
    server.enable_auth();
    let folder = tempfile::tempdir().unwrap();
    let root = server.as_user("root");
    let client = etcd::Client::connect(&root).await.unwrap();
    let mut load = Load::new(client.clone());
    load.run(20).await;
    let running = Running::start(&root, folder.path());
    running.stored(1).await;
    load.run(20).await;
    running.stored(load.revision).await;
    running.stop().await;
    check(folder.path(), &client).await;

    // Who may not take a snapshot is told so at once.
    let other = tempfile::tempdir().unwrap();
    let running = Running::start(&server.as_user("reader"), other.path());
    let error = running.ended().await.unwrap_err();
    assert_eq!(error.kind(), estate::Kind::Person, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn another_member_goes_on() {
    let mut cluster = Cluster::start(&newest(), None, 3).await;
    let folder = tempfile::tempdir().unwrap();
    let leader = cluster.leader().await;
    // The one that is captured first is the leader.
    let mut order = vec![leader];
    order.extend((0..3).filter(|at| *at != leader));
    // Only one is named: the others are found.
    let source = cluster.members[leader].connection.clone();
    let mut load = Load::new(cluster.members[order[1]].client().await);
    load.run(20).await;
    let running = Running::start(&source, folder.path());
    running.stored(1).await;
    load.run(30).await;
    cluster.members[leader].kill().await;
    load.insist(30).await;
    running.stored(load.revision).await;
    let notes = running.stop().await;
    assert!(notes.iter().any(|note| matches!(note, Note::Lost { .. })), "{notes:?}");
    assert!(notes.iter().all(|note| !matches!(note, Note::Hole { .. })), "{notes:?}");
    let client = cluster.members[order[1]].client().await;
    check_all(folder.path(), &client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn the_database_file_is_read_while_a_stream_pins_it() {
    for tools in versions() {
        let server = Server::start(&tools, None).await;
        let folder = tempfile::tempdir().unwrap();
        let client = server.client().await;
        server.fill(24);
        let mut load = Load::new(client.clone());
        load.run(50).await;
        let mut options = etcd::capture::Options::new(folder.path());
        options.db_file = Some(server.data.join("member/snap/db"));
        options.prove = true;
        let running = Running::with(&server.connection, folder.path(), options.clone());
        load.run(200).await;
        running.stored(load.revision).await;
        let notes = running.stop().await;
        assert!(matches!(notes[..], [Note::Taking { .. }, Note::Based { way: Way::Pin, .. }]), "{notes:?}");
        check(folder.path(), &client).await;

        // The file of another member is noticed, and the stream taken.
        let stranger = Server::start(&tools, None).await;
        let other = tempfile::tempdir().unwrap();
        options.db_file = Some(stranger.data.join("member/snap/db"));
        let running = Running::with(&server.connection, other.path(), options);
        running.stored(1).await;
        let notes = running.stop().await;
        let [
            Note::Taking { .. },
            Note::Streaming { why },
            Note::Based { way: Way::Stream, .. },
        ] = &notes[..]
        else {
            panic!("{notes:?}");
        };
        assert!(why.ends_with("is not this member's database"), "{why}");
        check(other.path(), &client).await;
    }
}
