//! Whose certificates are trusted: a server that speaks TLS under a CA of its own, as a BIG-IP does.

use crate::Error;
use crate::http::{Effect, Http};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

/// Answers every request with 200, until the test ends. Its port, and its CA.
fn start() -> (u16, String) {
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            let mut request = [0; 4096];
            // A client that does not trust it goes away.
            if stream.read(&mut request).is_ok_and(|length| length > 0) {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
                let _gone = stream.write_all(answer);
                stream.conn.send_close_notify();
                let _gone = stream.flush();
            }
        }
    });
    (port, issuer.pem())
}

#[tokio::test]
async fn a_ca_of_the_estates_is_trusted_and_a_strangers_is_not() {
    let (port, ca) = start();
    let base = format!("https://localhost:{port}");
    let get = async |ca: Option<&str>| {
        let http = Http::new("X".to_owned(), &base, ca).unwrap();
        http.send(http.client().get(http.url(&[])), "a.test", Effect::Changes).await
    };
    assert_eq!(get(Some(&ca)).await.unwrap().status, 200);
    let (_other, other_ca) = start();
    for ca in [None, Some(other_ca.as_str())] {
        let error = get(ca).await.unwrap_err();
        assert!(matches!(error, Error::Denied { .. }), "{error}");
        assert!(error.to_string().contains("its own certificate is not trusted: "), "{error}");
    }
}
