//! Stores that lie about points, and people who change what is in them.

use super::odd::{Habit, Odd};
use super::*;
use crate::Error;
use estate::Kind;
use object_store::path::Path as Key;
use object_store::{ObjectStoreExt, PutPayload};

fn part_key(minute: u32) -> Key {
    Key::from(format!("clusters/management/parts/{}/etcd", id(minute)))
}

fn manifest_key(minute: u32) -> Key {
    Key::from(format!("clusters/management/points/{}", id(minute)))
}

async fn change(store: &InMemory, key: &Key, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = store.get(key).await.unwrap().bytes().await.unwrap().to_vec();
    change(&mut bytes);
    store.put(key, PutPayload::from(bytes)).await.unwrap();
}

fn elsewhere(key: &Key) -> String {
    format!("{key} is damaged: its bytes were changed, it is cut off, or it belongs elsewhere")
}

/// Fetches the part of a point; on failure nothing is left.
async fn fetched(repository: &Repository, point: &Point) -> Result<Vec<u8>, Error> {
    let files = Files::new();
    let outcome = repository.fetch(&cluster(), point, "etcd", &files.at("into")).await;
    if outcome.is_err() {
        assert_eq!(files.names(), [""; 0]);
    }
    outcome.map(|()| std::fs::read(files.at("into")).unwrap())
}

#[tokio::test]
async fn a_changed_part_is_refused_wherever_it_is_changed() {
    let (repository, store) = in_memory().await;
    let content = content(300_000);
    let point = store_point(&repository, &id(1), &content).await;
    assert!(fetched(&repository, &point).await.unwrap() == content);
    let length = store.head(&part_key(1)).await.unwrap().size as usize;
    for at in [0, 30, 200, 70_000, length - 1] {
        change(&store, &part_key(1), |bytes| bytes[at] ^= 1).await;
        let error = fetched(&repository, &point).await.unwrap_err();
        assert!(error.to_string().starts_with(part_key(1).as_ref()), "{error}");
        assert!(matches!(error, Error::Damaged { .. } | Error::WrongKey { .. }), "{at}: {error}");
        change(&store, &part_key(1), |bytes| bytes[at] ^= 1).await;
    }
    assert!(fetched(&repository, &point).await.is_ok());
}

#[tokio::test]
async fn a_part_that_is_cut_off_is_refused_wherever_it_is_cut() {
    let (repository, store) = in_memory().await;
    let point = store_point(&repository, &id(1), &content(200_000)).await;
    let length = store.head(&part_key(1)).await.unwrap().size as usize;
    // The third is the end of the first chunk of age: its header, a nonce, and 64 KiB with a tag.
    for left in [length - 1, 100_000, length - (200_000 % 65_536), 100, 0] {
        change(&store, &part_key(1), |bytes| bytes.truncate(left)).await;
        let error = fetched(&repository, &point).await.unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{left}: {error}");
        assert_eq!(error.kind(), Kind::Damaged);
    }
}

#[tokio::test]
async fn swapped_and_replayed_objects_are_refused() {
    let (repository, store) = in_memory().await;
    let old = store_point(&repository, &id(1), b"old").await;
    let new = store_point(&repository, &id(2), b"new").await;
    store.copy(&part_key(1), &part_key(2)).await.unwrap();
    let error = fetched(&repository, &new).await.unwrap_err();
    assert_eq!(error.to_string(), elsewhere(&part_key(2)));
    assert_eq!(fetched(&repository, &old).await.unwrap(), b"old");

    store.copy(&manifest_key(1), &manifest_key(2)).await.unwrap();
    let error = repository.point(&cluster(), &id(2)).await.unwrap_err();
    assert_eq!(error.to_string(), elsewhere(&manifest_key(2)));
    assert_eq!(repository.point(&cluster(), &id(1)).await.unwrap(), old);
}

#[tokio::test]
async fn a_part_from_another_writer_is_not_the_one_of_the_manifest() {
    let (repository, store) = in_memory().await;
    let point = store_point(&repository, &id(1), b"first").await;
    for other in [b"other".as_slice(), b"longer than the first", b""] {
        drop(store_part(&repository, &id(1), other).await);
        let error = fetched(&repository, &point).await.unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }
    store.delete(&part_key(1)).await.unwrap();
    let error = fetched(&repository, &point).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} is damaged: it is gone, though the manifest names it", part_key(1))
    );
}

#[tokio::test]
async fn an_object_of_another_repository_is_refused() {
    let (key, a, b) = (key(), Arc::new(InMemory::new()), Arc::new(InMemory::new()));
    let (first, second) = (on(a.clone(), &key).await, on(b.clone(), &key).await);
    store_point(&first, &id(1), b"x").await;
    let bytes = a.get(&manifest_key(1)).await.unwrap().bytes().await.unwrap();
    b.put(&manifest_key(1), bytes.into()).await.unwrap();
    let error = second.point(&cluster(), &id(1)).await.unwrap_err();
    assert!(error.to_string().contains("is damaged: it was sealed with key "), "{error}");
}

#[tokio::test]
async fn a_sealed_manifest_that_is_none_is_refused() {
    let (repository, store) = in_memory().await;
    let good = serde_json::to_string(&point(&id(1), vec![])).unwrap();
    let part = r#"{"name": "etcd", "bytes": 0, "sha256": ""}"#;
    for (content, want) in [
        ("{}".to_owned(), "is damaged: it is no manifest: missing field `id`"),
        (good.replace(id(1).as_str(), id(2).as_str()), "is misplaced: it is the manifest of point"),
        (
            good.replace("\"parts\":[]", &format!("\"parts\":[{part},{part}]")),
            "is damaged: \"etcd\" cannot be",
        ),
        (
            good.replace("\"parts\":[]", &format!("\"parts\":[{}]", part.replace("etcd", "../x"))),
            "is damaged: \"../x\"",
        ),
    ] {
        let signed = repository.sign(&manifest_key(1), content.as_bytes()).await.unwrap();
        let sealed = repository.sealed(&manifest_key(1), 1, &signed).await;
        store.put(&manifest_key(1), sealed.unwrap().into()).await.unwrap();
        let error = repository.point(&cluster(), &id(1)).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("{} {want}", manifest_key(1))), "{error}");
    }
}

#[tokio::test]
async fn a_store_that_loses_bytes_is_found_out_before_the_manifest() {
    let store = Odd::new();
    let repository = on(store.clone(), &key()).await;
    let files = Files::new();
    let mut new = repository.begin(&cluster(), &id(1));
    store.becomes(Habit::CutsPuts);
    let error = new.part("etcd", &files.with("snapshot", b"x")).await.unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn ranges_that_are_cut_off_and_stores_that_go_away_are_told_apart() {
    let store = Odd::new();
    let repository = on(store.clone(), &key()).await;
    let point = store_point(&repository, &id(1), &content(100_000)).await;
    store.becomes(Habit::CutsRanges);
    let error = fetched(&repository, &point).await.unwrap_err();
    assert!(
        matches!(&error, Error::Damaged { reason, .. } if reason.starts_with("the store gave")),
        "{error}"
    );
    store.becomes(Habit::Down);
    let error = fetched(&repository, &point).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("memory did not answer for {}: operation timed out", part_key(1))
    );
    assert_eq!(repository.point(&cluster(), &id(1)).await.unwrap_err().kind(), Kind::Unreachable);
}

#[tokio::test]
async fn a_large_object_whose_pieces_are_lost_does_not_appear() {
    let store = Odd::new();
    let repository = on(store.clone(), &key()).await;
    let files = Files::new();
    let large = files.with("snapshot", &content(11 << 20));
    let mut new = repository.begin(&cluster(), &id(1));
    store.becomes(Habit::LosesPieces);
    let error = new.part("etcd", &large).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("memory did not answer for {}: operation timed out", part_key(1))
    );
    assert!(store.inner.head(&part_key(1)).await.is_err());
    // The part is not counted: it can be stored again.
    store.becomes(Habit::Honest);
    let part = new.part("etcd", &files.with("small", b"x")).await.unwrap();
    new.commit(&point(&id(1), vec![part])).await.unwrap();
}
