//! Authentication: users by password and by certificate, what each may do, and tokens that are no longer good.

use crate::certificates::Files;
use crate::server::{Server, newest, versions};
use etcd::{Client, Connection, Error, Heard, Password, User};

fn is_refused<T>(outcome: Result<T, Error>) -> bool {
    match outcome {
        Ok(_) => false,
        Err(Error::Refused { .. }) => true,
        Err(other) => panic!("{other:?}"),
    }
}

/// What a client is refused.
async fn refused(client: &Client, lease: i64) -> Vec<&'static str> {
    let outcomes = [
        ("status", is_refused(client.status().await)),
        ("members", is_refused(client.members().await)),
        ("alarms", is_refused(client.alarms().await)),
        ("watch", is_refused(client.watch(1).await)),
        ("range", is_refused(client.range(b"\0", b"\0", 0, 0).await)),
        ("leases", is_refused(client.leases().await)),
        ("lease", is_refused(client.lease(lease).await)),
        ("put", is_refused(client.put("b", "1", 0).await)),
        (
            "compact",
            is_refused(client.compact(1, false).await.or_else(|e| match e {
                Error::Compacted { .. } => Ok(etcd::Header::default()),
                other => Err(other),
            })),
        ),
        ("hash_kv", is_refused(client.hash_kv(0).await)),
        ("defragment", is_refused(client.defragment().await)),
        ("snapshot", is_refused(client.snapshot(&mut tokio::io::sink()).await)),
    ];
    outcomes
        .into_iter()
        .filter(|(_, refused)| *refused)
        .map(|(call, _)| call)
        .collect()
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn each_may_do_what_its_role_allows() {
    for tools in versions() {
        let server = Server::start(&tools, None).await;
        let before = Client::connect(&server.as_user("root")).await.unwrap();
        let lease = before.grant_lease(0, 3600).await.unwrap();
        before.put("a", "1", lease).await.unwrap();
        server.enable_auth();
        // Connected before there were users, it asks for a token when it is first told to.
        assert_eq!(refused(&before, lease).await, [""; 0], "{}", tools.display());
        let reader = Client::connect(&server.as_user("reader")).await.unwrap();
        let few = ["put", "compact", "hash_kv", "defragment", "snapshot"];
        assert_eq!(refused(&reader, lease).await, few, "{}", tools.display());
        let nobody = Client::connect(&server.as_user("nobody")).await.unwrap();
        let more = [
            "watch",
            "range",
            "leases",
            "put",
            "compact",
            "hash_kv",
            "defragment",
            "snapshot",
        ];
        assert_eq!(refused(&nobody, lease).await, more, "{}", tools.display());
        let unnamed = server.client().await;
        let most = refused(&unnamed, lease).await;
        assert!(more.iter().all(|call| most.contains(call)), "{most:?}");

        let user = User { name: "root".to_owned(), password: Password::from("wrong") };
        let wrong = Connection { user: Some(user), ..server.connection.clone() };
        let error = Client::connect(&wrong).await.unwrap_err();
        assert!(
            matches!(error, Error::Refused { .. }) && !format!("{error} {error:?}").contains("wrong"),
            "{error}"
        );
    }
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_token_that_is_forgotten_is_asked_for_again() {
    for tools in versions() {
        let mut server = Server::start(&tools, None).await;
        server.enable_auth();
        let client = Client::connect(&server.as_user("root")).await.unwrap();
        let watching = Client::connect(&server.as_user("reader")).await.unwrap();
        client.put("a", "1", 0).await.unwrap();
        server.restart().await;
        client.put("a", "2", 0).await.unwrap();
        let mut watch = watching.watch(3).await.unwrap();
        let heard = watch.next().await.unwrap();
        assert!(matches!(&heard, Heard::Changes { records, .. } if records.len() == 1), "{heard:?}");

        // A watch goes on without the right that it began with; another does not begin.
        server.as_root(&["user", "delete", "reader"]);
        client.put("a", "3", 0).await.unwrap();
        assert!(matches!(watch.next().await, Ok(Heard::Changes { .. })));
        assert!(is_refused(watching.watch(3).await));
    }
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_certificate_can_name_the_user() {
    for tools in versions() {
        let (root, nobody) = (Files::create_for("127.0.0.1", "root"), Files::create_for("127.0.0.1", "nobody"));
        let server = Server::start(&tools, Some(&root)).await;
        server.enable_auth();
        let client = server.client().await;
        assert_eq!(refused(&client, 1).await, [""; 0], "{}", tools.display());
        drop(server);

        let server = Server::start(&tools, Some(&nobody)).await;
        server.enable_auth();
        assert!(is_refused(server.client().await.watch(1).await));
        // The password's user goes before the certificate's.
        let client = Client::connect(&server.as_user("root")).await.unwrap();
        client.snapshot(&mut Vec::new()).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn without_authentication_a_user_does_no_harm() {
    let server = Server::start(&newest(), None).await;
    let client = Client::connect(&server.as_user("root")).await.unwrap();
    assert_eq!(refused(&client, 1).await, [""; 0]);
}
