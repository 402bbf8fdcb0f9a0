//! Copies: complete, resumable after any operation, and at every moment a repository that opens.

mod broken_off;
mod following;
mod removing;

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

/// Whoever can write to FROM cuts off what restic needs to open anything at all: the copy keeps its own.
#[tokio::test]
async fn the_keys_and_the_settings_of_files_are_never_lost_to_what_from_has() {
    let full = Full::new().await;
    assert!(full.repository.files(&cluster()).await.unwrap().init().await.unwrap());
    let (to, store) = empty(&full);
    copy(&full.repository, &to, &CopyOptions::default(), &|_| {}).await.unwrap();
    let below = Key::from("clusters/management/files");
    let keys = to.shared.store.list(&below).await.unwrap();
    let [config, key] = &*keys else { panic!("{keys:?}") };
    let (settings, secret) = (full.bytes(config).await, full.bytes(key).await);
    let asked = CopyOptions { files_config: true, ..CopyOptions::default() };

    for harmed in [config, key] {
        let whole = full.bytes(harmed).await;
        full.put(harmed, &whole[..whole.len() - 1]).await;
        for options in [CopyOptions::default(), asked] {
            let done = copy(&full.anew(), &to, &options, &|_| {}).await.unwrap();
            assert_eq!((done.objects, &*done.differing), (0, &[harmed.to_string()][..]));
        }
        full.put(harmed, &whole).await;
    }
    assert_eq!(to.shared.store.get(config).await.unwrap(), settings);
    assert_eq!(to.shared.store.get(key).await.unwrap(), secret);

    // The copy's settings are what is harmed: they come back when that is asked for, and not before.
    store.put(config, b"harmed".to_vec().into()).await.unwrap();
    let told = copy(&full.anew(), &to, &CopyOptions::default(), &|_| {}).await.unwrap();
    assert_eq!(told.differing, [config.to_string()]);
    let done = copy(&full.anew(), &to, &asked, &|_| {}).await.unwrap();
    assert_eq!((done.objects, done.differing.len()), (1, 0));
    assert_eq!(to.shared.store.get(config).await.unwrap(), settings);
    to.files(&cluster()).await.unwrap().open().await.unwrap();

    // Made anew in FROM, under another key: nothing that the copy has would open with those settings.
    full.store.delete(config).await.unwrap();
    full.store.delete(key).await.unwrap();
    assert!(full.anew().files(&cluster()).await.unwrap().init().await.unwrap());
    full.put(config, b"shorter").await;
    let other = copy(&full.anew(), &to, &asked, &|_| {}).await.unwrap();
    assert_eq!(other.differing, [config.to_string()]);
    assert_eq!(to.shared.store.get(config).await.unwrap(), settings);
}

#[tokio::test]
async fn what_the_root_did_not_sign_is_not_carried() {
    let full = Full::new().await;
    let planted = ["clusters/management/keys/9999999999", "shared/writers/0000000002"].map(Key::from);
    for key in &planted {
        full.put(key, b"planted").await;
    }
    let (to, _) = empty(&full);
    let done = copy(&full.anew(), &to, &CopyOptions::default(), &|_| {}).await.unwrap();
    assert_eq!(done.unsigned, planted.each_ref().map(ToString::to_string));
    for key in &planted {
        assert!(to.shared.store.size(key).await.is_err(), "{key}");
    }
    let report = to.check(&CheckOptions::default(), &|_| {}).await.unwrap();
    assert!(report.sound(), "{:#?}", report.faults);
}

/// What no key is needed for to see that it is harmed.
#[tokio::test]
async fn what_cannot_be_whole_is_not_copied_and_takes_nothing_away() {
    let full = Full::new().await;
    let (to, _) = empty(&full);
    copy(&full.repository, &to, &CopyOptions::default(), &|_| {}).await.unwrap();
    let old = Key::from("shared/kit/0000000001");
    let good = full.bytes(&old).await;
    full.put(&old, &good[..good.len() / 2][..40]).await;
    let point = store_point(&full.repository, &id(5), &content((11 << 20) + 5)).await;
    let part = crate::layout::part(&cluster(), &point.id, &point.parts[0].name.parse().unwrap());
    let mut big = full.bytes(&part).await.to_vec();
    big[0] ^= 1;
    full.put(&part, &big).await;
    let history = Key::from("clusters/management/history/t1-base-7");
    full.put(&history, b"").await;
    let done = copy(&full.repository, &to, &CopyOptions::default(), &|_| {}).await.unwrap();
    let damaged: Vec<_> = done.damaged.iter().map(|(key, why)| (key.as_str(), why.as_str())).collect();
    assert_eq!(
        damaged,
        [
            (history.as_ref(), "it is empty"),
            (part.as_ref(), "it was not sealed by Lifeboat"),
            (old.as_ref(), "it is cut off"),
        ]
    );
    assert!(done.differing.is_empty(), "{done:#?}");
    assert_eq!(to.shared.store.get(&old).await.unwrap(), good);
    let listed = to.shared.store.list(&Key::default()).await.unwrap();
    assert!(!listed.contains(&part) && !listed.contains(&history));
}

#[tokio::test]
async fn only_a_copy_of_the_same_repository_is_written_to() {
    let (full, other) = (Full::new().await, Full::new().await);
    let error = copy(&full.repository, &full.anew(), &CopyOptions::default(), &|_| {})
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the repository's copy cannot be used: memory is no copy: it is the repository itself, which is mended by a repair"
    );
    let error = copy(&full.repository, &other.repository, &CopyOptions::default(), &|_| {})
        .await
        .unwrap_err();
    assert!(matches!(error, Error::OtherRoot { .. } | Error::Settings { .. }), "{error}");
}

#[tokio::test]
async fn a_copy_that_has_lost_its_marker_is_told_from_another_repository() {
    let (full, other) = (Full::new().await, Full::new().await);
    let (to, store) = empty(&full);
    copy(&full.repository, &to, &CopyOptions::default(), &|_| {}).await.unwrap();
    store.delete(&Key::from("lifeboat.json")).await.unwrap();
    let blind = |full: &Full, store: &Arc<InMemory>| {
        let unpinned = Settings { root: None, ..settings(Path::new("/"), &full.key) };
        Repository::on(Store::on(store.clone(), "to"), &unpinned).unwrap()
    };
    let error = copy(&other.repository, &blind(&other, &store), &CopyOptions::default(), &|_| {})
        .await
        .unwrap_err();
    assert!(error.to_string().contains("of another repository"), "{error}");
    let again = opened_on(store, &full.key);
    let done = copy(&full.repository, &again, &CopyOptions::default(), &|_| {}).await.unwrap();
    assert_eq!((done.objects, done.differing.len()), (0, 0));
    assert!(again.is_copy().await.unwrap());
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
