//! Points and their parts: what a crash leaves, what is refused, what is strange.

use super::*;
use crate::{Error, Orphans};
use object_store::ObjectStoreExt;
use object_store::path::Path as Key;
use std::os::unix::fs::PermissionsExt;

#[tokio::test]
async fn parts_without_a_manifest_count_for_nothing() {
    let (repository, store) = in_memory().await;
    store_point(&repository, &id(1), b"whole").await;
    // The process dies here.
    drop(store_part(&repository, &id(2), b"half").await);

    assert_eq!(repository.points(&cluster()).await.unwrap().points, [id(1)]);
    let orphans = repository.orphans(&cluster()).await.unwrap();
    assert_eq!(orphans, Orphans { points: vec![id(2)], strange: vec![] });
    assert_eq!(orphans.points[0].at(), id(2).at());

    repository.remove(&cluster(), &id(2)).await.unwrap();
    assert_eq!(repository.orphans(&cluster()).await.unwrap(), Orphans::default());
    let gone = store
        .head(&Key::from(format!("clusters/management/parts/{}/etcd", id(2))))
        .await;
    assert!(matches!(gone, Err(object_store::Error::NotFound { .. })));
    store_point(&repository, &id(3), b"whole again").await;
    assert_eq!(repository.points(&cluster()).await.unwrap().points, [id(3), id(1)]);
}

#[tokio::test]
async fn strange_keys_are_named_and_ignored() {
    let (repository, store) = in_memory().await;
    store_point(&repository, &id(1), b"").await;
    for key in [
        "points/readme.txt",
        "points/deep/er",
        "parts/loose",
        "parts/000001-x/etcd",
    ] {
        store
            .put(&Key::from(format!("clusters/management/{key}")), "?".into())
            .await
            .unwrap();
    }
    for key in [
        "shared/runs/x/0000000000",
        "shared/runs/0000000007/12",
        "shared/runs/0000000007/0000000001/deep",
    ] {
        store.put(&Key::from(key), "?".into()).await.unwrap();
    }
    let listing = repository.points(&cluster()).await.unwrap();
    assert_eq!(listing.points, [id(1)]);
    assert_eq!(
        listing.strange,
        [
            "clusters/management/points/deep/er",
            "clusters/management/points/readme.txt"
        ]
    );
    let orphans = repository.orphans(&cluster()).await.unwrap();
    assert_eq!(orphans.points, []);
    assert_eq!(
        orphans.strange,
        [
            "clusters/management/parts/000001-x/etcd",
            "clusters/management/parts/loose"
        ]
    );
    assert_eq!(repository.runs().await.unwrap(), [7]);
    assert_eq!(repository.entries(7).await.unwrap(), []);
}

#[tokio::test]
async fn a_manifest_must_be_of_its_point_and_of_its_parts() {
    let (repository, _store) = in_memory().await;
    let (mut new, part) = store_part(&repository, &id(1), b"x").await;
    let files = Files::new();
    for name in ["etcd", "../etcd", "", "Etcd", "a/b"] {
        let refused = new.part(name, &files.with("x", b"x")).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{name}: {refused:?}");
    }
    let other_cluster = Point {
        cluster: "other".parse().unwrap(),
        ..point(&id(1), vec![part.clone()])
    };
    let other_hash = Part { sha256: "0".repeat(64), ..part.clone() };
    for wrong in [
        point(&id(2), vec![part.clone()]),
        point(&id(1), vec![]),
        point(&id(1), vec![other_hash]),
        other_cluster,
    ] {
        let refused = new.commit(&wrong).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{wrong:?}: {refused:?}");
    }
    new.commit(&point(&id(1), vec![part])).await.unwrap();
}

#[tokio::test]
async fn a_file_that_cannot_be_read_leaves_no_object() {
    let (repository, _store) = in_memory().await;
    let files = Files::new();
    let mut new = repository.begin(&cluster(), &id(1));
    for path in [files.at("absent"), files.0.path().to_owned()] {
        let Err(Error::File { path: named, .. }) = new.part("etcd", &path).await else {
            panic!()
        };
        assert_eq!(named, path);
    }
    assert_eq!(repository.orphans(&cluster()).await.unwrap().points, []);
    // The part can still be stored.
    new.part("etcd", &files.with("snapshot", b"x")).await.unwrap();
}

#[tokio::test]
async fn what_is_fetched_is_private_and_replaces_what_an_earlier_attempt_left() {
    let (repository, _store) = in_memory().await;
    let point = store_point(&repository, &id(1), b"a key").await;
    let files = Files::new();
    files.with(".into.bcdfghjk.partial", b"a ke");
    files.with(".other.bcdfghjk.partial", b"somebody else's");
    repository.fetch(&cluster(), &point, "etcd", &files.at("into")).await.unwrap();
    assert_eq!(files.names(), [".other.bcdfghjk.partial", "into"]);
    let mode = files.at("into").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let nowhere = repository.fetch(&cluster(), &point, "etcd", &files.at("absent/into")).await;
    assert!(matches!(nowhere, Err(Error::File { .. })), "{nowhere:?}");
    let unnamed = repository.fetch(&cluster(), &point, "files", &files.at("files")).await;
    assert!(matches!(unnamed, Err(Error::Invalid { .. })), "{unnamed:?}");
}

/// A limit on the size of files stands in for a full disk: the same call of the system fails, in its middle.
#[test]
fn a_disk_that_takes_no_more_is_told_and_nothing_is_left() {
    const LIMITED: &str = "LIFEBOAT_TEST_LIMITED";
    if std::env::var_os(LIMITED).is_some() {
        tokio::runtime::Runtime::new().unwrap().block_on(disk_that_takes_no_more());
        return;
    }
    let limited = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" --exact \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg("tests::storing::a_disk_that_takes_no_more_is_told_and_nothing_is_left")
        .env(LIMITED, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&limited.stdout);
    assert!(limited.status.success() && said.contains("1 passed"), "{said}");
}

async fn disk_that_takes_no_more() {
    let (repository, _store) = in_memory().await;
    let mut new = repository.begin(&cluster(), &id(1));
    // A file that is longer than one may be here: this program.
    let part = new.part("etcd", Path::new("/proc/self/exe")).await.unwrap();
    let point = point(&id(1), vec![part]);
    let files = Files::new();
    let error = repository
        .fetch(&cluster(), &point, "etcd", &files.at("into"))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} cannot be read or written: File too large (os error 27)", files.at("into").display())
    );
    assert_eq!(files.names(), [""; 0]);

    let key = key();
    let directory = Repository::open(settings(files.0.path(), &key)).unwrap();
    found(&directory, &key).await.unwrap();
    let mut new = directory.begin(&cluster(), &id(1));
    let error = new.part("etcd", Path::new("/proc/self/exe")).await.unwrap_err();
    let Error::File { path, reason } = &error else {
        panic!("{error}")
    };
    assert!(path.starts_with(files.0.path()) && path.ends_with("etcd"), "{error}");
    assert!(reason.contains("File too large"), "{error}");
    assert_eq!(directory.orphans(&cluster()).await.unwrap(), Orphans::default());
}
