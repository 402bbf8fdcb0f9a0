//! Keys, signatures, repeats and ends of connections, without a network.

use super::*;
use crate::connection::Connection;
use crate::message::{Message, Sort};
use crate::repeats::Repeats;
use crate::reply::Reply;
use axum::http::StatusCode;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, duplex};

#[test]
fn a_key_is_read_as_openssl_prints_it() {
    let text = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    for same in [
        text.to_owned(),
        format!("{text}\n"),
        text.replace('=', ""),
        text.replace("CQoL", "CQ\r\noL"),
    ] {
        let message = Message {
            sort: Sort::Answer,
            from: "a",
            to: "b",
            path: "c",
            nonce: &[0; 16],
            body: b"d",
        };
        let signature = message.sign(&Key::from_base64(&same).unwrap());
        assert!(message.is_signed(&Key::from_base64(text).unwrap(), &signature), "{same:?}");
    }
}

#[test]
fn the_signature_is_what_it_was() {
    // Sites are updated one after the other: what is signed may only change together with its version.
    let message = Message {
        sort: Sort::Question,
        from: "main",
        to: "standby",
        path: "ask",
        nonce: &[7; 16],
        body: b"{}",
    };
    let key = Key::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    assert_eq!(message.sign(&key), "GD+em5XtEJyCZeXgOZyNqJmRWPLKmUiSM73gXgLsNj0=");
}

#[test]
fn a_bad_key_is_refused_without_being_shown() {
    let short = Key::from_base64("aHVudGVyMg==").unwrap_err();
    assert_eq!(
        short.to_string(),
        "peers cannot be spoken with: the peers' key has 7 bytes, and needs at least 32"
    );
    let wrong = Key::from_base64(&"hunter2!".repeat(8)).unwrap_err();
    assert_eq!(wrong.to_string(), "peers cannot be spoken with: the peers' key is not base64 text");
    assert_eq!(format!("{:?}", key('A')), "Key(hidden)");
    assert_eq!(format!("{:?}", main_with(key('A'))), r#"Client { me: "main", .. }"#);
}

#[test]
fn bytes_cannot_move_between_the_parts_of_a_message() {
    let one = Message {
        sort: Sort::Answer,
        from: "ab",
        to: "c",
        path: "d",
        nonce: &[0; 16],
        body: b"",
    };
    let other = Message { from: "a", to: "bc", ..one };
    assert!(!other.is_signed(&key('A'), &one.sign(&key('A'))));
}

#[test]
fn a_nonce_is_remembered_for_ten_minutes_and_by_sender() {
    let (mut repeats, start) = (Repeats::default(), ambient::monotonic());
    let after = |seconds| start + Duration::from_secs(seconds);
    assert!(repeats.is_new("main", &[1; 16], start));
    assert!(!repeats.is_new("main", &[1; 16], start));
    assert!(repeats.is_new("witness", &[1; 16], start));
    assert!(!repeats.is_new("main", &[1; 16], after(600)));
    assert!(repeats.is_new("main", &[1; 16], after(601)));
}

#[test]
fn a_full_memory_forgets_the_oldest_of_that_sender_only() {
    let (mut repeats, now) = (Repeats::default(), ambient::monotonic());
    let nonce = |number: u128| number.to_be_bytes();
    assert!(repeats.is_new("witness", &nonce(0), now));
    for number in 0..=100_000 {
        assert!(repeats.is_new("main", &nonce(number), now));
    }
    assert!(!repeats.is_new("main", &nonce(1), now));
    assert!(repeats.is_new("main", &nonce(0), now));
    assert!(!repeats.is_new("witness", &nonce(0), now));
}

#[tokio::test]
async fn a_silent_connection_ends() {
    let (stream, _other) = duplex(8);
    let mut connection = Connection::new(stream, Duration::ZERO, None);
    for _ in 0..2 {
        let error = connection.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    }
}

proptest! {
    #[test]
    fn any_key_text_is_read_or_refused(text in ".{0,80}") {
        let _ = Key::from_base64(&text);
    }

    #[test]
    fn no_made_up_answer_is_believed(
        status in 100_u16..1000,
        from in proptest::option::of(".{0,9}"),
        signature in proptest::option::of("[A-Za-z0-9+/=]{0,48}"),
        body in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let peer = Peer { name: "standby".to_owned(), address: "127.0.0.1:1".to_owned() };
        let reply = Reply { status: StatusCode::from_u16(status).unwrap(), from, signature, body };
        prop_assert!(reply.judge(&key('A'), &peer, "main", "ask", &[0; 16]).is_err());
    }
}
