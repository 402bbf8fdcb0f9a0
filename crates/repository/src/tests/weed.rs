//! A real SeaweedFS on free ports of the loopback address, with everything that must hold on it.

use super::*;
use crate::{AccessKey, Bucket, Cloud, Error, LockMode, Locks, ObjectLock, PointLock};
use estate::Kind;
use std::fs::File;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How often a starting server is asked, some 20 ms apart, besides the time that asking takes.
const TRIES: usize = 1000;

/// Who may do what: `all` has every right, `reader` reads.
const IDENTITIES: &str = r#"{"identities": [
    {"name": "all", "credentials": [{"accessKey": "all", "secretKey": "secret"}], "actions": ["Admin", "Read", "List", "Write"]},
    {"name": "reader", "credentials": [{"accessKey": "reader", "secretKey": "secret"}], "actions": ["Read", "List"]}
]}"#;

/// The ports that it listens on, S3's first.
const PORTS: [&str; 8] = [
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
];

/// A running server; it ends with the value.
struct Weed {
    child: Child,
    endpoint: String,
    ports: [(&'static str, u16); 8],
    files: TempDir,
}

impl Weed {
    async fn start() -> Self {
        // Somebody else may take a free port before it does.
        for _ in 0..5 {
            if let Some(weed) = Self::try_start().await {
                return weed;
            }
        }
        panic!("weed ends again and again");
    }

    /// Starts a server and waits until it has stored something in the bucket `copies`, which it makes by itself.
    async fn try_start() -> Option<Self> {
        let files = tempfile::tempdir().unwrap();
        let place = files.path();
        let path = |name: &str| place.join(name).display().to_string();
        std::fs::write(path("s3.json"), IDENTITIES).unwrap();
        let held = PORTS.map(|name| (name, TcpListener::bind("127.0.0.1:0").unwrap()));
        let ports = held.map(|(name, socket)| (name, socket.local_addr().unwrap().port()));
        let log = File::create(path("log")).unwrap();
        let child = Command::new(program())
            .args([
                "-logtostderr=true",
                "server",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                "-s3",
            ])
            // Else these would be listened on at their fixed ports, which a second server cannot have.
            .args(["-s3.port.iceberg=0", "-s3.port.lance=0"])
            .args([
                "-master.electionTimeout=1s",
                "-master.telemetry=false",
                "-master.volumeSizeLimitMB=64",
            ])
            .args([format!("-dir={}", path("")), format!("-s3.config={}", path("s3.json"))])
            .args(["filer", "s3"].map(|part| format!("-{part}.localSocket={}", path(part))))
            .args(ports.map(|(name, port)| format!("-{name}={port}")))
            .current_dir(place)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut weed = Self {
            child,
            endpoint: format!("http://127.0.0.1:{}", ports[0].1),
            ports,
            files,
        };
        let key = key();
        let first = weed.repository("copies", "first", "all", "secret", &key);
        let mut said = None;
        for _ in 0..TRIES {
            // As `repository init` does: the probe's first object makes the bucket, which a list before it would hide for a while.
            let made = match first.probe().await {
                Ok(_) => found(&first, &key).await.map(drop),
                Err(error) => Err(error),
            };
            match made {
                Ok(()) => return Some(weed),
                Err(error) => said = Some(error),
            }
            if weed.child.try_wait().unwrap().is_some() {
                assert!(weed.log().contains("address already in use"), "weed ended: {}", weed.log());
                return None;
            }
            ambient::sleep(Duration::from_millis(20)).await;
        }
        panic!("weed is of no use: {said:?}, {}", weed.log());
    }

    fn repository(&self, bucket: &str, prefix: &str, access_key: &str, secret_key: &str, key: &Pair) -> Repository {
        let bucket = Bucket {
            name: bucket.to_owned(),
            prefix: prefix.to_owned(),
            endpoint: Some(self.endpoint.clone()),
        };
        let asking = AccessKey { id: access_key.to_owned(), secret: secret_key.to_owned() };
        let store = StoreSettings::Cloud(Cloud::S3 { bucket, region: None, key: Some(asking) });
        Repository::open(Settings { store, ..settings(Path::new("/"), key) }).unwrap()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.files.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Weed {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
        for (name, port) in self.ports {
            // It makes them there whatever it is told, and leaves them when it is killed.
            if let Some(part) = name.strip_suffix(".port.grpc") {
                let _absent = std::fs::remove_file(format!("/tmp/seaweedfs-{part}-grpc-{port}.sock"));
            }
        }
    }
}

/// Where the lab has installed it.
fn program() -> PathBuf {
    let from = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let cache = from("LIFEBOAT_CACHE")
        .or_else(|| from("XDG_CACHE_HOME").map(|d| d.join("lifeboat")))
        .or_else(|| from("HOME").map(|d| d.join(".cache/lifeboat")))
        .expect("LIFEBOAT_CACHE or HOME is set");
    let tools = std::fs::read_dir(cache.join("tools")).into_iter().flatten();
    let mut found = tools
        .map(|entry| entry.unwrap().path().join("bin/weed"))
        .filter(|path| path.is_file());
    found.next().expect("SeaweedFS is not installed: run cargo xtask test")
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
    assert_eq!(error.to_string(), format!("{}/absent/estate/b does not exist", weed.endpoint));
    let error = weed
        .repository("copies", "estate/b", "reader", "secret", &key)
        .id()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Uninitialised { .. }), "{error}");
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
    let bucket = format!("{}/locked", weed.endpoint);
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
