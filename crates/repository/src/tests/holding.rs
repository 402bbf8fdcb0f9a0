//! Points that are held: they stay, in the repository and in its copies, until they are released.

use super::odd::{Habit, Odd};
use super::*;
use crate::store::Store;
use crate::{
    CheckOptions, CopyOptions, Error, Flaw, Held, Hold, HoldState, Pruning, Retention, Severity, Sightings, copy,
};
use estate::{Keep, Kind};
use object_store::path::Path as Key;
use object_store::{ObjectStoreExt, PutPayload};
use std::time::Duration;

/// Of the points only the newest stays.
fn pruning() -> Pruning {
    let keep = Keep {
        last: 1,
        within: Duration::ZERO,
        hourly: 0,
        daily: 0,
        weekly: 0,
        monthly: 0,
        yearly: 0,
    };
    let retention = Retention { keep, ..Retention::default() };
    Pruning { clusters: [(cluster(), retention)].into(), shared: false }
}

async fn prune(repository: &Repository) -> Vec<PointId> {
    let now = "2026-11-23T10:00:00Z".parse().unwrap();
    let plan = repository
        .prune_plan_at(&pruning(), &mut Sightings::default(), now)
        .await
        .unwrap();
    repository.prune(&plan, |_| {}).await.unwrap();
    repository.points(&cluster()).await.unwrap().points
}

async fn with_points(repository: &Repository, minutes: &[u32]) {
    for minute in minutes {
        store_point(repository, &id(*minute), b"x").await;
    }
}

fn record(minute: u32, number: u64) -> Key {
    Key::from(format!("clusters/management/holds/{}/{number:010}", id(minute)))
}

async fn held(repository: &Repository) -> Vec<(PointId, Held)> {
    repository.held(&cluster()).await.unwrap().into_iter().collect()
}

#[tokio::test]
async fn a_point_stays_from_hold_to_release_and_who_did_so_when_is_kept() {
    let (repository, store) = in_memory().await;
    with_points(&repository, &[1, 2, 3]).await;
    let (hold, is_new) = repository.hold(&cluster(), &id(1), Some("before upgrade")).await.unwrap();
    assert_eq!((hold.by.as_str(), hold.reason.as_deref(), is_new), ("main", Some("before upgrade"), true));
    assert_eq!(held(&repository).await, [(id(1), Held::By(hold.clone()))]);
    assert_eq!(prune(&repository).await, [id(3), id(1)]);

    // Again: nothing new, but for another reason.
    for reason in [None, Some("before upgrade")] {
        let again = repository.hold(&cluster(), &id(1), reason).await.unwrap();
        assert_eq!(again, (hold.clone(), false));
    }
    let (other, is_new) = repository.hold(&cluster(), &id(1), Some("audit")).await.unwrap();
    assert_eq!((other.reason.as_deref(), is_new), (Some("audit"), true));

    assert_eq!(repository.release(&cluster(), &id(1)).await.unwrap(), Held::By(other));
    assert_eq!(held(&repository).await, []);
    let error = repository.release(&cluster(), &id(1)).await.unwrap_err();
    let told = format!("point {} of management is not held: it was released by main at ", id(1));
    assert!(error.to_string().starts_with(&told), "{error}");
    assert_eq!(prune(&repository).await, [id(3)]);
    // Held, held for another reason, released: nothing of that goes.
    for number in 1..=3 {
        assert!(store.head(&record(1, number)).await.is_ok());
    }
}

#[tokio::test]
async fn what_cannot_be_held_or_released_is_said() {
    let (repository, _) = in_memory().await;
    with_points(&repository, &[1]).await;
    let error = repository.hold(&cluster(), &id(2), None).await.unwrap_err();
    assert_eq!(error.to_string(), format!("clusters/management/points/{} is not in memory", id(2)));
    let error = repository.release(&cluster(), &id(1)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("point {} of management is not held", id(1)));
    assert_eq!(error.kind(), Kind::Invalid);
    let error = repository.hold(&cluster(), &id(1), Some(&"x".repeat(201))).await.unwrap_err();
    assert!(error.to_string().ends_with("the reason has 201 bytes, and 200 are the most"), "{error}");
}

#[tokio::test]
async fn nobody_holds_who_may_not_sign() {
    let (key, stranger, store) = (key(), key(), Arc::new(InMemory::new()));
    let repository = on(store.clone(), &key).await;
    with_points(&repository, &[1]).await;
    let with = |signer: Option<String>| {
        let settings = Settings { signer, ..settings(Path::new("/"), &key) };
        Repository::on(Store::on(store.clone(), "memory"), &settings).unwrap()
    };
    for (other, kind) in [
        (with(None), "NoSigner"),
        (with(Some(stranger.signer.clone())), "Untrusted"),
    ] {
        let errors = [
            other.hold(&cluster(), &id(1), None).await.unwrap_err(),
            other.release(&cluster(), &id(1)).await.unwrap_err(),
        ];
        assert!(errors.iter().all(|it| format!("{it:?}").starts_with(kind)), "{errors:?}");
    }
    assert_eq!(held(&repository).await, []);
}

/// Nothing is ever removed, so that a store that lets nobody remove anything is no worse.
#[tokio::test]
async fn a_store_that_keeps_all_carries_releases_and_one_that_takes_nothing_says_so() {
    let store = Odd::new();
    let repository = on(store.clone(), &key()).await;
    with_points(&repository, &[1, 2]).await;
    store.becomes(Habit::Keeps);
    repository.hold(&cluster(), &id(1), None).await.unwrap();
    repository.release(&cluster(), &id(1)).await.unwrap();
    assert_eq!(held(&repository).await, []);
    store.becomes(Habit::ReadOnly);
    let error = repository.hold(&cluster(), &id(1), None).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    store.becomes(Habit::Down);
    let error = repository.hold(&cluster(), &id(1), None).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
    store.becomes(Habit::LosesAnswers);
    let error = repository.hold(&cluster(), &id(1), None).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
    store.becomes(Habit::Honest);
    assert!(!repository.hold(&cluster(), &id(1), None).await.unwrap().1);
    assert_eq!(held(&repository).await.len(), 1);
}

#[tokio::test]
async fn whatever_fails_now_and_then_the_answer_is_true() {
    for seed in 0..40 {
        let store = Odd::new();
        let repository = on(store.clone(), &key()).await;
        with_points(&repository, &[1, 2]).await;
        store.becomes(Habit::FailsNowAndThen(seed));
        let done = repository.hold(&cluster(), &id(1), None).await;
        store.becomes(Habit::Honest);
        // What is said to be held is; what is said to have failed can be asked for again.
        assert!(done.is_err() || held(&repository).await.len() == 1, "{seed}: {done:?}");
        repository.hold(&cluster(), &id(1), None).await.unwrap();
        assert_eq!(prune(&repository).await, [id(2), id(1)], "{seed}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_a_hold_until_a_person_releases_it() {
    let (repository, store) = in_memory().await;
    with_points(&repository, &[1, 2]).await;
    repository.hold(&cluster(), &id(1), None).await.unwrap();
    let first = store.get(&record(1, 1)).await.unwrap().bytes().await.unwrap();
    // A hold that was harmed, one of another point, and one of another number.
    for planted in [PutPayload::from("planted"), first.clone().into()] {
        store.put(&record(1, 1), "harmed".into()).await.unwrap();
        store.put(&record(1, 7), planted).await.unwrap();
        let all = held(&repository).await;
        assert!(matches!(&*all, [(_, Held::Unsound(reason))] if reason.contains("0000000007")), "{all:?}");
        assert_eq!(prune(&repository).await, [id(2), id(1)]);
        repository.release(&cluster(), &id(1)).await.unwrap();
        assert_eq!(held(&repository).await, []);
        store.delete(&record(1, 8)).await.unwrap();
    }
    // Behind the last of all numbers nobody can write.
    store.put(&record(1, 9_999_999_999), "planted".into()).await.unwrap();
    let error = repository.release(&cluster(), &id(1)).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("{} is damaged", record(1, 9_999_999_999))),
        "{error}"
    );
    let (hold, _) = repository.hold(&cluster(), &id(2), None).await.unwrap();
    assert_eq!(hold.state, HoldState::Held);
}

#[tokio::test]
async fn a_plan_that_was_made_before_the_hold_removes_nothing_of_the_point() {
    let (repository, _) = in_memory().await;
    with_points(&repository, &[1, 2, 3]).await;
    let now = "2026-11-23T10:00:00Z".parse().unwrap();
    let plan = repository
        .prune_plan_at(&pruning(), &mut Sightings::default(), now)
        .await
        .unwrap();
    repository.hold(&cluster(), &id(1), None).await.unwrap();
    let removed = repository.prune(&plan, |_| {}).await.unwrap();
    assert_eq!(removed.held, [id(1)]);
    assert!(removed.to_string().ends_with(&format!("{} stays: it is held by now", id(1))), "{removed}");
    assert_eq!(repository.points(&cluster()).await.unwrap().points, [id(3), id(1)]);
}

#[tokio::test]
async fn a_held_point_that_is_gone_is_named_and_comes_back_from_a_copy() {
    let key = key();
    let (store, there) = (Arc::new(InMemory::new()), Arc::new(InMemory::new()));
    let (repository, to) = (on(store.clone(), &key).await, opened_on(there.clone(), &key));
    with_points(&repository, &[1, 2, 3]).await;
    for minute in [1, 2] {
        repository.hold(&cluster(), &id(minute), Some("audit")).await.unwrap();
    }
    let options = CopyOptions { remove: true, ..CopyOptions::default() };
    copy(&repository, &to, &options, &|_| {}).await.unwrap();
    assert_eq!(held(&to).await, held(&repository).await);
    let error = to.hold(&cluster(), &id(3), None).await.unwrap_err();
    assert!(error.to_string().contains("is a copy, which holds what its repository holds"), "{error}");

    repository.release(&cluster(), &id(1)).await.unwrap();
    for minute in [1, 2] {
        repository.remove(&cluster(), &id(minute)).await.unwrap();
    }
    // What was released was let go of; what is held was lost.
    let done = copy(&repository, &to, &options, &|_| {}).await.unwrap();
    assert_eq!((done.removed, done.held_back.len()), (2, 1), "{done:#?}");
    assert!(done.held_back[0].contains("its point is held by main at "), "{done:#?}");
    assert_eq!(to.points(&cluster()).await.unwrap().points, [id(3), id(2)]);

    let report = repository.check(&CheckOptions::default(), &|_| {}).await.unwrap();
    let lost: Vec<_> = report.faults.iter().filter(|it| it.severity == Severity::Damage).collect();
    assert_eq!((lost.len(), lost[0].flaw), (1, Flaw::Missing), "{lost:#?}");
    assert_eq!(lost[0].object, format!("clusters/management/points/{}", id(2)));
    let plan = repository.plan_repair(&to, &report).await.unwrap();
    repository.repair(&to, &plan, false).await.unwrap();
    assert_eq!(repository.points(&cluster()).await.unwrap().points, [id(3), id(2)]);

    // Who cannot open the records removes nothing that was ever held.
    let blind = Settings { identity: None, ..settings(Path::new("/"), &key) };
    let blind = [&store, &there].map(|it| Repository::on(Store::on(it.clone(), "memory"), &blind).unwrap());
    repository.release(&cluster(), &id(2)).await.unwrap();
    repository.remove(&cluster(), &id(2)).await.unwrap();
    let done = copy(&blind[0], &blind[1], &options, &|_| {}).await.unwrap();
    assert_eq!((done.removed, done.held_back.len()), (0, 1), "{done:#?}");
    assert!(done.held_back[0].contains("whether its point is still held is not known"), "{done:#?}");
    let done = copy(&repository, &to, &options, &|_| {}).await.unwrap();
    assert_eq!((done.removed, done.held_back.len()), (2, 0), "{done:#?}");
}

#[tokio::test]
async fn the_parts_of_a_held_point_wait_for_its_manifest() {
    let store = clocked::Clocked::new("2026-11-22T10:00:00Z");
    let repository = on(store.clone(), &key()).await;
    with_points(&repository, &[1, 2]).await;
    let Hold { by, .. } = repository.hold(&cluster(), &id(1), None).await.unwrap().0;
    assert_eq!(by.as_str(), "main");
    let manifest = Key::from(format!("clusters/management/points/{}", id(1)));
    repository.shared.store.delete(&manifest).await.unwrap();
    store.pass(300);
    store.write("probe/young/object", "a probe of now").await;
    let planned = async || {
        let pruning = Pruning { shared: true, ..pruning() };
        let plan = repository
            .prune_plan_at(&pruning, &mut Sightings::default(), store.now())
            .await
            .unwrap();
        (plan.removals.len(), plan.waiting.len())
    };
    assert_eq!(planned().await, (0, 1));
    repository.release(&cluster(), &id(1)).await.unwrap();
    assert_eq!(planned().await, (1, 0));
}
