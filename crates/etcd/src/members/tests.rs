use super::*;

fn at(endpoint: &str) -> Connection {
    Connection {
        endpoint: endpoint.to_owned(),
        ca_file: None,
        cert_file: None,
        key_file: None,
        user: None,
    }
}

fn urls(members: &Members) -> Vec<&str> {
    members
        .connections()
        .iter()
        .map(|connection| connection.endpoint.as_str())
        .collect()
}

fn three() -> Members {
    Members::new(at("http://a:1"), ["http://b:1", "http://a:1/", "http://c:1"].map(str::to_owned))
}

#[test]
fn each_is_there_once_and_reached_the_same_way() {
    let first = Connection {
        user: Some(crate::User { name: "u".to_owned(), password: "p".into() }),
        ..at("http://a:1")
    };
    let members = Members::new(first.clone(), ["http://b:1".to_owned()]);
    assert_eq!(members.connections()[1], Connection { endpoint: "http://b:1".to_owned(), ..first });
    assert_eq!(urls(&three()), ["http://a:1", "http://b:1", "http://c:1"]);
}

#[test]
fn those_found_come_after_those_given_and_go_again() {
    let mut members = three();
    members.found(["http://d:1", "http://b:1", "https://e:1", "unix://f", "g"].map(str::to_owned));
    assert_eq!(urls(&members), ["http://a:1", "http://b:1", "http://c:1", "http://d:1"]);
    members.turn = 3;
    members.found(["http://e:1", "http://d:1"].map(str::to_owned));
    assert_eq!((urls(&members)[3..].to_vec(), members.turn), (vec!["http://e:1", "http://d:1"], 4));
    members.found([]);
    assert_eq!((urls(&members).len(), members.turn), (3, 0));
    members.found((0..1000).map(|number| format!("http://m{number}:1")));
    assert_eq!(urls(&members).len(), MEMBERS_MAX);
}

#[test]
fn giving_up_goes_round() {
    let mut members = three();
    let turns: Vec<_> = (0..4).map(|_| (members.turn, members.give_up()).0).collect();
    assert_eq!(turns, [0, 1, 2, 0]);
}

#[tokio::test]
async fn what_will_not_pass_is_told_before_what_may() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = Members::new(at(&nobody), []).connect().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    let error = Members::new(at(&nobody), ["ftp://x".to_owned()]).connect().await.unwrap_err();
    assert!(matches!(error, Error::Endpoint { .. }), "{error:?}");
}

/// What a daemon waits for may move between threads.
#[test]
fn waiting_may_move_between_threads() {
    fn movable<T: Send>(_: &T) {}
    let mut members = three();
    movable(&members.connect());
    movable(&async {
        let (client, _) = three().connect().await?;
        client.lease(1).await?;
        client.hash_kv(1).await?;
        client.watch(1).await?.next().await
    });
}
