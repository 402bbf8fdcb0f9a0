//! What answers over HTTP for simulated hosts: API servers and the manager, each as long as its host's files would let it serve. They end
//! with the process. Start at [`api`] and [`managers`].

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The paths of what all API servers of the estate have.
pub(super) type Objects = Arc<Mutex<BTreeSet<String>>>;

/// A manager.
pub(super) struct Manager {
    pub(super) port: u16,
    pub(super) ca: String,
}

const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/";

/// What they begin with: the leases of whoever led at the lost site.
pub(super) fn reset(objects: &Objects) {
    let leaders = ["kube-controller-manager", "kube-scheduler", "cattle-controllers"];
    *objects.lock().unwrap() = leaders.map(|it| format!("{LEASES}{it}")).into();
}

pub(super) fn kept(objects: &Objects) -> Vec<String> {
    objects.lock().unwrap().iter().cloned().collect()
}

fn is_active(root: &Path, service: &str) -> bool {
    let state = std::fs::read_to_string(root.join("var/lib/simulated").join(service));
    state.is_ok_and(|state| state.trim() == "active")
}

/// Whether a control plane would serve there: a kubelet, its manifests, a certificate of the CA that is there, and a database; or k3s and
/// its database.
fn serves(root: &Path) -> bool {
    if is_active(root, "k3s") {
        return root.join(super::hosts::K3S_DATABASE).exists();
    }
    let needed = [
        "etc/kubernetes/manifests/etcd.yaml",
        "etc/kubernetes/manifests/kube-apiserver.yaml",
        "etc/kubernetes/pki/apiserver.crt",
        "etc/kubernetes/pki/etcd/server.crt",
        "var/lib/etcd/member/snap/db",
    ];
    is_active(root, "kubelet") && needed.iter().all(|path| root.join(path).exists())
}

/// Starts the API server of the host in `root`, and says where it answers.
pub(super) fn api(root: PathBuf, objects: Objects) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (root, objects) = (root.clone(), objects.clone());
            std::thread::spawn(move || {
                answer(stream, |line| match serves(&root) {
                    true => Some(asked(line, &mut objects.lock().unwrap())),
                    false => None,
                })
            });
        }
    });
    format!("http://127.0.0.1:{port}")
}

/// The answer to a request, of which nothing but its first line matters.
fn asked(line: &str, objects: &mut BTreeSet<String>) -> (u16, Value) {
    let (method, path) = line.split_once(' ').unwrap_or_default();
    let path = path.split(['?', ' ']).next().unwrap_or_default();
    let kinds = |all: &[(&str, &str, bool)]| {
        let verbs = json!(["create", "delete", "get", "list", "patch"]);
        let each = all.iter().map(
            |(name, kind, namespaced)| json!({ "name": name, "kind": kind, "namespaced": namespaced, "verbs": verbs }),
        );
        (200, json!({ "resources": each.collect::<Vec<_>>() }))
    };
    match (method, path) {
        ("GET", "/readyz") => (200, json!("ok")),
        ("GET", "/version") => (200, json!({ "gitVersion": "v1.36.3" })),
        ("GET", "/api/v1") => kinds(&[
            ("namespaces", "Namespace", false),
            ("nodes", "Node", false),
            ("serviceaccounts", "ServiceAccount", true),
        ]),
        ("GET", "/apis/coordination.k8s.io/v1") => kinds(&[("leases", "Lease", true)]),
        ("GET", "/apis/management.cattle.io/v3") => kinds(&[("clusters", "Cluster", false)]),
        ("GET", "/apis/management.cattle.io/v3/clusters") => {
            let cluster = |id: &str, status: &str| {
                let condition =
                    json!({ "type": "Connected", "status": status, "lastUpdateTime": "2026-11-01T00:00:00Z" });
                json!({ "metadata": { "name": id }, "spec": { "displayName": id }, "status": { "conditions": [condition] } })
            };
            let all = [
                cluster("local", "True"),
                cluster("c-1", "True"),
                cluster("c-2", "True"),
                cluster(super::SHOP, "True"),
                cluster("c-away", "False"),
            ];
            (200, json!({ "items": all, "metadata": { "resourceVersion": "1" } }))
        }
        // Every kubelet lives.
        ("GET", _) if path.starts_with("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/") => {
            (200, json!({ "metadata": { "name": "node" }, "spec": { "renewTime": ambient::now() } }))
        }
        // The controller that makes one in each namespace is quick.
        ("GET", _) if path.ends_with("/serviceaccounts/default") => {
            let namespace = path.trim_end_matches("/serviceaccounts/default");
            found(objects.contains(namespace))
        }
        ("GET", _) => found(objects.contains(path)),
        ("PATCH", _) => {
            objects.insert(path.to_owned());
            found(true)
        }
        ("DELETE", _) => found(objects.remove(path)),
        _ => (405, json!({})),
    }
}

fn found(is: bool) -> (u16, Value) {
    match is {
        true => (200, json!({ "metadata": { "name": "it" } })),
        false => (
            404,
            json!({ "kind": "Status", "apiVersion": "v1", "code": 404, "reason": "NotFound", "message": "not found" }),
        ),
    }
}

/// Starts the manager at each site, at an address, whose host has its files in a root.
pub(super) fn managers(sites: [(IpAddr, PathBuf); 2], name: &str) -> Manager {
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let (config, mut port) = (Arc::new(config), 0);
    for (address, root) in sites {
        let listener = TcpListener::bind((address, port)).unwrap();
        port = listener.local_addr().unwrap().port();
        listened(listener, config.clone(), root);
    }
    Manager { port, ca: issuer.pem() }
}

fn listened(listener: TcpListener, config: Arc<ServerConfig>, root: PathBuf) {
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (config, root) = (config.clone(), root.clone());
            std::thread::spawn(move || {
                let connection = ServerConnection::new(config).unwrap();
                let mut stream = StreamOwned::new(connection, stream);
                answer(&mut stream, |line| {
                    let answers = serves(&root) && is_active(&root, "rancher");
                    answers.then(|| match line.starts_with("GET /ping ") {
                        true => (200, json!("pong")),
                        false => (200, json!({ "gitVersion": "v1.36.3" })),
                    })
                });
                stream.conn.send_close_notify();
                let _gone = stream.flush();
            });
        }
    });
}

/// Reads one request and answers it, or closes the connection.
fn answer(stream: impl Read + Write, says: impl FnOnce(&str) -> Option<(u16, Value)>) {
    let mut stream = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let begin = head.len();
        if !stream.read_line(&mut head).is_ok_and(|read| read > 0) {
            return;
        }
        let line = head[begin..].trim().to_ascii_lowercase();
        if let Some(text) = line.strip_prefix("content-length: ") {
            length = text.parse().unwrap_or(0);
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    if stream.read_exact(&mut body).is_err() {
        return;
    }
    let Some((status, body)) = says(head.lines().next().unwrap_or_default()) else {
        return;
    };
    let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    let length = text.len();
    let stream = stream.get_mut();
    let _gone = write!(
        stream,
        "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
    );
    let _gone = stream.flush();
}
