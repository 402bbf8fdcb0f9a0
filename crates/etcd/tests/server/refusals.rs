//! Who is not let in, and what that looks like: each case is told apart from a server that is down.

use crate::certificates::Files;
use crate::server::{Server, newest};
use etcd::{Client, Connection, Error, Status};

async fn ask(connection: &Connection) -> Result<Status, Error> {
    Client::connect(connection).await?.status().await
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn certificates_that_do_not_fit_are_told_apart() {
    let (files, foreign) = (Files::create("127.0.0.1"), Files::create("127.0.0.1"));
    let server = Server::start(&newest(), Some(&files)).await;
    let good = server.connection.clone();
    ask(&good).await.unwrap();

    let wrong_authority = Connection { ca_file: Some(foreign.ca.clone()), ..good.clone() };
    let outcome = ask(&wrong_authority).await;
    assert!(matches!(outcome, Err(Error::Untrusted { .. })), "{outcome:?}");

    let wrong_name = Connection {
        endpoint: format!("https://localhost:{}", server.port),
        ..good.clone()
    };
    let outcome = ask(&wrong_name).await;
    assert!(matches!(outcome, Err(Error::Untrusted { .. })), "{outcome:?}");

    let nobody = Connection { cert_file: None, key_file: None, ..good.clone() };
    let outcome = ask(&nobody).await;
    assert!(matches!(outcome, Err(Error::Refused { .. })), "{outcome:?}");

    let stranger = Connection {
        cert_file: Some(foreign.client_cert.clone()),
        key_file: Some(foreign.client_key.clone()),
        ..good.clone()
    };
    let outcome = ask(&stranger).await;
    assert!(matches!(outcome, Err(Error::Refused { .. })), "{outcome:?}");

    let plain = Connection {
        endpoint: format!("http://127.0.0.1:{}", server.port),
        ca_file: None,
        cert_file: None,
        key_file: None,
        user: None,
    };
    let outcome = ask(&plain).await;
    assert!(matches!(outcome, Err(Error::Unreachable { .. })), "{outcome:?}");
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_user_is_asked_for_when_authentication_is_on() {
    let server = Server::start(&newest(), None).await;
    server.etcdctl(&["user", "add", "root:secret"]);
    server.etcdctl(&["user", "grant-role", "root", "root"]);
    server.etcdctl(&["auth", "enable"]);
    let client = server.client().await;
    // In a task of its own, as a daemon takes snapshots: that compiles only if what it waits for may move between threads.
    let taken = tokio::spawn(async move { client.snapshot(&mut Vec::new()).await });
    let outcome = taken.await.unwrap();
    assert!(matches!(outcome, Err(Error::Refused { .. })), "{outcome:?}");
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_server_that_is_killed_is_unreachable() {
    let mut server = Server::start(&newest(), None).await;
    let client = server.client().await;
    client.status().await.unwrap();
    server.process.kill().await.unwrap();
    let outcome = client.status().await;
    assert!(matches!(outcome, Err(Error::Unreachable { .. })), "{outcome:?}");
}
