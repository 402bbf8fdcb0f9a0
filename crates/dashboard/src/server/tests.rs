use super::*;
use crate::metrics::tests::snapshot;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A server that says `ready` of itself; it stops with the test's runtime.
async fn start(ready: bool) -> SocketAddr {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let look = move || Snapshot {
        not_ready: if ready { Vec::new() } else { snapshot().not_ready },
        ..snapshot()
    };
    tokio::spawn(serve(listener, look, std::future::pending()));
    address
}

/// Sends `bytes` and reads to the end.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may be hung up in the middle of what is too long.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn ask(address: SocketAddr, path: &str) -> String {
    exchange(address, format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await
}

#[tokio::test]
async fn each_path_has_its_answer_and_each_connection_ends() {
    let address = start(true).await;
    for (path, status, end) in [
        ("/healthz", "200 OK", "\r\n\r\nok\n"),
        ("/readyz", "200 OK", "\r\n\r\nok\n"),
        ("/metrics", "200 OK", "# EOF\n"),
        ("/", "404 Not Found", "are answered here\n"),
    ] {
        let answer = ask(address, path).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        assert!(answer.ends_with(end), "{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
    }
    let metrics = ask(address, "/metrics").await;
    assert!(metrics.contains("content-type: application/openmetrics-text; version=1.0.0"), "{metrics}");
    assert!(metrics.contains("lifeboat_ready 1"), "{metrics}");
}

#[tokio::test]
async fn what_is_not_ready_says_why_and_is_alive() {
    let address = start(false).await;
    let answer = ask(address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\nno repository answers\n"), "{answer}");
    assert!(ask(address, "/healthz").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn odd_clients_change_nothing() {
    let address = start(true).await;
    // As many as there are places, each of which says only half of what it wants, and one that comes after they have gone.
    let mut half = Vec::new();
    for _ in 0..CONNECTIONS_MAX - 1 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /metrics HT").await.unwrap();
        half.push(stream);
    }
    assert!(ask(address, "/healthz").await.starts_with("HTTP/1.1 200 "));
    drop(half);
    let long = format!("GET /healthz HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n", "x".repeat(1 << 20));
    for bytes in [
        &b"\x16\x03\x01\x00"[..],
        b"POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n123456789",
        long.as_bytes(),
    ] {
        let answer = exchange(address, bytes).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    assert!(ask(address, "/healthz").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn who_says_nothing_is_left() {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let short = Duration::from_millis(20);
    let limits = Limits { life: short, head: short };
    tokio::spawn(serve_within(limits, listener, Arc::new(snapshot), std::future::pending()));
    // It would never end.
    let answer = exchange(address, b"GET /metrics HT").await;
    assert!(!answer.contains("lifeboat"), "{answer}");
}

#[tokio::test]
async fn it_ends_when_it_is_told_to_and_an_address_is_taken_once() {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let error = bind(address).await.unwrap_err();
    assert_eq!(error.to_string(), format!("nobody can be listened to at {address}"));
    assert_eq!(error.reason.kind(), io::ErrorKind::AddrInUse);
    serve(listener, snapshot, std::future::ready(())).await;
    bind(address).await.unwrap();
}
