//! What others have stored, read and never written.

use super::odd::{Habit, Odd};
use super::*;
use crate::Error;
use crate::foreign::Foreign;
use object_store::path::Path as Key;
use object_store::{ObjectStoreExt, PutPayload};
use std::sync::Mutex;

fn sendable<T: Send>(it: T) -> T {
    it
}

fn on(store: Arc<dyn ObjectStore>) -> Foreign {
    Foreign { store: Arc::new(Store::on(store, "s3://others")) }
}

#[tokio::test]
async fn a_directory_is_listed_and_a_file_fetched_whole() {
    let (files, into) = (Files::new(), Files::new());
    let bytes = content((11 << 20) + 7);
    std::fs::create_dir_all(files.at("prod/.metadata")).unwrap();
    files.with("prod/etcd-snapshot-a-1700000000.zip", &bytes);
    files.with("prod/rke_etcd_snapshot_2020-06-15T17:41:50-04:00.zip", b"zip");
    files.with("prod/.metadata/etcd-snapshot-a-1700000000.zip", b"{}");
    let foreign = Foreign::open(StoreSettings::Directory(files.at("prod"))).unwrap();
    let listed = foreign.list("").await.unwrap();
    let names: Vec<_> = listed.iter().map(|it| it.key.as_str()).collect();
    assert_eq!(
        names,
        [
            ".metadata/etcd-snapshot-a-1700000000.zip",
            "etcd-snapshot-a-1700000000.zip",
            "rke_etcd_snapshot_2020-06-15T17:41:50-04:00.zip"
        ]
    );
    let seen = Mutex::new(Vec::new());
    let progress = |bytes| seen.lock().unwrap().push(bytes);
    let at = into.at("x");
    let fetch = foreign.fetch("etcd-snapshot-a-1700000000.zip", &at, &progress);
    sendable(fetch).await.unwrap();
    assert!(std::fs::read(into.at("x")).unwrap() == bytes);
    assert_eq!(*seen.lock().unwrap(), [5 << 20, 10 << 20, (11 << 20) + 7]);
    assert_eq!(foreign.read("rke_etcd_snapshot_2020-06-15T17:41:50-04:00.zip").await.unwrap(), "zip");

    let absent = Foreign::open(StoreSettings::Directory(files.at("absent"))).unwrap();
    assert!(matches!(absent.list("").await, Err(Error::NoBucket { .. })));
    let gone = foreign.fetch("gone", &into.at("gone"), &|_| {}).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
    assert!(matches!(foreign.read("../x").await, Err(Error::Invalid { .. })));
    assert_eq!(into.names(), ["x"], "nothing else is left");
}

/// One request in three fails: what has arrived is kept, and the rest asked for again.
#[tokio::test(start_paused = true)]
async fn a_store_that_fails_now_and_then_gives_all_in_the_end() {
    let (into, odd) = (Files::new(), Odd::new());
    let bytes = content(40 << 20);
    odd.inner.put(&Key::from("x"), PutPayload::from(bytes.clone())).await.unwrap();
    let foreign = on(odd.clone());
    odd.becomes(Habit::FailsNowAndThen(7));
    foreign.fetch("x", &into.at("x"), &|_| {}).await.unwrap();
    assert!(std::fs::read(into.at("x")).unwrap() == bytes);

    odd.becomes(Habit::Down);
    let unreachable = foreign.fetch("x", &into.at("y"), &|_| {}).await.unwrap_err();
    assert!(matches!(unreachable, Error::Unreachable { .. }), "{unreachable}");
    odd.becomes(Habit::CutsRanges);
    let damaged = foreign.fetch("x", &into.at("y"), &|_| {}).await.unwrap_err();
    assert!(matches!(damaged, Error::Damaged { .. }), "{damaged}");
    assert_eq!(into.names(), ["x"]);
}

/// RKE1's nodes write under one name: half of one and half of another would be no snapshot.
#[tokio::test]
async fn an_object_that_is_replaced_meanwhile_is_not_mixed() {
    let (into, store) = (Files::new(), Arc::new(InMemory::new()));
    store.put(&Key::from("x"), PutPayload::from(content(30 << 20))).await.unwrap();
    let foreign = on(store.clone());
    let replace = |_| {
        let key = Key::from("x");
        let put = store.put(&key, PutPayload::from_static(b"another"));
        futures::executor::block_on(put).unwrap();
    };
    let error = foreign.fetch("x", &into.at("x"), &replace).await.unwrap_err();
    assert!(matches!(error, Error::Taken { .. }), "{error}");
    assert_eq!(into.names(), [""; 0]);
}
