//! What the answering side does with questions.

use super::bare::{question, send};
use super::*;
use crate::message::nonce_text;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

#[tokio::test]
async fn a_question_is_heard_and_answered() {
    let (peer, echo) = standby().await;
    assert_eq!(ask(&peer, "lease/renew").await.unwrap(), json!({ "heard": { "epoch": 7 } }));
    assert_eq!(echo.heard(), [r#"main lease/renew {"epoch":7}"#]);
}

#[tokio::test]
async fn a_refusal_comes_with_its_reason() {
    let (peer, _) = standby().await;
    let error = ask(&peer, "refuse").await.unwrap_err();
    assert_eq!(error.to_string(), "standby refuses: epoch 8 is promised");
    assert_eq!(error.kind(), estate::Kind::Conflict);
}

#[tokio::test]
async fn another_key_is_told_and_nothing_is_done() {
    let (peer, echo) = standby().await;
    let call = main_with(key('B')).call::<_, Value>(&peer, "ask", &json!({}), LONG).await;
    let error = call.unwrap_err();
    assert!(matches!(error, Error::Key { .. }), "{error:?}");
    assert!(error.to_string().contains("do both sites have the same peers' key?"), "{error}");
    assert!(echo.heard().is_empty());
}

#[tokio::test]
async fn a_question_for_somebody_else_names_who_answers() {
    let (peer, echo) = standby().await;
    let witness = Peer { name: "witness".to_owned(), ..peer.clone() };
    let error = ask(&witness, "ask").await.unwrap_err();
    assert_eq!(error.to_string(), format!("{} is the address of standby, not of witness", peer.address));
    assert_eq!(error.kind(), estate::Kind::Invalid);
    assert!(echo.heard().is_empty());
}

#[tokio::test]
async fn nothing_of_a_signed_question_can_be_changed() {
    let (peer, echo) = standby().await;
    let good = question("ask", &[1; 16], r#"{"epoch":7}"#);
    let (one, two) = (nonce_text(&[1; 16]), nonce_text(&[2; 16]));
    let changes = [
        (r#""epoch":7"#, r#""epoch":9"#),
        ("/v1/ask", "/v1/renew"),
        ("-from: main", "-from: mine"),
        ("-to: standby", "-to: witness"),
        (one.as_str(), two.as_str()),
        ("-signature: ", "-signature: AAAA"),
    ];
    for (old, new) in changes {
        assert!(good.contains(old));
        let answer = send(&peer, &good.replace(old, new)).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{new}: {answer}");
    }
    assert!(echo.heard().is_empty());
    // The same question unchanged is good: the refusals above had no other cause.
    assert!(send(&peer, &good).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_repeated_question_is_not_handled_again() {
    let (peer, echo) = standby().await;
    let text = question("ask", &[1; 16], "{}");
    assert!(send(&peer, &text).await.starts_with("HTTP/1.1 200 "));
    let again = send(&peer, &text).await;
    assert!(again.starts_with("HTTP/1.1 403 ") && again.contains("has been here before"), "{again}");
    assert!(!again.contains("lifeboat-signature"), "{again}");
    assert_eq!(echo.heard().len(), 1);
}

#[tokio::test]
async fn what_is_not_a_question_is_turned_away() {
    let (peer, echo) = standby().await;
    let good = question("ask", &[1; 16], "{}");
    let cases = [
        (good.replace("POST", "PUT"), "404"),
        (good.replace("/v1/", "/v2/"), "404"),
        (good.replace("-nonce", "-once"), "400"),
        (good.replace(&nonce_text(&[1; 16]), "short"), "400"),
        (question("ask", &[2; 16], "not JSON"), "400"),
        (good.replace("content-length: 2", "content-length: 1048577"), "413"),
        (chunked(&good), "413"),
        ("\r\n\r\n\0".to_owned(), "400"),
    ];
    for (text, status) in cases {
        let answer = send(&peer, &text).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    assert!(echo.heard().is_empty());
}

/// The question with a body of unknown length that passes the limit.
fn chunked(good: &str) -> String {
    let head = good.strip_suffix("content-length: 2\r\n\r\n{}").unwrap();
    let size = BODY_BYTES_MAX + 1;
    format!("{head}transfer-encoding: chunked\r\n\r\n{size:x}\r\n{}\r\n", "x".repeat(size))
}

#[tokio::test]
async fn a_handler_that_breaks_does_not_end_the_server() {
    let (peer, _) = standby().await;
    let error = ask(&peer, "panic").await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(ask(&peer, "ask").await.is_ok());
}

/// Says when it begins, and ends when it is told to.
struct Slow {
    began: Mutex<Option<oneshot::Sender<()>>>,
    go_on: Mutex<Option<oneshot::Receiver<()>>>,
    ended: Mutex<Option<oneshot::Sender<()>>>,
}

#[async_trait]
impl Handler for Slow {
    async fn handle(&self, _: &str, _: &str, _: Value) -> Result<Value, Refusal> {
        let began = self.began.lock().unwrap().take().unwrap();
        let go_on = self.go_on.lock().unwrap().take().unwrap();
        began.send(()).unwrap();
        go_on.await.unwrap();
        self.ended.lock().unwrap().take().unwrap().send(()).unwrap();
        Ok(json!("done"))
    }
}

#[tokio::test]
async fn a_handler_goes_on_when_the_asker_is_gone() {
    let (listener, peer) = listener().await;
    let ((began, has_begun), (go, go_on), (ended, has_ended)) =
        (oneshot::channel(), oneshot::channel(), oneshot::channel());
    let slow = Slow {
        began: Some(began).into(),
        go_on: Some(go_on).into(),
        ended: Some(ended).into(),
    };
    tokio::spawn(async move { serve(listener, "standby", key('A'), Arc::new(slow), std::future::pending()).await });
    let asker = tokio::spawn(async move { ask(&peer, "ask").await });
    has_begun.await.unwrap();
    asker.abort();
    assert!(asker.await.unwrap_err().is_cancelled());
    go.send(()).unwrap();
    has_ended.await.unwrap();
}

#[tokio::test]
async fn the_server_stops_when_told_and_finishes_what_it_began() {
    let (listener, peer) = listener().await;
    let ((began, has_begun), (go, go_on), (ended, _kept)) =
        (oneshot::channel(), oneshot::channel(), oneshot::channel());
    let slow = Slow {
        began: Some(began).into(),
        go_on: Some(go_on).into(),
        ended: Some(ended).into(),
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        let stop = async move { stopped.await.unwrap() };
        serve(listener, "standby", key('A'), Arc::new(slow), stop).await
    });
    let asked = peer.clone();
    let asker = tokio::spawn(async move { ask(&asked, "ask").await });
    has_begun.await.unwrap();
    stop.send(()).unwrap();
    go.send(()).unwrap();
    assert_eq!(asker.await.unwrap().unwrap(), json!("done"));
    serving.await.unwrap().unwrap();
    assert!(TcpStream::connect(&peer.address).await.is_err());
}
