//! A capture and a copy in a bucket with object lock: what is stored is locked, and stays whatever is done to it.

use super::place::Place;
use super::server::{Server, newest};
use super::{Capture, weed};
use ::etcd::merge::Policy;
use nix::sys::signal::Signal;
use protect::etcd::{HistoryLock, Holder, lock_merged, merge_once};
use repository::{AccessKey, Bucket, Cloud, StoreSettings};
use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

/// A bucket with object lock, asked by curl as somebody with every right but that of going round a lock.
struct Locked(weed::Server);

impl Locked {
    async fn start() -> Self {
        let made = async |endpoint: &str| {
            let lock = ["-X", "PUT", "-H", "x-amz-bucket-object-lock-enabled: true"];
            match ask(&format!("{endpoint}/locked"), &lock) {
                (200, _) => Ok(()),
                (code, said) => Err(format!("{code}: {said}")),
            }
        };
        Self(weed::Server::start(made).await)
    }

    fn endpoint(&self) -> &str {
        &self.0.endpoint
    }

    fn store(&self) -> StoreSettings {
        let bucket = Bucket {
            name: "locked".to_owned(),
            prefix: "estate".to_owned(),
            endpoint: Some(self.endpoint().to_owned()),
        };
        let key = AccessKey { id: "all".to_owned(), secret: "secret".to_owned() };
        StoreSettings::Cloud(Cloud::S3 { bucket, region: None, key: Some(key) })
    }

    /// By its key below `prefix`, the id of each version that is stored; those that are hidden, too.
    fn versions(&self, prefix: &str) -> BTreeMap<String, String> {
        // In order, as curl signs them.
        let encoded = prefix.replace('/', "%2F");
        let (code, told) = ask(&format!("{}/locked?prefix={encoded}&versions=", self.endpoint()), &[]);
        assert_eq!(code, 200, "{told}");
        let field = |text: &str, name: &str| {
            let (_, rest) = text.split_once(&format!("<{name}>")).unwrap();
            rest.split_once('<').unwrap().0.to_owned()
        };
        let versions = told.split("<Version>").skip(1);
        versions.map(|it| (field(it, "Key"), field(it, "VersionId"))).collect()
    }

    /// How many objects below `prefix` are hidden: removed, as far as versions can be.
    fn hidden(&self, prefix: &str) -> usize {
        let encoded = prefix.replace('/', "%2F");
        let (_, told) = ask(&format!("{}/locked?prefix={encoded}&versions=", self.endpoint()), &[]);
        told.matches("<DeleteMarker>").count()
    }

    /// How an object is locked, in the store's words.
    fn retention(&self, key: &str, version: &str) -> String {
        ask(&format!("{}/locked/{key}?retention=&versionId={version}", self.endpoint()), &[]).1
    }

    /// Every version is locked from now on, and is not let go.
    fn holds(&self, versions: &BTreeMap<String, String>) {
        for (key, version) in versions {
            let told = self.retention(key, version);
            assert!(told.contains("<Mode>GOVERNANCE</Mode>"), "{key}: {told}");
            let (_, until) = told.split_once("<RetainUntilDate>").unwrap();
            let until: jiff::Timestamp = until.split_once('<').unwrap().0.parse().unwrap();
            assert!(until > ambient::now(), "{key} is locked until {until}");
            let (code, told) = ask(&format!("{}/locked/{key}?versionId={version}", self.endpoint()), &["-X", "DELETE"]);
            assert_eq!(code, 403, "{key}: {told}");
        }
    }
}

/// What the store answers: the status, and its words.
fn ask(url: &str, more: &[&str]) -> (u16, String) {
    let mut curl = Command::new("curl");
    let done = curl
        .args([
            "-sS",
            "--aws-sigv4",
            "aws:amz:us-east-1:s3",
            "--user",
            "all:secret",
            "-w",
            "\n%{http_code}",
        ])
        .args(more)
        .arg(url)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&done.stdout);
    let (said, code) = told.rsplit_once('\n').unwrap();
    (code.parse().unwrap(), format!("{said}{}", String::from_utf8_lossy(&done.stderr)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd and weed: cargo xtask test"]
async fn what_is_captured_into_a_bucket_with_object_lock_stays() {
    let (bucket, place) = (Locked::start().await, Place::new("locked-captures"));
    std::fs::write(place.0.join("s3.access"), "all\n").unwrap();
    std::fs::write(place.0.join("s3.secret"), "secret\n").unwrap();
    let store = format!(
        "s3://locked/estate\n    endpoint: {}\n    accessKey: file:s3.access\n    secretKey: file:s3.secret\n    lock: governance",
        bucket.endpoint()
    );
    place.change(&format!("file://{}/copies", place.0.display()), &store);
    place.change("keep: {last: 30, within: 1h 30m, yearly: 3}", "keep: {last: 2, within: 1h, yearly: 3}");
    place.must("repository init --root-key root.key");

    let server = Server::start(&newest(), None).await;
    let client = server.client().await;
    let put = async || client.put("/registry/x", "value", 0).await.unwrap().revision;
    let to_etcd = format!("--endpoints {}", server.connection.endpoint);
    let mut capture = Capture::begin(&place, &to_etcd);
    // As far as the copies below say that the history goes.
    for _ in 0..6 {
        capture.stored(put().await);
    }
    capture.signal(Signal::SIGTERM);
    let code = capture.child.wait().unwrap().code();
    let said = capture.said();
    assert!(code == Some(0) && !said.contains("not locked"), "{said}");

    let history = "estate/clusters/rancher/history/";
    let captured = bucket.versions(history);
    assert!(captured.len() >= 3 && captured.keys().any(|key| key.contains("-base-")), "{captured:?}");
    bucket.holds(&captured);
    let checked = place.must("repository check --read-data");
    assert!(checked.out.contains("locked for as long as they are kept: governance"), "{}", checked.out);

    // An hour later it is merged: what is replaced is hidden, by the next merging, and its versions stay; what takes its place is locked.
    let repository = place.repository(bucket.store(), "signer.key").unwrap();
    let cluster: estate::Name = "rancher".parse().unwrap();
    let holder = Holder { name: "main-1", waiting: &|_| {}, patient: false };
    let (policy, now) = (Policy::default(), ambient::now());
    let lock = HistoryLock {
        mode: estate::LockMode::Governance,
        window: Duration::from_millis(policy.window_ms),
        base_every: Duration::from_millis(policy.base_every_ms),
    };
    let (mut removed, mut locked) = (0, 0);
    for minutes in [45, 46] {
        let later = now + jiff::SignedDuration::from_mins(minutes);
        let merged = merge_once(&repository, &cluster, &holder, &policy, later, &place.0)
            .await
            .unwrap();
        assert_eq!(merged.refused, 0);
        removed += merged.removed;
        locked += lock_merged(&repository, &cluster, &lock, &merged, now).await.unwrap();
    }
    assert!(removed > 0 && locked > 0, "{removed} removed, {locked} locked");
    assert_eq!(u64::try_from(bucket.hidden(history)).unwrap(), removed);
    let after = bucket.versions(history);
    assert!(captured.iter().all(|(key, version)| after.get(key) == Some(version)), "{after:?}");
    bucket.holds(&after);
    place.must(&format!("etcd verify --cluster rancher {to_etcd}"));
    let mut again = Capture::begin(&place, &to_etcd);
    again.stored(put().await);
    again.signal(Signal::SIGTERM);
    assert_eq!(again.child.wait().unwrap().code(), Some(0));
    place.must(&format!("etcd verify --cluster rancher {to_etcd}"));

    // Three copies; the rules keep them for now, and pruning locks them.
    let begun = [-30, -20, -10].map(|minutes| ambient::now() + jiff::SignedDuration::from_mins(minutes));
    for at in begun {
        let id = estate::PointId::new(estate::Epoch::FIRST, at, "k7xq").unwrap();
        place.store_in(bucket.store(), &id, "signer.key").await.unwrap();
    }
    place.must("repository prune --yes");
    let points = bucket.versions("estate/clusters/rancher/points/");
    assert_eq!(points.len(), 3, "{points:?}");
    bucket.holds(&points);
    let parts = bucket.versions("estate/clusters/rancher/parts/");
    bucket.holds(&parts);

    // The rules change: what is no longer needed is let go of, and cannot be lost before its time.
    place.change("within: 1h", "within: 0s");
    let pruned = place.must("repository prune --yes");
    assert!(
        pruned.out.contains("objects removed") || pruned.out.contains("is locked until"),
        "{}",
        pruned.out
    );
    for (prefix, before) in [("points", &points), ("parts", &parts)] {
        assert_eq!(bucket.versions(&format!("estate/clusters/rancher/{prefix}/")), *before, "{}", pruned.out);
    }
    bucket.holds(&points);
    place.must("repository check --read-data");
}
