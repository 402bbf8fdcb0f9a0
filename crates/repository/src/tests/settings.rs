//! What a repository cannot be opened with; and what is never shown.

use super::*;
use crate::{AccessKey, Bucket, Cloud, Error};

fn s3(endpoint: Option<&str>, prefix: &str) -> Settings {
    let bucket = Bucket {
        name: "copies".to_owned(),
        prefix: prefix.to_owned(),
        endpoint: endpoint.map(str::to_owned),
    };
    let key_of_store = AccessKey {
        id: "an-access-key".to_owned(),
        secret: "a-secret-key".to_owned(),
    };
    let cloud = Cloud::S3 { bucket, region: None, key: Some(key_of_store) };
    Settings {
        store: StoreSettings::Cloud(cloud),
        ..settings(Path::new("/"), &key())
    }
}

fn refused(settings: Settings) -> String {
    let error = Repository::open(settings).unwrap_err();
    assert!(matches!(error, Error::Settings { .. }));
    error.to_string()
}

#[test]
fn bad_settings_are_named_and_secrets_are_not() {
    let good = || settings(Path::new("/"), &key());
    assert_eq!(
        refused(Settings { identity: Some("# nothing\n".to_owned()), ..good() }),
        "the repository's identity cannot be used: it holds none"
    );
    assert_eq!(
        refused(Settings {
            identity: Some("# a comment\nAGE-SECRET-KEY-1MISSPELT\n".to_owned()),
            ..good()
        }),
        "the repository's identity cannot be used: line 2 is not an age identity"
    );
    for (endpoint, reason) in [
        ("10.0.0.1:8333", "it begins with neither http:// nor https://"),
        ("http://user:hunter2@10.0.0.1", "it holds credentials or a query"),
    ] {
        let told = refused(s3(Some(endpoint), ""));
        assert_eq!(told, format!("the repository's endpoint cannot be used: {reason}"));
    }
    assert!(refused(s3(None, "a//b")).contains("prefix"));
    // What is no id, such as a whole file of credentials.
    for id in ["[default]\nkey = hunter2", "an id", "\u{e9}", "\u{7f}"] {
        let mut settings = s3(None, "");
        if let StoreSettings::Cloud(Cloud::S3 { key: Some(key), .. }) = &mut settings.store {
            key.id = id.to_owned();
        }
        let told = refused(settings);
        assert!(
            told.starts_with("the repository's access key cannot be used") && !told.contains("hunter2"),
            "{told}"
        );
    }
}

#[test]
fn a_store_is_called_by_its_url_without_credentials() {
    for (endpoint, prefix, name) in [
        (Some("http://10.0.0.1:8333/"), "/estate/a/", "http://10.0.0.1:8333/copies/estate/a"),
        (Some("http://10.0.0.1:8333"), "", "http://10.0.0.1:8333/copies"),
        (None, "a", "s3://copies/a"),
    ] {
        let repository = Repository::open(s3(endpoint, prefix)).unwrap();
        assert_eq!(repository.store(), name);
        assert_eq!(format!("{repository:?}"), format!("Repository {{ store: {name:?}, .. }}"));
    }
}

#[test]
fn debug_shows_no_secret() {
    let mut settings = s3(Some("http://u:p@x"), "");
    settings.identity = Some("AGE-SECRET-KEY-1X".to_owned());
    settings.signer = Some("a-signing-key".to_owned());
    let shown = format!("{settings:?}");
    for secret in ["an-access-key", "a-secret-key", "AGE-SECRET", "a-signing-key", "u:p"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("copies"), "{shown}");
}

/// A client that wants to know its authorities cannot be made on a bare host; one for plain HTTP wants none.
#[test]
fn plain_http_needs_no_authorities() {
    const BARE: &str = "LIFEBOAT_TEST_BARE";
    if std::env::var_os(BARE).is_some() {
        Repository::open(s3(Some("http://10.0.0.1:8333"), "")).unwrap();
        let told = refused(s3(Some("https://10.0.0.1:8333"), ""));
        assert!(told.starts_with("the repository's store cannot be used: "), "{told}");
        return;
    }
    let test = "tests::settings::plain_http_needs_no_authorities";
    let bare = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(BARE, "1")
        .env("SSL_CERT_FILE", "/dev/null")
        .env("SSL_CERT_DIR", "/dev/null")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&bare.stdout);
    assert!(bare.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn a_store_that_is_not_there_is_named() {
    // A port that was just given back: nobody listens.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let key = key();
    let settings = Settings { root: None, ..s3(Some(&format!("http://{free}")), "x") };
    let repository = Repository::open(settings).unwrap();
    let error = found(&repository, &key).await.unwrap_err();
    let Error::Unreachable { store, object, reason } = &error else {
        panic!("{error}")
    };
    assert_eq!(
        (store.as_str(), object.as_str()),
        (format!("http://{free}/copies/x").as_str(), "lifeboat.json")
    );
    assert!(reason.contains("Connection refused"), "{reason}");
}
