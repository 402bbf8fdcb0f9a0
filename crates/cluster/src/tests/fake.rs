//! An API server of a few lines, on loopback: every request goes to a closure.

use crate::Client;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// `METHOD /path?query`.
    pub(super) line: String,
    pub(super) head: String,
    pub(super) body: Value,
}

/// Status and body.
pub(super) type Answer = (u16, Value);

/// Starts a server and a client to it; what it was asked is collected in the list.
pub(super) async fn server(
    answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
) -> (Client, Arc<Mutex<Vec<Seen>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let (log, answer) = (seen.clone(), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, log.clone(), answer.clone()));
        }
    });
    (client(&format!("http://127.0.0.1:{port}")).await, seen)
}

pub(super) async fn client(url: &str) -> Client {
    // As `main` does; a second test finds it done.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::from_kubeconfig_text(&kubeconfig(url)).await.unwrap()
}

pub(super) fn kubeconfig(url: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{ "name": "c", "cluster": { "server": url } }],
        "users": [{ "name": "u", "user": { "token": "hunter2" } }],
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
    })
    .to_string()
}

async fn serve(mut stream: TcpStream, log: Arc<Mutex<Vec<Seen>>>, answer: Arc<impl Fn(&Seen) -> Answer>) {
    let mut bytes = Vec::new();
    let end = loop {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
    let length = head
        .lines()
        .find_map(|l| l.strip_prefix("content-length: "))
        .map_or(0, |n| n.parse().unwrap());
    while bytes.len() < end + length {
        stream.read_buf(&mut bytes).await.unwrap();
    }
    let first = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let line = first.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    let body = serde_json::from_slice(&bytes[end..end + length]).unwrap_or_default();
    let request = Seen { line, head, body };
    let (status, body) = answer(&request);
    log.lock().unwrap().push(request);
    let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nretry-after: 0\r\nconnection: close\r\n\r\n",
        text.len()
    );
    let _ = stream.write_all(format!("{head}{text}").as_bytes()).await;
}

/// Kubernetes' way to refuse.
pub(super) fn status(code: u16, reason: &str, message: &str) -> Answer {
    (
        code,
        json!({ "kind": "Status", "apiVersion": "v1", "code": code, "reason": reason, "message": message }),
    )
}

/// Answers discovery of a small cluster, or hands over.
pub(super) fn discovery(seen: &Seen) -> Option<Answer> {
    let all = json!(["create", "delete", "get", "list", "patch"]);
    Some(match seen.line.as_str() {
        "GET /api" => (200, json!({ "kind": "APIVersions", "versions": ["v1"] })),
        "GET /apis" => (
            200,
            json!({ "groups": [
                { "name": "apps", "versions": [{ "groupVersion": "apps/v1beta1" }, { "groupVersion": "apps/v1" }],
                  "preferredVersion": { "groupVersion": "apps/v1" } },
                { "name": "metrics.k8s.io", "versions": [{ "groupVersion": "metrics.k8s.io/v1beta1" }],
                  "preferredVersion": { "groupVersion": "metrics.k8s.io/v1beta1" } },
            ]}),
        ),
        "GET /api/v1" => (
            200,
            json!({ "resources": [
                { "name": "configmaps", "kind": "ConfigMap", "namespaced": true, "verbs": all },
                { "name": "secrets", "kind": "Secret", "namespaced": true, "verbs": all },
                { "name": "namespaces", "kind": "Namespace", "namespaced": false, "verbs": all },
                { "name": "namespaces/status", "kind": "Namespace", "namespaced": false, "verbs": ["get", "patch"] },
                { "name": "bindings", "kind": "Binding", "namespaced": true, "verbs": ["create"] },
            ]}),
        ),
        "GET /apis/apps/v1" | "GET /apis/apps/v1beta1" => (
            200,
            json!({ "resources": [
                { "name": "deployments", "kind": "Deployment", "namespaced": true, "verbs": all },
                { "name": "deployments/scale", "kind": "Scale", "namespaced": true, "verbs": ["get"] },
            ]}),
        ),
        "GET /apis/metrics.k8s.io/v1beta1" => (503, json!("service unavailable")),
        _ => return None,
    })
}
