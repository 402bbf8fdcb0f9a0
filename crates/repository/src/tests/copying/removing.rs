//! What goes from a copy, and what stays: nothing that the repository has merely lost.

use super::checking::{SEGMENT, put_sealed};
use super::*;
use crate::{Copied, Taking};

const REMOVE: CopyOptions = CopyOptions { verify: false, remove: true, files_config: false };

const MERGED: &str =
    "t0001-seg-00000000000000000005-00000000000000000009-00000000000000aa-00000000000000bb-merged-00000000000000cc";

async fn removed(full: &Full, to: &Repository) -> Copied {
    copy(&full.anew(), to, &REMOVE, &|_| {}).await.unwrap()
}

/// A repository with files of two moments, and its copy.
async fn filed() -> (Full, Repository) {
    let full = Full::new().await;
    let files = full.repository.files(&cluster()).await.unwrap();
    assert!(files.init().await.unwrap());
    let folder = Files::new();
    for content in ["one", "another"] {
        folder.with("file", content.as_bytes());
        let taking = Taking { host: "main-1".to_owned(), ..Taking::default() };
        files.take(&[folder.0.path().to_owned()], &taking).await.unwrap();
    }
    let (to, _) = empty(&full);
    copy(&full.repository, &to, &CopyOptions::default(), &|_| {}).await.unwrap();
    (full, to)
}

fn is_copied(key: &Key) -> bool {
    !["/leases/", "/locks/", "lifeboat.json"]
        .iter()
        .any(|it| key.as_ref().contains(it))
}

#[tokio::test]
async fn whatever_from_has_lost_stays_and_is_told() {
    let (full, to) = filed().await;
    let copied = to.shared.store.list(&Key::default()).await.unwrap();
    // A snapshot that is not the newest is let go of like an older point.
    let snapshots = full.repository.files(&cluster()).await.unwrap().list().await.unwrap().snapshots;
    let stays = |key: &Key| is_copied(key) && !key.as_ref().contains(&snapshots[1].id);
    for key in full.keys().await.into_iter().filter(stays) {
        let whole = full.bytes(&key).await;
        full.store.delete(&key).await.unwrap();
        let done = removed(&full, &to).await;
        assert_eq!((done.removed, done.held_back.len()), (0, 1), "{key}: {done:#?}");
        full.put(&key, &whole).await;
    }
    // Whole folders, as a rule of the store's may let them end.
    for folder in [
        "keys", "writers", "points", "parts", "history", "files", "evidence", "kit", "runs",
    ] {
        let mut lost = Vec::new();
        for key in full
            .keys()
            .await
            .into_iter()
            .filter(|key| key.parts().any(|part| part.as_ref() == folder))
        {
            lost.push((key.clone(), full.bytes(&key).await));
            full.store.delete(&key).await.unwrap();
        }
        let done = removed(&full, &to).await;
        assert!(done.removed == 0 && !done.held_back.is_empty(), "{folder}: {done:#?}");
        for (key, whole) in lost {
            full.put(&key, &whole).await;
        }
    }
    assert_eq!(to.shared.store.list(&Key::default()).await.unwrap(), copied);
    let done = removed(&full, &to).await;
    assert_eq!((done.objects, done.removed, done.held_back.len()), (0, 0, 0));
}

#[tokio::test]
async fn what_stays_is_told_with_its_reason_once() {
    let full = Full::new().await;
    let (to, _) = empty(&full);
    copy(&full.repository, &to, &CopyOptions::default(), &|_| {}).await.unwrap();
    let part = |name: &str| Key::from(format!("clusters/management/parts/{}/{name}", id(1)));
    for name in ["etcd", "files"] {
        full.store.delete(&part(name)).await.unwrap();
    }
    let done = removed(&full, &to).await;
    let told = format!(
        "clusters/management: {} and 1 more: FROM has the manifest of its point, and not this",
        part("etcd")
    );
    assert_eq!(done.held_back, [told]);
}

#[tokio::test]
async fn what_was_merged_goes_when_the_copy_has_what_stands_for_it() {
    let full = Full::new().await;
    let (to, store) = empty(&full);
    copy(&full.repository, &to, &CopyOptions::default(), &|_| {}).await.unwrap();
    let key = |name: &str| Key::from(format!("clusters/management/history/{name}"));
    // Whoever can only write stores something of that name, and takes away what it would stand for.
    full.put(&key(MERGED), b"planted").await;
    let segment = full.bytes(&key(SEGMENT)).await;
    full.store.delete(&key(SEGMENT)).await.unwrap();
    let done = removed(&full, &to).await;
    assert_eq!((done.removed, done.held_back.len()), (0, 1), "{done:#?}");
    // The real one.
    for store in [&full.store, &store] {
        store.delete(&key(MERGED)).await.unwrap();
    }
    full.put(&key(SEGMENT), &segment).await;
    put_sealed(&full.repository, &key(MERGED), b"merged").await;
    full.store.delete(&key(SEGMENT)).await.unwrap();
    let done = removed(&full, &to).await;
    assert_eq!((done.objects, done.removed, done.held_back.len()), (1, 1, 0), "{done:#?}");
    assert!(matches!(to.shared.store.size(&key(SEGMENT)).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn files_that_were_let_go_of_go_and_what_replaces_them_is_there() {
    let (full, to) = filed().await;
    let files = full.repository.files(&cluster()).await.unwrap();
    let snapshots = files.list().await.unwrap().snapshots;
    let at = |id: &str| Key::from(format!("clusters/management/files/snapshots/{id}"));
    full.store.delete(&at(&snapshots[1].id)).await.unwrap();
    let done = removed(&full, &to).await;
    assert_eq!((done.removed, done.held_back.len()), (1, 0), "{done:#?}");
    // Without an identity nobody can tell whether FROM is whole.
    let blind = Settings { identity: None, ..settings(Path::new("/"), &full.key) };
    let from = Repository::on(Store::on(full.store.clone(), "from"), &blind).unwrap();
    let pack = full
        .keys()
        .await
        .into_iter()
        .find(|key| key.as_ref().contains("/files/data/"))
        .unwrap();
    full.store.delete(&pack).await.unwrap();
    let done = copy(&from, &to, &REMOVE, &|_| {}).await.unwrap();
    assert_eq!((done.removed, done.held_back.len()), (0, 1), "{done:#?}");
    assert!(done.held_back[0].contains("no age identity is configured"), "{done:#?}");
}

#[tokio::test]
async fn what_was_planted_in_the_copy_holds_nothing_back() {
    let full = Full::new().await;
    let (to, store) = empty(&full);
    copy(&full.repository, &to, &CopyOptions::default(), &|_| {}).await.unwrap();
    for key in [
        "clusters/management/history/t4294967295-base-18446744073709551615-00000000000000aa",
        "clusters/management/points/999999-20991231T000000.000Z-zzzz",
    ] {
        store.put(&Key::from(key), "planted".into()).await.unwrap();
    }
    full.repository.remove(&cluster(), &id(1)).await.unwrap();
    let done = removed(&full, &to).await;
    // The point that was let go of, with two parts, and the one that never was. Of the history nobody knows what it was.
    assert_eq!((done.removed, done.held_back.len()), (4, 1), "{done:#?}");
    assert!(done.held_back[0].contains("history/t4294967295"), "{done:#?}");
}
