//! Evidence: what writers say that they have seen, and who is believed.

use super::checking::Full;
use super::*;
use crate::{Error, Head, Memory, Seen, SeenPoint, Survey};
use object_store::ObjectStoreExt;
use object_store::path::Path as Key;

fn management() -> Scope {
    Scope::Cluster(cluster())
}

#[tokio::test]
async fn a_writer_tells_what_it_has_seen_and_everybody_hears_the_newest() {
    let (repository, _) = in_memory().await;
    store_point(&repository, &id(1), b"x").await;
    let first = repository.head(&management()).await.unwrap();
    assert_eq!(repository.tell(&management(), &first).await.unwrap(), 1);
    store_point(&repository, &id(2), b"y").await;
    let second = repository.head(&management()).await.unwrap();
    assert_eq!(repository.tell(&management(), &second).await.unwrap(), 2);
    let tellings = repository.told(&management()).await.unwrap();
    let [told] = &*tellings.told else {
        panic!("{tellings:?}")
    };
    assert_eq!((&*told.writer.to_string(), told.number, &told.head), ("main", 2, &second));
    assert!(tellings.refused.is_empty());
    let seen = &told.head.seen;
    assert_eq!((seen.keyring, told.head.writers), (1, 1));
    assert_eq!(seen.point.as_ref().unwrap().id, id(2));
    assert_eq!(seen.evidence, [("main".parse().unwrap(), 1)].into());
}

#[tokio::test]
async fn evidence_that_does_not_count_is_named_and_the_one_before_it_taken() {
    let (repository, store) = in_memory().await;
    let head = |n: u32| {
        let sha256 = n.to_string();
        let seen = Seen {
            point: Some(SeenPoint { id: id(n), sha256 }),
            ..Seen::default()
        };
        Head::new("2026-11-22T10:00:00Z".parse().unwrap(), 1, seen)
    };
    for n in 1..=2 {
        repository.tell(&management(), &head(n)).await.unwrap();
    }
    let at = |n: u64| Key::from(format!("clusters/management/evidence/main/{n:010}"));
    // An older statement, replayed as a newer one.
    store.copy(&at(1), &at(3)).await.unwrap();
    let tellings = repository.told(&management()).await.unwrap();
    assert_eq!((tellings.told[0].number, &tellings.told[0].head), (2, &head(2)));
    assert!(tellings.refused[at(3).as_ref()].contains("belongs elsewhere"), "{tellings:?}");
    // A sound one in another writer's name.
    let stolen = Key::from("clusters/management/evidence/other/0000000001");
    let body = serde_json::to_vec(&head(9)).unwrap();
    let text = repository.sign(&stolen, &body).await.unwrap();
    let sealed = repository.sealed(&stolen, 0, &text).await.unwrap();
    store.put(&stolen, sealed.into()).await.unwrap();
    let tellings = repository.told(&management()).await.unwrap();
    assert_eq!(tellings.told.len(), 1);
    assert!(
        tellings.refused[stolen.as_ref()].ends_with("is misplaced: it is evidence of main"),
        "{tellings:?}"
    );
}

/// A store that is set back to an earlier day contradicts whoever remembers, and the statements that it still has.
#[tokio::test]
async fn what_somebody_knows_and_is_not_there_is_behind() {
    let (key, store) = (key(), Arc::new(InMemory::new()));
    let repository = on(store.clone(), &key).await;
    let survey = async |memory: Option<&Memory>| repository.survey(&management(), memory).await.unwrap();
    store_point(&repository, &id(1), b"x").await;
    let early = store.fork();
    let first = survey(None).await;
    assert_eq!(first.head.seen.point.as_ref().unwrap().id, id(1));
    assert_eq!(first.behind, [].into());
    let (whose, root) = (repository.id().await.unwrap(), repository.root().await.unwrap());
    let mut memory = Memory::new(whose, root, first.head.at);
    memory.remember(&management(), &first.head);

    store_point(&repository, &id(2), b"y").await;
    let second = survey(Some(&memory)).await;
    assert_eq!(second.behind, [].into());
    memory.remember(&management(), &second.head);
    repository.tell(&management(), &second.head).await.unwrap();
    // An older point that is gone says nothing.
    repository.remove(&cluster(), &id(1)).await.unwrap();
    assert_eq!(survey(Some(&memory)).await.behind, [].into());

    // The newest is taken away, and the statement about it is left.
    repository.remove(&cluster(), &id(2)).await.unwrap();
    let point = format!("clusters/management/points/{}", id(2));
    let robbed = survey(None).await;
    assert_eq!(robbed.behind.keys().collect::<Vec<_>>(), [&point]);
    assert!(robbed.behind[&point].starts_with("evidence of main from "), "{robbed:?}");

    // Everything is as it was on an earlier day: only who remembers can tell, and goes on telling.
    let set_back = opened_on(Arc::new(early), &key);
    assert_eq!(set_back.survey(&management(), None).await.unwrap().behind, [].into());
    let told = set_back.survey(&management(), Some(&memory)).await.unwrap();
    assert_eq!(told.behind.len(), 1, "{told:?}");
    assert!(told.behind[&point].starts_with("the memory of "), "{told:?}");
    assert_eq!(told.head.seen, memory.scopes[&management()]);
    set_back.tell(&management(), &told.head).await.unwrap();
    let heard = set_back.survey(&management(), None).await.unwrap();
    assert!(heard.behind.contains_key(&point), "{heard:?}");

    // What another look finds was only not listed.
    let calm = Survey { behind: [].into(), ..heard.clone() };
    assert_eq!(heard.clone().confirmed_by(calm).behind, [].into());
    assert_eq!(heard.clone().confirmed_by(heard.clone()), heard);
}

#[tokio::test]
async fn what_was_planted_as_the_newest_is_not_told_of() {
    let full = Full::new().await;
    let before = [
        full.repository.head(&management()).await.unwrap(),
        full.repository.head(&Scope::Shared).await.unwrap(),
    ];
    for key in [
        "clusters/management/history/t4294967295-base-18446744073709551615-00000000000000aa",
        "clusters/management/points/999999-20991231T000000.000Z-zzzz",
        "clusters/management/keys/9999999999",
        "clusters/management/evidence/main/9999999999",
        "clusters/management/leases/owner/9999999999",
        "shared/kit/9999999999",
        "shared/runs/0000000001/9999999999",
        "shared/runs/9999999999/0000000000",
        "shared/writers/9999999999",
    ] {
        full.put(&Key::from(key), b"lbseal\0\x02").await;
    }
    // A sound one, under a name that is not its own.
    let (point, moved) = (id(2), id(3));
    let sealed = full.bytes(&Key::from(format!("clusters/management/points/{point}"))).await;
    full.put(&Key::from(format!("clusters/management/points/{moved}")), &sealed)
        .await;
    for (scope, before) in [management(), Scope::Shared].iter().zip(&before) {
        let head = full.anew().head(scope).await.unwrap();
        assert_eq!((head.writers, &head.seen), (before.writers, &before.seen), "{scope}");
    }
}

#[tokio::test]
async fn who_is_no_writer_of_a_scope_tells_nothing() {
    let (key, stranger, store) = (key(), key(), Arc::new(InMemory::new()));
    let repository = on(store.clone(), &key).await;
    let head = repository.head(&Scope::Shared).await.unwrap();
    let settings = |signer: Option<String>| Settings { signer, ..settings(Path::new("/"), &key) };
    let open = |signer| Repository::on(Store::on(store.clone(), "memory"), &settings(signer)).unwrap();
    let error = open(Some(stranger.signer)).tell(&Scope::Shared, &head).await.unwrap_err();
    assert!(
        matches!(&error, Error::Untrusted { object, .. } if object == "what is signed in shared"),
        "{error}"
    );
    let error = open(None).tell(&Scope::Shared, &head).await.unwrap_err();
    assert!(matches!(error, Error::NoSigner { .. }), "{error}");
}

#[tokio::test]
async fn old_evidence_goes() {
    let (repository, _) = in_memory().await;
    let head = Head::new("2026-11-22T10:00:00Z".parse().unwrap(), 1, Seen::default());
    for _ in 0..103 {
        repository.tell(&Scope::Shared, &head).await.unwrap();
    }
    let left = repository.shared.store.list(&Key::from("shared/evidence/main")).await.unwrap();
    assert_eq!((left.len(), left[0].filename()), (100, Some("0000000004")));
}

#[tokio::test]
async fn what_is_planted_at_the_end_of_all_numbers_silences_nobody() {
    let (repository, store) = in_memory().await;
    let head = Head::new("2026-11-22T10:00:00Z".parse().unwrap(), 1, Seen::default());
    assert_eq!(repository.tell(&Scope::Shared, &head).await.unwrap(), 1);
    for number in [2_u64, 9_999_999_999] {
        let at = Key::from(format!("shared/evidence/main/{number:010}"));
        store.put(&at, "planted".into()).await.unwrap();
    }
    for number in 3..=5 {
        assert_eq!(repository.tell(&Scope::Shared, &head).await.unwrap(), number);
    }
    assert_eq!(repository.told(&Scope::Shared).await.unwrap().told[0].number, 5);
}

#[test]
fn the_next_number_is_the_first_that_is_free_after_what_is_sound() {
    let next = |numbers: &[u64], sound| {
        let numbers: Vec<_> = numbers.iter().map(|it| (Key::from("x"), *it)).collect();
        crate::numbers::next(&numbers, sound)
    };
    assert_eq!(next(&[], None), 1);
    assert_eq!(next(&[3, 2, 1], Some(3)), 4);
    assert_eq!(next(&[9_999_999_999, 5, 4, 3], Some(3)), 6);
    // Nothing counts any more, as when its writer has another key: it goes on behind, and not behind what was planted.
    assert_eq!(next(&[9_999_999_999, 5, 4, 3], None), 6);
    assert_eq!(next(&[9_999_999_999], None), 1);
}
