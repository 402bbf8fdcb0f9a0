//! Against TLS servers of a few lines, on loopback.

use super::*;
use estate::Kind;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};

const NAME: &str = "rancher.lab.test";
const TOKEN: &str = "token-abcde:hunter2hunter2";
const LIMIT: Duration = Duration::from_secs(60);

/// A server, its CA, and the heads of the requests that it has seen.
struct Fake {
    port: u16,
    ca: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    fn manager(&self) -> Manager {
        Manager::new(NAME, self.port, Ipv4Addr::LOCALHOST.into(), &self.ca, Some(TOKEN)).unwrap()
    }

    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }
}

/// Answers everything with `status` and `body`, and a redirect's target where one belongs.
fn fake(status: u16, body: &str) -> Fake {
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([NAME.to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let (config, seen) = (Arc::new(config), Arc::new(Mutex::new(Vec::new())));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = format!(
        "HTTP/1.1 {status} x\r\nlocation: /elsewhere\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let heads = seen.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(connection, stream.unwrap()));
            let mut head = String::new();
            // Ends with an error when the client does not trust us.
            while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).is_ok_and(|read| read > 0) {}
            if head.is_empty() {
                continue;
            }
            heads.lock().unwrap().push(head);
            let stream = stream.get_mut();
            let _ = stream.write_all(answer.as_bytes());
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    Fake { port, ca: issuer.pem(), seen }
}

#[tokio::test]
async fn a_manager_is_asked_by_its_name_at_its_address() {
    let fake = fake(200, "pong\n");
    fake.manager().ping(LIMIT).await.unwrap();
    fake.manager().ping(LIMIT).await.unwrap();
    let seen = fake.seen.lock().unwrap();
    assert_eq!(seen.len(), 2);
    assert!(seen[0].starts_with("GET /ping HTTP/1.1\r\n"), "{seen:?}");
    assert!(seen[0].contains(&format!("host: {NAME}:{}\r\n", fake.port)), "{seen:?}");
}

#[tokio::test]
async fn a_clusters_version_comes_with_the_token_through_its_path() {
    let fake = fake(200, r#"{"major":"1","gitVersion":"v1.36.3"}"#);
    assert_eq!(fake.manager().version_of("c-m-abc/../local", LIMIT).await.unwrap(), "v1.36.3");
    let seen = fake.seen.lock().unwrap();
    assert!(seen[0].starts_with("GET /k8s/clusters/c-m-abc%2F..%2Flocal/version HTTP/1.1"), "{seen:?}");
    assert!(seen[0].contains(&format!("authorization: Bearer {TOKEN}\r\n")), "{seen:?}");
}

#[tokio::test]
async fn odd_answers_become_errors_that_say_what_to_do() {
    let cases = [
        (
            503,
            r#"{"type":"error","message":"ClusterUnavailable"}"#,
            Kind::Unreachable,
            "HTTP 503: ClusterUnavailable",
        ),
        (500, "cluster agent disconnected", Kind::Unreachable, "cluster agent disconnected"),
        (
            401,
            r#"{"message":"must authenticate"}"#,
            Kind::Person,
            "refuses /k8s/clusters/c-1/version",
        ),
        (403, "no", Kind::Person, "HTTP 403: no"),
        (404, "cluster not found", Kind::Damaged, "HTTP 404: cluster not found"),
        (302, "", Kind::Damaged, "HTTP 302"),
        (200, "<html>", Kind::Damaged, "is not the expected one"),
        (200, "{}", Kind::Damaged, "it has no gitVersion"),
        (200, r#"{"gitVersion":["v1"]}"#, Kind::Damaged, "it has no gitVersion"),
    ];
    for (status, body, kind, text) in cases {
        let error = fake(status, body).manager().version_of("c-1", LIMIT).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status} {body} -> {error}");
        let shown = error.to_string();
        assert!(shown.contains(text) && shown.contains(NAME), "{status} {body} -> {shown}");
        assert!(matches!(error, ManagerError::Untrusted { .. }) || shown.contains("127.0.0.1"), "{shown}");
    }
    let error = fake(200, "<title>Rancher</title>").manager().ping(LIMIT).await.unwrap_err();
    assert!(matches!(error, ManagerError::Answer { .. }), "{error}");
    let endless = fake(200, &"x".repeat(ANSWER_MAX + 1)).manager().ping(LIMIT).await.unwrap_err();
    assert!(endless.to_string().contains("longer than"), "{endless}");
}

#[tokio::test]
async fn the_token_is_shown_nowhere_even_when_the_server_repeats_it() {
    let echo = fake(400, &format!("bad header: Bearer {TOKEN}, key {}", &TOKEN[12..]));
    let manager = echo.manager();
    let error = manager.version_of("c-1", LIMIT).await.unwrap_err();
    let shown = format!("{error} {error:?} {manager:?}");
    assert!(shown.contains("bad header") && !shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn only_the_given_ca_and_name_are_trusted() {
    let (one, other) = (fake(200, "pong"), fake(200, "pong"));
    let ask = async |name: &str, ca: &str| {
        let manager = Manager::new(name, one.port, Ipv4Addr::LOCALHOST.into(), ca, None).unwrap();
        manager.ping(LIMIT).await.unwrap_err()
    };
    for error in [ask(NAME, &other.ca).await, ask("other.lab.test", &one.ca).await] {
        assert!(matches!(error, ManagerError::Untrusted { .. }), "{error}");
        assert_eq!(error.kind(), Kind::Person);
    }
    assert!(one.seen.lock().unwrap().is_empty(), "nothing was asked of it");
}

#[tokio::test]
async fn silence_and_refused_connections_are_unreachable() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let probe = ApiProbe::new().unwrap();
    // Bound and never accepted from: the kernel connects, and nobody speaks.
    let error = probe.api_ready(address, Duration::from_millis(200)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("https://{address} did not answer for /readyz: no answer within 200ms")
    );
    drop(listener);
    let error = probe.api_ready(address, LIMIT).await.unwrap_err();
    assert!(
        matches!(&error, ManagerError::Unreachable { reason, .. } if reason.contains("refused")),
        "{error}"
    );
}

#[tokio::test]
async fn an_api_server_is_ready_when_it_says_so_whoever_signed_it() {
    let probe = ApiProbe::new().unwrap();
    let ready = fake(200, "ok");
    probe.api_ready(ready.address(), LIMIT).await.unwrap();
    assert!(!ready.seen.lock().unwrap()[0].contains("authorization"));
    let sick = fake(500, "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed");
    let error = probe.api_ready(sick.address(), LIMIT).await.unwrap_err();
    assert!(
        matches!(&error, ManagerError::Unreachable { reason, .. } if reason.contains("[-]etcd failed")),
        "{error}"
    );
    let closed = probe.api_ready(fake(401, "Unauthorized").address(), LIMIT).await.unwrap_err();
    assert!(matches!(closed, ManagerError::Forbidden { .. }), "{closed}");
}

#[test]
fn settings_that_cannot_be_used_are_refused_without_showing_them() {
    let here = IpAddr::from(Ipv4Addr::LOCALHOST);
    let ca = fake(200, "").ca;
    let broken_ca = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (name, ca, token, text) in [
        ("", &*ca, None, "its name"),
        ("a b", &ca, None, "its name"),
        ("user@rancher.lab.test", &ca, None, "not the name of a host"),
        ("10.0.0.1", &ca, None, "another address"),
        (NAME, "", None, "no certificate"),
        (NAME, "hello", None, "its CA"),
        (NAME, broken_ca, None, "its CA"),
        (NAME, &ca, Some("hunter2\nhunter2"), "its token"),
    ] {
        let error = Manager::new(name, 443, here, ca, token).unwrap_err();
        assert!(error.to_string().contains(text), "{name}: {error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        assert_eq!(error.kind(), Kind::Invalid);
    }
    Manager::new("Rancher.Lab.Test", 443, here, &ca, Some(&format!("{TOKEN}\n"))).unwrap();
}
