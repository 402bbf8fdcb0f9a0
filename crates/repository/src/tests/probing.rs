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
