//! Everything that must hold on a real SeaweedFS.

mod server;

use super::*;
use crate::foreign::Foreign;
use crate::{AccessKey, Bucket, Cloud, Error, LockMode, Locks, ObjectLock, PointLock};
use estate::Kind;
use server::Server;

/// A running server that has stored something in the bucket `copies`, which it makes by itself.
struct Weed(Server);

impl Weed {
    async fn start() -> Self {
        let key = key();
        let server = Server::start(async |endpoint| {
            let first = on(endpoint, ("copies", "first"), ("all", "secret"), &key);
            // As `repository init` does: the probe's first object makes the bucket, which a list before it would hide for a while.
            first.probe().await.map_err(|error| error.to_string())?;
            found(&first, &key).await.map(drop).map_err(|error| error.to_string())
        });
        Self(server.await)
    }

    fn repository(&self, bucket: &str, prefix: &str, access_key: &str, secret_key: &str, key: &Pair) -> Repository {
        on(&self.0.endpoint, (bucket, prefix), (access_key, secret_key), key)
    }
}

fn bucket(endpoint: &str, (bucket, prefix): (&str, &str), (access_key, secret_key): (&str, &str)) -> StoreSettings {
    let bucket = Bucket {
        name: bucket.to_owned(),
        prefix: prefix.to_owned(),
        endpoint: Some(endpoint.to_owned()),
    };
    let asking = AccessKey { id: access_key.to_owned(), secret: secret_key.to_owned() };
    StoreSettings::Cloud(Cloud::S3 { bucket, region: None, key: Some(asking) })
}

fn on(endpoint: &str, place: (&str, &str), asking: (&str, &str), key: &Pair) -> Repository {
    let store = bucket(endpoint, place, asking);
    Repository::open(Settings { store, ..settings(Path::new("/"), key) }).unwrap()
}

#[tokio::test]
#[ignore = "needs weed: cargo xtask test"]
async fn everything_holds_in_a_bucket() {
    let (weed, key) = (Weed::start().await, key());
    conformance::all(&weed.repository("copies", "estate/a", "all", "secret", &key), &key).await;
}

#[tokio::test]
#[ignore = "needs weed: cargo xtask test"]
async fn a_bucket_says_why_it_refuses() {
    let (weed, key) = (Weed::start().await, key());
    for (access_key, secret_key, code) in [
        ("nobody", "secret", "InvalidAccessKeyId"),
        ("all", "wrong", "SignatureDoesNotMatch"),
        ("reader", "secret", "AccessDenied"),
    ] {
        let repository = weed.repository("copies", "estate/b", access_key, secret_key, &key);
        let error = found(&repository, &key).await.unwrap_err();
        let Error::Refused { object, reason, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(object, "lifeboat.json");
        assert!(reason.starts_with(code), "{reason}");
        assert!(!error.to_string().contains("nobody"), "{error}");
        assert_eq!(error.kind(), Kind::Person);
    }
    let absent = weed.repository("absent", "estate/b", "reader", "secret", &key);
    let error = absent.id().await.unwrap_err();
    assert!(matches!(error, Error::NoBucket { .. }), "{error}");
    assert_eq!(error.to_string(), format!("{}/absent/estate/b does not exist", weed.0.endpoint));
    let error = weed
        .repository("copies", "estate/b", "reader", "secret", &key)
        .id()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Uninitialised { .. }), "{error}");
}

#[tokio::test]
#[ignore = "needs weed: cargo xtask test"]
async fn who_may_only_read_can_check_and_not_probe() {
    let (weed, key) = (Weed::start().await, key());
    let writer = weed.repository("copies", "estate/d", "all", "secret", &key);
    found(&writer, &key).await.unwrap();
    store_point(&writer, &id(1), b"every key and value").await;
    let reader = weed.repository("copies", "estate/d", "reader", "secret", &key);
    let refused = reader.probe().await.unwrap_err();
    assert!(
        matches!(&refused, Error::Refused { reason, .. } if reason.starts_with("AccessDenied")),
        "{refused}"
    );
    let report = reader.check(&crate::CheckOptions::default(), &|_| {}).await.unwrap();
    assert!(report.sound() && report.points.len() == 1, "{report:?}");
}

/// A point is locked, in a bucket that was made for it; a bucket without object lock says that it has none.
#[tokio::test]
#[ignore = "needs weed: cargo xtask test"]
async fn a_point_in_a_bucket_with_object_lock_is_kept() {
    let (weed, key) = (Weed::start().await, key());
    let plain = weed.repository("copies", "estate/c", "all", "secret", &key);
    assert_eq!(plain.object_lock().await.unwrap(), None);

    let repository = weed.repository("locked", "estate", "all", "secret", &key);
    let signed = repository.shared.store.signed.as_ref().unwrap();
    let bucket = format!("{}/locked", weed.0.endpoint);
    let lock = [("x-amz-bucket-object-lock-enabled", "true")];
    let made = signed.ask(http::Method::PUT, &bucket, &lock, String::new()).await.unwrap();
    assert!(made.status.is_success(), "{}", made.told());
    assert_eq!(repository.object_lock().await.unwrap(), Some(ObjectLock { default: None }));

    found(&repository, &key).await.unwrap();
    store_point(&repository, &id(1), b"every key and value").await;
    let until = ambient::now() + jiff::SignedDuration::from_hours(1);
    let locked = repository.lock_point(&cluster(), &id(1), until, LockMode::Compliance).await;
    assert!(locked.unwrap());
    let shorter = repository
        .lock_point(&cluster(), &id(1), ambient::now(), LockMode::Compliance)
        .await;
    assert!(!shorter.unwrap(), "it is locked for longer");
    let longer = until + jiff::SignedDuration::from_hours(1);
    for made in [true, false] {
        let lock = repository.lock_point(&cluster(), &id(1), longer, LockMode::Governance).await;
        assert_eq!(lock.unwrap(), made);
    }

    let absent = repository.lock_point(&cluster(), &id(2), until, LockMode::Compliance).await;
    assert!(matches!(absent, Err(Error::NotFound { .. })), "{absent:?}");

    // Of those that stay, whatever is not locked for so long yet.
    store_point(&repository, &id(3), b"more").await;
    let lock = |minute| PointLock { cluster: cluster(), point: id(minute), until };
    let locks = [1, 2, 3].map(lock).to_vec();
    let made = repository.lock_points(locks, LockMode::Governance, &mut Locks::default()).await;
    assert_eq!(made.unwrap(), [lock(3)]);

    let name = "t0001-seg-1";
    repository.put_history(&cluster(), name, 0, &b"changes"[..]).await.unwrap();
    for made in [true, false] {
        let lock = repository.lock_history(&cluster(), name, until, LockMode::Governance).await;
        assert_eq!(lock.unwrap(), made);
    }
}

/// Whoever may only read and list can read what others have stored, notes and all; whoever may not is told why.
#[tokio::test]
#[ignore = "needs weed: cargo xtask test"]
async fn what_others_have_stored_in_a_bucket_is_read() {
    let (weed, key) = (Weed::start().await, key());
    let writer = weed.repository("copies", "", "all", "secret", &key);
    let bytes = content(6 << 20);
    let put = |path: &str, bytes: &[u8]| {
        let (client, path) = (writer.shared.store.client().unwrap().clone(), object_store::path::Path::from(path));
        let mut options = object_store::PutOptions::default();
        let name = object_store::Attribute::Metadata("K3s-Node-Name".into());
        options.attributes.insert(name, "server-1".into());
        let bytes = bytes.to_vec();
        async move { client.put_opts(&path, bytes.into(), options).await.unwrap() }
    };
    put("prod/etcd-snapshot-server-1-1700000000", &bytes).await;
    put("prod/.metadata/etcd-snapshot-server-1-1700000000", b"{}").await;
    put("test/empty", b"").await;

    let open = |place, asking| Foreign::open(bucket(&weed.0.endpoint, place, asking)).unwrap();
    let foreign = open(("copies", "prod"), ("reader", "secret"));
    let listed = foreign.list("").await.unwrap();
    let names: Vec<_> = listed.iter().map(|it| (it.key.as_str(), it.bytes)).collect();
    let name = "etcd-snapshot-server-1-1700000000";
    assert_eq!(
        names,
        [
            (".metadata/etcd-snapshot-server-1-1700000000", 2),
            (name, bytes.len() as u64)
        ]
    );
    assert_eq!(foreign.head(name).await.unwrap().notes["k3s-node-name"], "server-1");
    let files = Files::new();
    foreign.fetch(name, &files.at("into"), &|_| {}).await.unwrap();
    assert!(std::fs::read(files.at("into")).unwrap() == bytes);
    let empty = open(("copies", "test"), ("reader", "secret"));
    empty.fetch("empty", &files.at("empty"), &|_| {}).await.unwrap();
    assert_eq!(std::fs::read(files.at("empty")).unwrap(), b"");

    for (place, asking, wanted) in [
        (("copies", ""), ("nobody", "secret"), Kind::Person),
        (("copies", ""), ("reader", "wrong"), Kind::Person),
        (("absent", ""), ("reader", "secret"), Kind::Invalid),
    ] {
        let error = open(place, asking).list("").await.unwrap_err();
        assert_eq!(error.kind(), wanted, "{error}");
        match wanted {
            Kind::Invalid => assert!(matches!(error, Error::NoBucket { .. }), "{error}"),
            _ => assert!(matches!(error, Error::Refused { .. }), "{error}"),
        }
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let gone = foreign.fetch("gone", &files.at("gone"), &|_| {}).await.unwrap_err();
    assert!(matches!(gone, Error::NotFound { .. }), "{gone}");
}
