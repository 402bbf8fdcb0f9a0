//! What must hold on every kind of store.

use super::*;
use crate::{AppendError, Error, Listing};

pub(super) async fn all(repository: &Repository, key: &Pair) {
    assert!(matches!(repository.id().await, Err(Error::Uninitialised { .. })));
    let probed = repository.probe().await.unwrap();
    assert!(probed.sound(), "{probed:?}");
    let made = found(repository, key).await.unwrap();
    let all = [
        "lifeboat.json",
        "shared/keys/0000000001",
        "clusters/management/keys/0000000001",
        "shared/writers/0000000001",
    ];
    assert_eq!(made, all);
    let id = repository.id().await.unwrap().to_owned();
    assert_eq!(found(repository, key).await.unwrap(), [""; 0]);
    assert_eq!(repository.id().await.unwrap(), id);
    points(repository).await;
    large(repository).await;
    journals(repository).await;
    leasing::all(repository).await;
    let all = repository.stats().await.unwrap().all;
    assert!(all.objects > 10 && all.bytes > 20 << 20, "{all:?}");
}

async fn points(repository: &Repository) {
    assert_eq!(repository.points(&cluster()).await.unwrap(), Listing::default());
    assert!(matches!(repository.point(&cluster(), &id(1)).await, Err(Error::NotFound { .. })));

    let files = Files::new();
    let mut new = repository.begin(&cluster(), &id(1));
    let etcd = new.part("etcd", &files.with("snapshot", b"every key and value")).await.unwrap();
    let empty = new.part("files", &files.with("files", b"")).await.unwrap();
    assert_eq!(etcd.bytes, 19);
    assert_eq!(empty.sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    let first = point(&id(1), vec![etcd, empty]);
    new.commit(&first).await.unwrap();
    // Again: the same bytes are known as ours, and another writer's are not.
    new.commit(&first).await.unwrap();
    let (mut other, part) = store_part(repository, &id(1), b"every key and value").await;
    assert!(matches!(other.commit(&point(&id(1), vec![part])).await, Err(Error::Taken { .. })));

    store_point(repository, &id(2), b"more").await;
    let listing = repository.points(&cluster()).await.unwrap();
    assert_eq!(listing, Listing { points: vec![id(2), id(1)], strange: vec![] });
    let found = repository.point(&cluster(), &id(1)).await.unwrap();
    assert_eq!(found, first);

    let into = files.with("into", b"what was there before");
    for (part, content) in [("etcd", "every key and value"), ("files", "")] {
        repository.fetch(&cluster(), &found, part, &into).await.unwrap();
        assert_eq!(std::fs::read_to_string(&into).unwrap(), content);
    }
    assert_eq!(files.names(), ["files", "into", "snapshot"]);

    repository.remove(&cluster(), &id(1)).await.unwrap();
    repository.remove(&cluster(), &id(1)).await.unwrap();
    assert_eq!(repository.points(&cluster()).await.unwrap().points, [id(2)]);
    assert_eq!(repository.orphans(&cluster()).await.unwrap().points, []);
    assert_eq!(repository.points(&"other".parse().unwrap()).await.unwrap(), Listing::default());
}

/// More than one piece, and a last one that is not whole.
async fn large(repository: &Repository) {
    let files = Files::new();
    let content = content((20 << 20) + 12_345);
    let point = store_point(repository, &id(3), &content).await;
    assert_eq!(point.parts[0].bytes, content.len() as u64);
    repository.fetch(&cluster(), &point, "etcd", &files.at("into")).await.unwrap();
    assert!(std::fs::read(files.at("into")).unwrap() == content);
}

async fn journals(repository: &Repository) {
    assert_eq!(repository.runs().await.unwrap(), [0_u64; 0]);
    assert_eq!(repository.entries(1).await.unwrap(), []);
    for number in 0..12 {
        repository
            .append(1, number, format!("entry {number}").as_bytes())
            .await
            .unwrap();
    }
    repository.append(20, 0, b"").await.unwrap();
    assert_eq!(repository.runs().await.unwrap(), [1, 20]);
    assert_eq!(repository.entries(20).await.unwrap(), [(0, vec![])]);
    let entries = repository.entries(1).await.unwrap();
    assert_eq!(entries.len(), 12);
    assert_eq!(entries[11], (11, b"entry 11".to_vec()));
    assert_eq!(repository.entries_from(1, 11).await.unwrap(), entries[11..]);
    assert_eq!(repository.entries_from(1, 12).await.unwrap(), []);
    let taken = repository.append(1, 11, b"entry 11").await;
    assert!(matches!(taken, Err(AppendError::Taken { .. })), "{taken:?}");

    let rivals = (0..4).map(|_| repository.append(1, 12, b"mine"));
    let won = futures::future::join_all(rivals)
        .await
        .into_iter()
        .filter(Result::is_ok)
        .count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn memory() {
    let key = key();
    all(&opened_on(Arc::new(InMemory::new()), &key), &key).await;
}

#[tokio::test]
async fn directory() {
    let place = tempfile::tempdir().unwrap();
    // Made by `init`, and not before.
    let key = key();
    let settings = settings(&place.path().join("a/copies"), &key);
    let repository = Repository::open(settings).unwrap();
    assert!(matches!(repository.id().await, Err(Error::NoBucket { .. })));
    assert!(matches!(repository.probe().await, Err(Error::NoBucket { .. })));
    assert!(!place.path().join("a").exists());
    std::fs::create_dir_all(place.path().join("a/copies")).unwrap();
    all(&repository, &key).await;
}
