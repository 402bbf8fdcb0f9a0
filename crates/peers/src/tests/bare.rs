//! HTTP by hand, for what the two halves themselves never do.

use super::*;
use crate::message::{FROM, Message, NONCE, Nonce, SIGNATURE, Sort, TO, nonce_from, nonce_text};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A question of `main` to `standby`, signed with key `A`, whose text can be changed after it was signed.
pub(super) fn question(path: &str, nonce: &Nonce, body: &str) -> String {
    let message = Message {
        sort: Sort::Question,
        from: "main",
        to: "standby",
        path,
        nonce,
        body: body.as_bytes(),
    };
    let (nonce, signature) = (nonce_text(nonce), message.sign(&key('A')));
    let length = body.len();
    format!(
        "POST /v1/{path} HTTP/1.1\r\nhost: x\r\n{FROM}: main\r\n{TO}: standby\r\n{NONCE}: {nonce}\r\n\
         {SIGNATURE}: {signature}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// Sends the text and reads until the other side closes.
pub(super) async fn send(peer: &Peer, text: &str) -> String {
    let mut stream = TcpStream::connect(&peer.address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// A peer at `standby`'s address that reads one question and answers with what `answer` makes of its nonce, then closes.
pub(super) async fn answering(answer: impl FnOnce(Nonce) -> String + Send + 'static) -> Peer {
    let (listener, peer) = listener().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = String::new();
        while !text.contains('}') {
            let mut bytes = [0; 4096];
            let count = stream.read(&mut bytes).await.unwrap();
            assert!(count > 0, "half a question: {text}");
            text.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        }
        let line = text.lines().find_map(|l| l.strip_prefix("lifeboat-nonce: ")).unwrap();
        let nonce = nonce_from(line).unwrap();
        stream.write_all(answer(nonce).as_bytes()).await.unwrap();
    });
    peer
}

/// An answer to `main` at `ask`, signed as `message` says; `status` is what the first line says.
pub(super) fn answer(status: &str, sort: Sort, from: &str, key: &Key, nonce: &Nonce, body: &str) -> String {
    let message = Message {
        sort,
        from,
        to: "main",
        path: "ask",
        nonce,
        body: body.as_bytes(),
    };
    let (signature, length) = (message.sign(key), body.len());
    format!("HTTP/1.1 {status}\r\n{FROM}: {from}\r\n{SIGNATURE}: {signature}\r\ncontent-length: {length}\r\n\r\n{body}")
}
