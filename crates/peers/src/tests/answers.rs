//! What the asking side does with answers, and with none.

use super::bare::{answer, answering};
use super::*;
use crate::message::Sort;
use std::process::Command;

/// The error that comes of asking a peer that answers so.
async fn error_of(answer: impl FnOnce(message::Nonce) -> String + Send + 'static) -> Error {
    let peer = answering(answer).await;
    ask(&peer, "ask").await.unwrap_err()
}

#[tokio::test]
async fn an_answer_made_by_hand_is_good() {
    let peer = answering(|n| answer("200 OK", Sort::Answer, "standby", &key('A'), &n, "5")).await;
    assert_eq!(ask(&peer, "ask").await.unwrap(), json!(5));
}

#[tokio::test]
async fn answers_that_are_not_signed_for_this_question_are_not_believed() {
    let errors = [
        error_of(|n| answer("200 OK", Sort::Answer, "standby", &key('B'), &n, "5")).await,
        // One to another question.
        error_of(|_| answer("200 OK", Sort::Answer, "standby", &key('A'), &[0; 16], "5")).await,
        // A refusal dressed as consent, consent as a refusal, and our own question sent back.
        error_of(|n| answer("200 OK", Sort::Refusal, "standby", &key('A'), &n, r#"{"reason":"no"}"#)).await,
        error_of(|n| answer("409 No", Sort::Answer, "standby", &key('A'), &n, "5")).await,
        error_of(|n| answer("200 OK", Sort::Question, "main", &key('A'), &n, r#"{"epoch":7}"#)).await,
        error_of(|n| answer("200 OK", Sort::Answer, "standby", &key('A'), &n, "5").replace("\r\n\r\n5", "\r\n\r\n6"))
            .await,
        error_of(|_| "HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n".to_owned()).await,
    ];
    for error in errors {
        assert!(matches!(error, Error::Key { .. }), "{error:?}");
        assert_eq!(error.kind(), estate::Kind::Person);
    }
}

#[tokio::test]
async fn a_signed_answer_of_somebody_else_is_not_the_peers() {
    let error = error_of(|n| answer("200 OK", Sort::Answer, "witness", &key('A'), &n, "5")).await;
    assert!(matches!(&error, Error::Stranger { found, .. } if found == "witness"), "{error:?}");
}

#[tokio::test]
async fn what_is_no_answer_is_told_as_garbled() {
    let unsigned = |status: &'static str| move |_| format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nhi");
    let errors = [
        error_of(|_| "SSH-2.0-OpenSSH_9.6\r\n".to_owned()).await,
        error_of(unsigned("200 OK")).await,
        error_of(unsigned("404 Not Found")).await,
        error_of(unsigned("302 Found\r\nlocation: /v1/ask")).await,
        // Signed, and still no JSON; then larger than the limit.
        error_of(|n| answer("200 OK", Sort::Answer, "standby", &key('A'), &n, "not JSON")).await,
        ask(&standby().await.0, "large").await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Answer { .. }), "{error:?}");
        assert_eq!(error.kind(), estate::Kind::Damaged);
    }
    let (peer, _) = standby().await;
    let form = main_with(key('A')).call::<_, u64>(&peer, "ask", &json!({}), LONG).await;
    assert!(matches!(form, Err(Error::Answer { .. })), "{form:?}");
}

#[tokio::test]
async fn what_does_not_answer_is_unreachable() {
    let (listener, closed) = listener().await;
    drop(listener);
    let errors = [
        ask(&closed, "ask").await.unwrap_err(),
        error_of(|_| String::new()).await,
        error_of(|_| "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_owned()).await,
        error_of(|_| "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n".to_owned()).await,
    ];
    for error in errors {
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
        assert_eq!(error.kind(), estate::Kind::Unreachable);
    }
    let refused = ask(&closed, "ask").await.unwrap_err().to_string();
    assert!(
        refused.starts_with(&format!("standby at {} did not answer: Connection refused", closed.address)),
        "{refused}"
    );
}

#[tokio::test]
async fn a_peer_that_never_answers_costs_the_timeout() {
    // It is connected by the kernel, and nobody ever reads.
    let (_listener, peer) = listener().await;
    let limit = Duration::from_millis(20);
    let error = main_with(key('A'))
        .call::<_, Value>(&peer, "ask", &json!({}), limit)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("standby at {} did not answer: no answer within 20ms", peer.address)
    );
}

#[tokio::test]
async fn what_cannot_be_sent_is_told_before() {
    let (peer, echo) = standby().await;
    let client = main_with(key('A'));
    let at = |address: &str| Peer { address: address.to_owned(), ..peer.clone() };
    let addresses = [
        "",
        "host",
        "host:",
        ":80",
        "host:70000",
        "user@host:80",
        "http://host:80",
        "a b:80",
        "host:80/x",
        "[::1:80",
    ];
    for address in addresses {
        let call = client.call::<_, Value>(&at(address), "ask", &json!({}), LONG).await;
        assert!(matches!(call, Err(Error::Setup { .. })), "{address}: {call:?}");
    }
    for path in ["", "/ask", "ask/", "a//b", "../x", "a?b", "A", "a%20b"] {
        let call = client.call::<_, Value>(&peer, path, &json!({}), LONG).await;
        assert!(matches!(call, Err(Error::Setup { .. })), "{path}: {call:?}");
    }
    let nameless = Peer { name: "two\nlines".to_owned(), ..peer.clone() };
    let large = "x".repeat(BODY_BYTES_MAX);
    for call in [
        ask(&nameless, "ask").await,
        client.call(&peer, "ask", &large, LONG).await,
    ] {
        assert!(matches!(call, Err(Error::Setup { .. })), "{call:?}");
    }
    assert!(matches!(Client::new("", key('A')), Err(Error::Setup { .. })));
    assert!(echo.heard().is_empty());
}

/// Runs a test of this binary once more, where a host has no CA certificates and a proxy that is down.
#[test]
fn neither_certificates_nor_proxies_matter() {
    let again = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::questions::a_question_is_heard_and_answered"])
        .env("SSL_CERT_FILE", "/nonexistent")
        .env("SSL_CERT_DIR", "/nonexistent")
        .env("http_proxy", "http://127.0.0.1:1")
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && told.contains("1 passed"), "{told}");
}
