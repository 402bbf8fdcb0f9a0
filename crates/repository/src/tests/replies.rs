//! What an S3 store's answers mean: a local server says what it is told to.

use super::*;
use crate::{AccessKey, Bucket, Cloud, Error, LockMode};
use object_store::path::Path as Key;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A status, and a body.
type Reply = (u16, &'static str);

const CONFLICT: Reply = (
    409,
    "<Error><Code>ConditionalRequestConflict</Code><Message>The conditional request cannot succeed.</Message></Error>",
);
const SLOW_DOWN: Reply = (
    503,
    "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
);
const EXISTS: Reply = (412, "<Error><Code>PreconditionFailed</Code><Message>It exists.</Message></Error>");
const ABSENT: Reply = (404, "<Error><Code>NoSuchKey</Code><Message>The key does not exist.</Message></Error>");
const DONE: Reply = (200, "");

/// A store at a server that gives these answers, one a request, and the requests' first lines, once it has given all.
async fn asked<T>(replies: &[Reply], ask: impl AsyncFnOnce(Store) -> T) -> (T, Vec<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bucket = Bucket {
        name: "copies".to_owned(),
        prefix: "a".to_owned(),
        endpoint: Some(format!("http://{}", listener.local_addr().unwrap())),
    };
    let key = AccessKey { id: "the-key".to_owned(), secret: "hunter2".to_owned() };
    let cloud = Cloud::S3 { bucket, region: None, key: Some(key) };
    let store = Store::new(StoreSettings::Cloud(cloud)).unwrap();
    let lines = Mutex::new(Vec::new());
    let serve = async {
        for reply in replies {
            let (connection, _) = listener.accept().await.unwrap();
            let line = answer(connection, *reply).await;
            lines.lock().unwrap().push(line);
        }
        futures::future::pending::<()>().await;
    };
    let outcome = tokio::select! {
        outcome = ask(store) => outcome,
        () = serve => unreachable!(),
    };
    (outcome, lines.into_inner().unwrap())
}

/// Reads a request, answers it, and ends the connection.
async fn answer(mut connection: TcpStream, (status, body): Reply) -> String {
    let mut read = Vec::new();
    let mut wanted = None;
    while wanted.is_none_or(|wanted| read.len() < wanted) {
        assert_ne!(connection.read_buf(&mut read).await.unwrap(), 0, "the request ended early");
        let text = String::from_utf8_lossy(&read).to_ascii_lowercase();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            wanted = Some(head.len() + 4 + length.map_or(0, |length| length.parse().unwrap()));
        }
    }
    let length = body.len();
    let reply = format!(
        "HTTP/1.1 {status} X\r\nConnection: close\r\nETag: \"1\"\r\nLast-Modified: Sat, 28 Nov 2026 21:00:00 GMT\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    connection.write_all(reply.as_bytes()).await.unwrap();
    connection.shutdown().await.unwrap();
    let text = String::from_utf8_lossy(&read).into_owned();
    text.split(" HTTP/").next().unwrap().to_owned()
}

async fn created(replies: &[Reply]) -> Result<(), Error> {
    let (outcome, asked) = asked(replies, async |store| store.create(&Key::from("x"), "mine".into()).await).await;
    assert_eq!(asked.len(), replies.len(), "{asked:?}");
    assert!(!format!("{outcome:?}").contains("hunter2"), "{outcome:?}");
    outcome
}

#[tokio::test]
async fn a_conflict_is_not_a_loss() {
    created(&[CONFLICT, ABSENT, DONE]).await.unwrap();
    created(&[CONFLICT, (200, "mine")]).await.unwrap();
    let lost = created(&[CONFLICT, (200, "another's")]).await;
    assert!(matches!(lost, Err(Error::Taken { .. })), "{lost:?}");
}

/// The first request was carried out, and its answer said otherwise.
#[tokio::test]
async fn an_object_that_exists_after_a_repetition_may_be_ours() {
    created(&[SLOW_DOWN, EXISTS, (200, "mine")]).await.unwrap();
    let lost = created(&[SLOW_DOWN, EXISTS, (200, "another's")]).await;
    assert!(matches!(lost, Err(Error::Taken { .. })), "{lost:?}");
}

#[tokio::test]
async fn a_store_that_is_overloaded_leaves_the_outcome_unknown() {
    let unknown = created(&[SLOW_DOWN; 5]).await.unwrap_err();
    let Error::Unreachable { reason, .. } = &unknown else {
        panic!("{unknown:?}")
    };
    assert_eq!(reason, "SlowDown: Please reduce your request rate.");
}

#[tokio::test]
async fn an_object_that_exists_and_cannot_be_read_leaves_the_outcome_unknown() {
    let denied = (403, "<Error><Code>AccessDenied</Code><Message>No.</Message></Error>");
    let unknown = created(&[EXISTS, denied]).await.unwrap_err();
    let Error::Unreachable { reason, .. } = &unknown else {
        panic!("{unknown:?}")
    };
    assert_eq!(reason, "it says that the object exists, and does not let it be read: AccessDenied: No.");
}

#[tokio::test]
async fn a_conflict_of_another_request_is_nobody_elses_object() {
    let (outcome, _) = asked(&[CONFLICT], async |store| store.put(&Key::from("x"), "mine".into()).await).await;
    assert!(matches!(outcome, Err(Error::Unreachable { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_clock_that_is_a_day_off_is_told() {
    let skewed = "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time and the \
                  current time is too large.</Message><RequestTime>20261127T210000Z</RequestTime></Error>";
    let (outcome, asked) = asked(&[(403, skewed)], async |store| store.get(&Key::from("x")).await).await;
    let error = outcome.unwrap_err();
    assert_eq!(asked, ["GET /copies/a/x"]);
    assert!(matches!(error, Error::Clock { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("disagree: RequestTimeTooSkewed: The difference between"),
        "{error}"
    );
}

/// What is asked, and that a lock which was only said to be taken is found out.
#[tokio::test]
async fn a_lock_is_asked_for_and_read_back() {
    const KEPT: &str =
        "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2027-01-02T03:04:06.000Z</RetainUntilDate></Retention>";
    let until = "2027-01-02T03:04:05.5Z".parse().unwrap();
    let lock = async |store: Store| store.retain_until(&Key::from("x"), until, LockMode::Governance).await;
    let (outcome, requests) = asked(&[SLOW_DOWN, DONE, (200, KEPT)], lock).await;
    outcome.unwrap();
    assert_eq!(
        requests,
        [
            "PUT /copies/a/x?retention",
            "PUT /copies/a/x?retention",
            "GET /copies/a/x?retention"
        ]
    );

    let (outcome, _) = asked(&[DONE, (200, &KEPT.replace("06.000Z", "05.000Z").leak()[..])], lock).await;
    let error = outcome.unwrap_err();
    assert_eq!(
        error.to_string(),
        "x is damaged: it was locked until 2027-01-02T03:04:06Z, and the store does not say so"
    );
    let (outcome, _) = asked(&[ABSENT], lock).await;
    assert!(matches!(outcome, Err(Error::NotFound { .. })), "{outcome:?}");
    let none =
        "<Error><Code>InvalidRequest</Code><Message>Bucket is missing Object Lock Configuration</Message></Error>";
    let (outcome, _) = asked(&[(400, none)], lock).await;
    assert!(matches!(outcome, Err(Error::Refused { .. })), "{outcome:?}");

    let (outcome, _) = asked(
        &[(404, "<Error><Code>ObjectLockConfigurationNotFoundError</Code></Error>")],
        async |store| store.object_lock().await,
    )
    .await;
    assert_eq!(outcome.unwrap(), None);
    let memory = Store::on(Arc::new(InMemory::new()), "memory");
    assert_eq!(memory.object_lock().await.unwrap(), None);
    let outcome = memory.retain_until(&Key::from("x"), until, LockMode::Governance).await;
    assert!(matches!(outcome, Err(Error::Settings { .. })), "{outcome:?}");
}
