//! Peers on loopback, and what each half does when the other is odd.

mod answers;
mod bare;
mod pure;
mod questions;

use crate::*;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

/// So long that only a hang reaches it.
const LONG: Duration = Duration::from_secs(30);

/// Notes what it is asked, and says it back; refuses at `refuse`, breaks at `panic`, and is wordy at `large`.
#[derive(Default)]
struct Echo(Mutex<Vec<String>>);

impl Echo {
    fn heard(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl Handler for Echo {
    async fn handle(&self, from: &str, path: &str, question: Value) -> Result<Value, Refusal> {
        self.0.lock().unwrap().push(format!("{from} {path} {question}"));
        match path {
            "refuse" => Err(Refusal::new("epoch 8 is promised")),
            "panic" => panic!("as the test wants it"),
            "large" => Ok(json!("x".repeat(BODY_BYTES_MAX))),
            _ => Ok(json!({ "heard": question })),
        }
    }
}

/// A key made of one byte.
fn key(byte: char) -> Key {
    // Four base64 digits are three bytes.
    Key::from_base64(&byte.to_string().repeat(44)).unwrap()
}

/// Starts `standby` with key `A`; it stops with the test's runtime.
async fn standby() -> (Peer, Arc<Echo>) {
    let (listener, peer) = listener().await;
    let echo = Arc::new(Echo::default());
    let handler = echo.clone();
    tokio::spawn(async move { serve(listener, "standby", key('A'), handler, std::future::pending()).await });
    (peer, echo)
}

/// A listener, and `standby` as its address.
async fn listener() -> (TcpListener, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, Peer { name: "standby".to_owned(), address })
}

/// `main` asks with key `A`.
async fn ask(peer: &Peer, path: &str) -> Result<Value, Error> {
    main_with(key('A')).call(peer, path, &json!({ "epoch": 7 }), LONG).await
}

fn main_with(key: Key) -> Client {
    Client::new("main", key).unwrap()
}
