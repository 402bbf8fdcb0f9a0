//! Snapshots that etcd's own tools accept, and what a connection that breaks leaves.

use crate::certificates::Files;
use crate::server::{Server, newest, run, versions};
use etcd::{Client, Connection, Error, verify_snapshot};
use std::process::Command;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn etcdutl_restores_what_was_taken() {
    for tools in versions() {
        let server = Server::start(&tools, None).await;
        server.fill(3);
        let client = server.client().await;
        let status = client.status().await.unwrap();
        let version = run(Command::new(tools.join("etcd")).arg("--version"));
        assert!(version.contains(&format!("etcd Version: {}\n", status.version)), "{version} {status:?}");
        assert_eq!((status.revision, status.leader), (4, Some(status.member_id)), "{status:?}");
        assert!(status.db_size > 0 && status.raft_term > 0 && status.cluster_id != 0, "{status:?}");
        assert!(!status.is_learner && status.errors.is_empty(), "{status:?}");

        let path = server.path("snapshot.db");
        let mut file = tokio::fs::File::create(&path).await.unwrap();
        let info = client.snapshot(&mut file).await.unwrap();
        assert_eq!(info.bytes, file.metadata().await.unwrap().len());
        assert!(info.bytes > 3 << 20, "{info:?}");
        let again = verify_snapshot(tokio::fs::File::open(&path).await.unwrap()).await.unwrap();
        assert_eq!(again, info);

        let etcdutl = || Command::new(tools.join("etcdutl"));
        let told = run(etcdutl().args(["snapshot", "status", "--write-out", "json"]).arg(&path));
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["revision"], status.revision);
        let data = server.path("restored");
        run(etcdutl().args(["snapshot", "restore"]).arg(&path).arg("--data-dir").arg(&data));
        assert!(data.join("member/snap/db").is_file());
    }
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn etcdctl_makes_the_same_file() {
    let server = Server::start(&newest(), None).await;
    server.fill(1);
    let path = server.path("theirs.db");
    server.etcdctl(&["snapshot", "save", &path.display().to_string()]);
    let theirs = verify_snapshot(tokio::fs::File::open(&path).await.unwrap()).await.unwrap();
    let mut ours = Vec::new();
    let info = server.client().await.snapshot(&mut ours).await.unwrap();
    // Not the same bytes: etcd commits a transaction for each snapshot.
    assert_eq!(info.bytes, theirs.bytes);
    assert_eq!(verify_snapshot(ours.as_slice()).await.unwrap(), info);
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn it_works_over_tls_and_with_rotated_certificates() {
    let (old, new) = (Files::create("127.0.0.1"), Files::create("127.0.0.1"));
    let server = Server::start(&newest(), Some(&old)).await;
    let mut snapshot = Vec::new();
    let info = server.client().await.snapshot(&mut snapshot).await.unwrap();
    assert_eq!(info.bytes, snapshot.len() as u64);
    drop(server);

    let rotated = [
        (&new.ca, &old.ca),
        (&new.client_cert, &old.client_cert),
        (&new.client_key, &old.client_key),
    ];
    let server = Server::start(&newest(), Some(&new)).await;
    let connection = Connection {
        endpoint: server.connection.endpoint.clone(),
        ca_file: Some(old.ca.clone()),
        cert_file: Some(old.client_cert.clone()),
        key_file: Some(old.client_key.clone()),
        user: None,
    };
    assert!(Client::connect(&connection).await.is_err());
    for (from, to) in rotated {
        std::fs::copy(from, to).unwrap();
    }
    Client::connect(&connection).await.unwrap().status().await.unwrap();
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_connection_that_breaks_leaves_an_error() {
    let server = Server::start(&newest(), None).await;
    server.fill(4);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connection = Connection {
        endpoint: format!("http://{}", listener.local_addr().unwrap()),
        ..server.connection.clone()
    };
    // Passes on what the client says, and no more than 1 MB of what etcd answers.
    let etcd = format!("127.0.0.1:{}", server.port);
    let relay = tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let etcd = tokio::net::TcpStream::connect(etcd).await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (from_etcd, mut to_etcd) = etcd.into_split();
        let asking = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_etcd).await });
        tokio::io::copy(&mut from_etcd.take(1_000_000), &mut to_client).await.unwrap();
        asking.abort();
    });
    let mut written = Vec::new();
    let client = Client::connect(&connection).await.unwrap();
    let error = client.snapshot(&mut written).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("the snapshot broke off after"), "{error}");
    relay.await.unwrap();
    assert!(matches!(verify_snapshot(written.as_slice()).await, Err(Error::Truncated { .. })));
}
