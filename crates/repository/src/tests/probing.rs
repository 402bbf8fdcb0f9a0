//! The probe: each lie of a store has a check that names it.

use super::odd::{Habit, Odd};
use super::*;
use crate::{Error, Probed};
use estate::Kind;
use futures::StreamExt;

async fn probed(habit: Habit) -> (Result<Probed, Error>, Arc<Odd>) {
    let store = Odd::new();
    store.becomes(habit);
    (opened_on(store.clone(), &key()).probe().await, store)
}

#[tokio::test]
async fn each_lie_fails_its_check() {
    for (habit, failing) in [
        (Habit::Honest, &[][..]),
        (
            Habit::IgnoresConditions,
            &[
                "of several who create an object at once, exactly one wins",
                "an object that exists cannot be created",
            ],
        ),
        (Habit::ListsLate, &["an object that was written is listed"]),
        (Habit::HidesLists, &["an object that was written is listed"]),
        (Habit::CutsPuts, &["an object that was written is read as it was written"]),
        (
            Habit::Keeps,
            &[
                "an object that was deleted is gone",
                "an object that was deleted can be created",
            ],
        ),
    ] {
        let probed = probed(habit).await.0.unwrap();
        let found: Vec<_> = probed.failing().map(|check| check.what).collect();
        assert_eq!(found, failing, "{habit:?}: {probed:?}");
        assert_eq!(probed.sound(), failing.is_empty());
        assert_eq!(probed.checks.len(), 6);
    }
}

#[tokio::test]
async fn a_probe_leaves_nothing() {
    let (outcome, store) = probed(Habit::Honest).await;
    outcome.unwrap();
    assert_eq!(store.inner.list(None).count().await, 0);
}

#[tokio::test]
async fn a_store_that_does_not_answer_fails_no_check() {
    let error = probed(Habit::Down).await.0.unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
    assert!(error.to_string().starts_with("memory did not answer for probe/"), "{error}");
}

/// Of rivals who hear nothing one may have won: that is no lie, and the store is judged by the rest.
#[tokio::test(start_paused = true)]
async fn lost_answers_are_not_held_against_a_store() {
    let mut judged = 0;
    for seed in 0..400 {
        match probed(Habit::FailsNowAndThen(seed)).await.0 {
            Ok(probed) => {
                assert!(probed.sound(), "{seed}: {probed:?}");
                judged += 1;
            }
            Err(Error::Unreachable { .. }) => {}
            Err(other) => panic!("{seed}: {other}"),
        }
    }
    assert!(judged > 0);
    let (outcome, _) = probed(Habit::SaysExists).await;
    assert!(matches!(outcome, Err(Error::Unreachable { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_directory_is_as_sound_as_its_file_system() {
    let place = tempfile::tempdir().unwrap();
    let repository = Repository::open(settings(place.path(), &key())).unwrap();
    let probed = repository.probe().await.unwrap();
    assert!(probed.sound(), "{probed:?}");
    assert!(!probed.slowest.is_zero());
    assert_eq!(place.path().read_dir().unwrap().count(), 0);
}

#[tokio::test]
async fn each_right_is_tried_by_itself() {
    for (habit, said, all) in [
        (Habit::Honest, "it may list, read, create and delete", true),
        (Habit::ReadOnly, "it may list and read, but not create", false),
        (Habit::RefusesDeletes, "it may list, read and create, but not delete", false),
    ] {
        let store = Odd::new();
        store.becomes(habit);
        let repository = opened_on(store.clone(), &key());
        // Twice, since what may not be deleted is still there the second time.
        for _ in 0..2 {
            let rights = repository.rights().await.unwrap();
            assert_eq!((rights.to_string().as_str(), rights.are_all()), (said, all), "{habit:?}");
            let refused = rights.refused().count();
            assert_eq!(refused, usize::from(!all), "{rights:?}");
        }
        let left = usize::from(habit == Habit::RefusesDeletes);
        assert_eq!(store.inner.list(None).count().await, left, "{habit:?}");
    }
    let store = Odd::new();
    store.becomes(Habit::Down);
    let error = opened_on(store, &key()).rights().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
}
