//! Webhooks, to an HTTP server in the test.

use super::*;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header::LOCATION};
use axum::response::{IntoResponse, Response};
use estate::{Kind, Severity};
use hmac::{Hmac, Mac};
use std::sync::Arc;
use tokio::net::TcpListener;

/// A server that answers everything with its next answer, and notes what it was sent.
#[derive(Default)]
struct Server {
    answers: Mutex<Vec<(u16, String)>>,
    heard: Mutex<Vec<(String, String)>>,
}

async fn start(answers: &[(u16, &str)]) -> (String, Arc<Server>) {
    let answers = answers.iter().rev().map(|(status, text)| (*status, (*text).to_owned()));
    let answers = Mutex::new(answers.collect());
    let server = Arc::new(Server { answers, ..Server::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks/T0/hunter3", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(server.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, server)
}

async fn answer(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let header = |name: &str| {
        let value = head.headers.get(name);
        value.map(|it| it.to_str().unwrap()).unwrap_or_default()
    };
    let (kind, signature) = (header("content-type"), header("x-lifeboat-signature-256"));
    let said = format!("{} {} {kind} {signature}", head.method, head.uri.path());
    let body = String::from_utf8(body.to_vec()).unwrap();
    server.heard.lock().unwrap().push((said, body));
    let next = server.answers.lock().unwrap().pop();
    let (status, text) = next.unwrap_or((200, "ok".to_owned()));
    (StatusCode::from_u16(status).unwrap(), [(LOCATION, "/elsewhere")], text).into_response()
}

const JSON: &str = "webhook: {url: \"${URL}\", secret: file:ops.secret}";
const SLACK: &str = "webhook: {url: \"${URL}\", form: slack}";

#[tokio::test]
async fn a_message_is_posted_and_signed() {
    let (url, server) = start(&[]).await;
    open(&channel(JSON), &url).unwrap().send(&message()).await.unwrap();
    open(&channel(SLACK), &url).unwrap().send(&message()).await.unwrap();
    let heard = server.heard.lock().unwrap();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"hunter2").unwrap();
    mac.update(heard[0].1.as_bytes());
    let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(heard[0].0, format!("POST /hooks/T0/hunter3 application/json sha256={digits}"));
    let said: serde_json::Value = serde_json::from_str(&heard[0].1).unwrap();
    assert_eq!(said["about"], "rancher/rpo");
    assert_eq!(heard[1].0, "POST /hooks/T0/hunter3 application/json ");
    assert!(heard[1].1.starts_with("{\"text\":\"*[example] ALARM: "), "{}", heard[1].1);
}

#[tokio::test]
async fn answers_say_whether_trying_again_helps_and_secrets_are_not_told() {
    let answers = [
        (503, "not now", Kind::Unreachable),
        (429, "slower", Kind::Unreachable),
        (404, "no /hooks/T0/hunter3 here, hunter2", Kind::Person),
        (302, "", Kind::Person),
    ];
    let (url, server) = start(&answers.map(|(status, text, _)| (status, text))).await;
    let channel = open(&channel(JSON), &url).unwrap();
    for (status, _, kind) in answers {
        let error = channel.send(&message()).await.unwrap_err();
        let told = format!("{error} {error:?} {channel:?}");
        assert_eq!(error.kind(), kind, "{told}");
        assert!(told.contains(&format!("HTTP {status}")), "{told}");
        assert!(!told.contains("hunter"), "{told}");
    }
    // A redirect is not followed: what is sent is for that server.
    assert_eq!(server.heard.lock().unwrap().len(), answers.len());
}

#[tokio::test]
async fn what_cannot_be_used_is_told_without_the_url() {
    let urls = [
        "",
        "hooks.example.org/hunter3",
        "http://a.example.org/hunter3",
        "https://[::/hunter3",
    ];
    for url in urls {
        let error = open(&channel(JSON), url).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        assert_eq!(error.to_string(), "channel ops cannot be used: its url is not https://HOST/PATH");
    }
    let own_ca = "webhook: {url: \"${URL}\", ca: ca.pem}";
    let error = open(&channel(own_ca), "https://a.example.org/hunter3").unwrap_err();
    assert_eq!(error.to_string(), "channel ops cannot be used: its CA: there is no certificate in it");
    // Nobody listens there.
    let closed = open(&channel(JSON), "http://127.0.0.1:1/hunter3").unwrap();
    let error = closed.send(&message()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
    let told = error.to_string();
    assert!(told.starts_with("channel ops: 127.0.0.1:1 did not take a message: "), "{told}");
    assert!(!told.contains("hunter"), "{told}");
}

#[tokio::test]
async fn what_waits_is_delivered_in_order_until_it_fails() {
    let (url, server) = start(&[(200, ""), (503, "")]).await;
    let of = channel(JSON);
    let channel = open(&of, &url).unwrap();
    let mut outbox = Outbox::default();
    for severity in [Severity::Alarm, Severity::Cured, Severity::Info] {
        let it = Message { severity, at: ambient::now(), ..message() };
        outbox.push(&it, [(channel.name(), &of)]);
    }
    let outbox = Mutex::new(outbox);
    assert!(deliver(&channel, &outbox).await);
    let severities = || -> Vec<String> {
        let heard = server.heard.lock().unwrap();
        let said = heard
            .iter()
            .map(|(_, body)| serde_json::from_str::<serde_json::Value>(body).unwrap());
        said.map(|it| it["severity"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(severities(), ["alarm", "cured"]);
    assert_eq!(outbox.lock().unwrap().waiting(channel.name()), 2);
    // The pause after a failure lasts.
    assert!(!deliver(&channel, &outbox).await);
    assert_eq!(severities().len(), 2);
}
