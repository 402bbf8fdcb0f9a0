//! Copies: complete, resumable after any operation, and at every moment a repository that opens.

mod broken_off;
mod following;

use super::checking::{Full, kit, store_two_parts};
use super::*;
use crate::{CheckOptions, CopyOptions, Error, copy};
use object_store::ObjectStoreExt;
use object_store::path::Path as Key;

fn empty(full: &Full) -> (Repository, Arc<InMemory>) {
    let store = Arc::new(InMemory::new());
    (opened_on(store.clone(), &full.key), store)
}

#[tokio::test]
async fn a_copy_has_everything_but_leases_and_strangers() {
    let full = Full::new().await;
    full.put(&Key::from("notes.txt"), b"x").await;
    full.put(&Key::from("clusters/management/files/config"), b"settings").await;
    full.put(&Key::from("clusters/management/files/data/ab/abcd"), b"pack").await;
    full.put(&Key::from("clusters/management/files/locks/1"), b"lock").await;
    store_part(&full.repository, &id(9), b"early").await;
    let (to, _) = empty(&full);
    let done = copy(&full.repository, &to, &CopyOptions::default(), &|_| {}).await.unwrap();
    assert!(to.is_copy().await.unwrap());
    assert_eq!(to.id().await.unwrap(), full.repository.id().await.unwrap());
    let left_out = |key: &Key| {
        let text = key.to_string();
        text.contains("/leases/") || text.contains("/locks/") || text == "notes.txt" || text.contains(id(9).as_str())
    };
    let mut wanted = full.keys().await;
    wanted.retain(|key| !left_out(key));
    assert_eq!(to.shared.store.list(&Key::default()).await.unwrap(), wanted);
    assert_eq!(done.objects, wanted.len() as u64 - 1);
    for key in wanted.iter().filter(|key| key.as_ref() != "lifeboat.json") {
        assert_eq!(to.shared.store.get(key).await.unwrap(), full.bytes(key).await, "{key}");
    }
    let report = to.check(&CheckOptions::default(), &|_| {}).await.unwrap();
    // Evidence speaks of leases, and a copy has none: that is no harm to it.
    assert!(report.sound(), "{:#?}", report.faults);

    // Again: nothing to do. More: only that.
    let again = copy(&full.repository, &to, &CopyOptions::default(), &|_| {}).await.unwrap();
    assert_eq!((again.objects, again.there), (0, done.objects));
    store_two_parts(&full.repository, &id(3), [b"three", b""]).await;
    let more = copy(&full.repository, &to, &CopyOptions::default(), &|_| {}).await.unwrap();
    assert_eq!((more.objects, more.there), (3, done.objects));
    // restic's settings may be written over.
    full.put(&Key::from("clusters/management/files/config"), b"other settings")
        .await;
    let changed = copy(&full.repository, &to, &CopyOptions::default(), &|_| {}).await.unwrap();
    assert_eq!((changed.objects, changed.differing.len()), (1, 0));
}

#[tokio::test]
async fn a_copy_needs_no_key() {
    let full = Full::new().await;
    let blind = Settings {
        identity: None,
        signer: None,
        ..settings(Path::new("/"), &full.key)
    };
    let from = Repository::on(Store::on(full.store.clone(), "from"), &blind).unwrap();
    let to = Arc::new(InMemory::new());
    copy(
        &from,
        &Repository::on(Store::on(to.clone(), "to"), &blind).unwrap(),
        &CopyOptions::default(),
        &|_| {},
    )
    .await
    .unwrap();
    let report = opened_on(to, &full.key).check(&CheckOptions::default(), &|_| {}).await.unwrap();
    assert!(report.sound(), "{:#?}", report.faults);
}

#[tokio::test]
async fn objects_of_many_pieces_are_copied_whole() {
    let full = Full::new().await;
    let big = content((11 << 20) + 5);
    let point = store_point(&full.repository, &id(5), &big).await;
    let (to, _) = empty(&full);
    let seen = std::sync::Mutex::new(Vec::new());
    copy(&full.repository, &to, &CopyOptions::default(), &|progress| {
        seen.lock().unwrap().push(progress)
    })
    .await
    .unwrap();
    let last = *seen.lock().unwrap().last().unwrap();
    assert_eq!((last.objects, last.bytes), (last.of_objects, last.of_bytes));
    let files = Files::new();
    to.fetch(&cluster(), &point, "etcd", &files.at("x")).await.unwrap();
    assert!(std::fs::read(files.at("x")).unwrap() == big);
}

#[tokio::test]
async fn what_differs_is_named_and_not_touched() {
    let full = Full::new().await;
    let (to, store) = empty(&full);
    copy(&full.repository, &to, &CopyOptions::default(), &|_| {}).await.unwrap();
    let (longer, changed) = (Key::from("shared/kit/0000000001"), Key::from("shared/kit/0000000002"));
    store.put(&longer, b"x".to_vec().into()).await.unwrap();
    let mut bytes = full.bytes(&changed).await;
    bytes[80] ^= 1;
    store.put(&changed, bytes.into()).await.unwrap();
    let by_length = copy(&full.repository, &to, &CopyOptions::default(), &|_| {}).await.unwrap();
    assert_eq!(by_length.differing, [longer.to_string()]);
    let verify = CopyOptions { verify: true, ..CopyOptions::default() };
    let by_bytes = copy(&full.repository, &to, &verify, &|_| {}).await.unwrap();
    assert_eq!(by_bytes.differing, [longer.to_string(), changed.to_string()]);
}

#[tokio::test]
async fn only_a_copy_of_the_same_repository_is_written_to() {
    let (full, other) = (Full::new().await, Full::new().await);
    let error = copy(&full.repository, &full.anew(), &CopyOptions::default(), &|_| {})
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "memory cannot be stored: it is no copy: it is the repository itself, which is mended by a repair"
    );
    let error = copy(&full.repository, &other.repository, &CopyOptions::default(), &|_| {})
        .await
        .unwrap_err();
    assert!(matches!(error, Error::OtherRoot { .. } | Error::Invalid { .. }), "{error}");
}

#[tokio::test]
async fn what_was_removed_goes_when_asked_and_not_when_from_was_set_back() {
    let full = Full::new().await;
    let (to, _) = empty(&full);
    copy(&full.repository, &to, &CopyOptions::default(), &|_| {}).await.unwrap();
    full.repository.remove(&cluster(), &id(1)).await.unwrap();
    full.repository
        .rewrap(&full.key.root(), &Scope::Shared, vec![full.key.recipient("safe")], false)
        .await
        .unwrap();
    let kept = copy(&full.repository, &to, &CopyOptions::default(), &|_| {}).await.unwrap();
    assert_eq!(kept.removed, 0);
    let remove = CopyOptions { remove: true, ..CopyOptions::default() };
    let removed = copy(&full.repository, &to, &remove, &|_| {}).await.unwrap();
    // A manifest, two parts, a keyring.
    assert_eq!((removed.removed, removed.held_back.len()), (4, 0));
    assert_eq!(to.points(&cluster()).await.unwrap().points, [id(2)]);

    // The newest is gone from FROM: the copy is what is left of it.
    full.repository.remove(&cluster(), &id(2)).await.unwrap();
    let held = copy(&full.repository, &to, &remove, &|_| {}).await.unwrap();
    assert_eq!(held.removed, 0);
    assert_eq!(
        held.held_back,
        [format!(
            "clusters/management: the copy has point {}, and FROM does not",
            id(2)
        )]
    );
    assert_eq!(to.points(&cluster()).await.unwrap().points, [id(2)]);
}
