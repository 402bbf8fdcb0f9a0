use super::*;

fn plain(endpoint: &str) -> Connection {
    Connection {
        endpoint: endpoint.to_owned(),
        ca_file: None,
        cert_file: None,
        key_file: None,
        user: None,
    }
}

fn secure(ca: &str, cert: Option<&str>, key: Option<&str>) -> Connection {
    Connection {
        ca_file: Some(ca.into()),
        cert_file: cert.map(Into::into),
        key_file: key.map(Into::into),
        ..plain("https://127.0.0.1:2379")
    }
}

fn reason(connection: &Connection) -> String {
    match connection.uri() {
        Err(Error::Endpoint { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn urls_that_cannot_work_are_refused_with_the_reason() {
    let cases = [
        ("", "it is no URL"),
        ("http://", "it is no URL"),
        ("127.0.0.1:2379", "it does not begin with http:// or https://"),
        ("ftp://127.0.0.1:2379", "it does not begin with http:// or https://"),
        ("http://127.0.0.1", "it names no port; etcd's is 2379"),
        ("http://127.0.0.1:2379/v3", "it has a path, but etcd has none"),
        ("https://127.0.0.1:2379", "https needs the file of an authority to trust"),
    ];
    for (endpoint, wanted) in cases {
        assert_eq!(reason(&plain(endpoint)), wanted, "{endpoint}");
    }
    for good in [
        "http://127.0.0.1:2379",
        "http://[::1]:2379/",
        "http://etcd.example:2379",
    ] {
        assert!(plain(good).uri().is_ok(), "{good}");
    }
}

#[test]
fn files_that_do_not_fit_are_refused() {
    let lonely = secure("ca", Some("cert"), None);
    assert_eq!(reason(&lonely), "a client certificate and its key are given together or not at all");
    let unused = Connection {
        endpoint: "http://127.0.0.1:2379".to_owned(),
        ..secure("ca", None, None)
    };
    assert_eq!(reason(&unused), "certificates are given, but an http URL does not use them");
}

#[test]
fn a_password_in_a_url_is_never_shown() {
    for endpoint in [
        "https://me:secret@h:2379",
        "https://a@b:secret@h:2379",
        "me:secret@h:2379",
    ] {
        let error = plain(endpoint).uri().unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(!told.contains("secret") && told.contains("h:2379"), "{told}");
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = plain(&format!("http://127.0.0.1:{port}")).open().await.map(drop).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("refused"), "{error}");
}
