use super::*;
use std::fs;

fn connection(ca: &str, cert: &str, key: &str) -> Connection {
    Connection {
        endpoint: "https://127.0.0.1:2379".to_owned(),
        ca_file: Some(ca.into()),
        cert_file: Some(cert.into()),
        key_file: Some(key.into()),
        user: None,
    }
}

async fn read(connection: &Connection) -> Result<Tls, Error> {
    Tls::read(connection, connection.ca_file.as_ref().unwrap()).await
}

#[tokio::test]
async fn files_that_hold_something_else_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let pair = rcgen::generate_simple_self_signed(["etcd".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["etcd".to_owned()]).unwrap();
    fs::write(path("cert"), pair.cert.pem()).unwrap();
    fs::write(path("key"), pair.signing_key.serialize_pem()).unwrap();
    fs::write(path("other"), other.signing_key.serialize_pem()).unwrap();
    fs::write(path("torn"), &pair.cert.pem()[..200]).unwrap();
    fs::write(path("empty"), "").unwrap();
    fs::write(path("large"), vec![b'x'; PEM_BYTES_MAX as usize + 1]).unwrap();

    let cases = [
        ("absent", "cert", "key", "absent"),
        ("empty", "cert", "key", "empty"),
        ("large", "cert", "key", "large"),
        ("key", "cert", "key", "key"),
        ("cert", "key", "key", "key"),
        ("cert", "cert", "cert", "cert"),
        ("cert", "cert", "absent", "absent"),
        ("cert", "cert", "other", "other"),
        ("cert", "torn", "key", "torn"),
    ];
    for (ca, cert, key, named) in cases {
        let connection = connection(&path(ca), &path(cert), &path(key));
        match read(&connection).await {
            Err(Error::Certificate { file, reason }) => {
                assert_eq!(file, folder.path().join(named), "{ca} {cert} {key}: {reason}");
            }
            Err(other) => panic!("{ca} {cert} {key}: {other:?}"),
            Ok(_) => panic!("{ca} {cert} {key} are taken"),
        }
    }
    let good = connection(&path("cert"), &path("cert"), &path("key"));
    assert!(read(&good).await.is_ok());
}
