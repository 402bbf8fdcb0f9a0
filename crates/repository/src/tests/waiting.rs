//! How a store is waited for: bounded in time and in number, and what is believed of it.

use super::odd::{Habit, Odd};
use super::*;
use crate::{Error, limits};
use futures::future::join_all;
use object_store::path::Path as Key;
use std::time::Duration;

fn store(habit: Habit) -> (Store, Arc<Odd>) {
    let odd = Odd::new();
    odd.becomes(habit);
    (Store::on(odd.clone(), "memory"), odd)
}

/// What `number` rivals hear who create one object, if all of them hear something in time.
async fn rivals(store: &Store, number: usize) -> Vec<Result<(), Error>> {
    let key = Key::from("contended");
    let rivals = (0..number).map(|n| store.create(&key, format!("rival {n}").into()));
    let late = limits::CALL + Duration::from_secs(1);
    tokio::time::timeout(late, join_all(rivals)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_silent_store_longer_than_a_call_takes() {
    let (store, odd) = store(Habit::Silent);
    let key = Key::from("x");
    let late = limits::CALL + Duration::from_secs(1);
    let error = tokio::time::timeout(late, store.get(&key)).await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "memory did not answer for x: no answer within 45 s");
    for outcome in rivals(&store, 100).await {
        assert!(matches!(outcome, Err(Error::Unreachable { .. })), "{outcome:?}");
    }
    assert_eq!(odd.most_at_once(), limits::REQUESTS);
}

#[tokio::test(start_paused = true)]
async fn rivals_at_a_slow_store_wait_in_order_and_one_wins() {
    let (store, odd) = store(Habit::Slow(Duration::from_secs(2)));
    let heard = rivals(&store, 100).await;
    assert_eq!(heard.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let lost = heard.iter().filter(|outcome| matches!(outcome, Err(Error::Taken { .. })));
    assert_eq!(lost.count(), 99);
    assert_eq!(odd.most_at_once(), limits::REQUESTS);
}

#[tokio::test(start_paused = true)]
async fn that_an_object_exists_is_believed_when_another_was_read_there() {
    let key = Key::from("x");
    let (store, odd) = store(Habit::SaysExists);
    let error = store.create(&key, "mine".into()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "memory did not answer for x: it says that the object exists, and then that it does not"
    );
    odd.becomes(Habit::SaysExistsAtFirst);
    store.create(&key, "mine".into()).await.unwrap();
    odd.becomes(Habit::SaysExists);
    store.create(&key, "mine".into()).await.unwrap();
    let taken = store.create(&key, "another's".into()).await;
    assert!(matches!(taken, Err(Error::Taken { .. })), "{taken:?}");
}

/// Two writers race for twenty numbers on a store of which a third of all requests fails, before or after they are done. Each
/// tries until it knows. What one is told to have written is there, and never does the other hear the same.
#[tokio::test(start_paused = true)]
async fn of_two_writers_at_a_failing_store_each_number_has_one() {
    for seed in 0..200 {
        let (store, odd) = store(Habit::FailsNowAndThen(seed));
        let writer = async |name: &str| {
            let mut won = Vec::new();
            for number in 0..20 {
                let (key, bytes) = (Key::from(format!("{number}")), format!("{name} {number}"));
                loop {
                    match store.create(&key, bytes.clone().into()).await {
                        Ok(()) => break won.push(number),
                        Err(Error::Taken { .. }) => break,
                        Err(Error::Unreachable { .. }) => {}
                        Err(other) => panic!("seed {seed}: {other}"),
                    }
                }
            }
            won
        };
        let (one, other) = futures::join!(writer("one"), writer("other"));
        odd.becomes(Habit::Honest);
        for number in 0..20 {
            let owner = store.get(&Key::from(format!("{number}"))).await.unwrap();
            let told = (one.contains(&number), other.contains(&number));
            let expected = (owner.starts_with(b"one"), owner.starts_with(b"other"));
            assert_eq!(told, expected, "seed {seed}, number {number}");
        }
    }
}

#[tokio::test]
async fn a_full_and_a_read_only_store_can_be_read() {
    let (store, odd) = store(Habit::Honest);
    let (key, new) = (Key::from("x"), Key::from("y"));
    store.put(&key, "1".into()).await.unwrap();
    odd.becomes(Habit::Full);
    let error = store.create(&new, "2".into()).await.unwrap_err();
    assert_eq!(error.to_string(), "memory did not answer for y: no storage space");
    assert_eq!(store.get(&key).await.unwrap(), "1");
    odd.becomes(Habit::ReadOnly);
    for refused in [
        store.create(&new, "2".into()).await,
        store.put(&key, "2".into()).await,
        store.delete(&key).await,
    ] {
        assert!(
            matches!(&refused, Err(Error::Refused { reason, .. }) if reason == "it is read-only"),
            "{refused:?}"
        );
    }
    assert_eq!(store.get(&key).await.unwrap(), "1");
}

#[tokio::test]
async fn a_list_has_sizes_and_times_and_may_be_late() {
    let (store, odd) = store(Habit::Honest);
    let begun = ambient::now();
    for (key, bytes) in [("a/2", "four"), ("a/1", ""), ("b", "x")] {
        store.put(&Key::from(key), bytes.into()).await.unwrap();
    }
    let listed = store.list_with_sizes(&Key::from("a")).await.unwrap();
    let shown: Vec<_> = listed.iter().map(|listed| (listed.key.as_ref(), listed.bytes)).collect();
    assert_eq!(shown, [("a/1", 0), ("a/2", 4)]);
    // A second apart at most: the store's clock is this machine's, shifted by nothing.
    assert!(
        listed
            .iter()
            .all(|listed| listed.written.duration_since(begun).abs().as_secs() < 60)
    );
    odd.becomes(Habit::ListsLate);
    store.put(&Key::from("a/3"), "x".into()).await.unwrap();
    assert_eq!(store.list(&Key::from("a")).await.unwrap().len(), 2);
    odd.becomes(Habit::Honest);
    assert_eq!(store.list(&Key::from("a")).await.unwrap().len(), 3);
}

#[tokio::test]
async fn what_was_not_synced_is_forgotten() {
    let (store, odd) = store(Habit::Honest);
    for key in ["kept", "deleted", "changed"] {
        store.put(&Key::from(key), "1".into()).await.unwrap();
    }
    odd.sync().await;
    store.put(&Key::from("changed"), "2".into()).await.unwrap();
    store.put(&Key::from("new"), "1".into()).await.unwrap();
    store.delete(&Key::from("deleted")).await.unwrap();
    odd.crash().await;
    let keys = ["changed", "deleted", "kept"].map(Key::from);
    assert_eq!(store.list(&Key::default()).await.unwrap(), keys);
    assert_eq!(store.get(&keys[0]).await.unwrap(), "1");
}

/// A store that only says that it has stored something is found out when the part's size is asked for, or what was created.
#[tokio::test]
async fn a_store_that_only_says_so_is_found_out() {
    let (store, odd) = store(Habit::OnlySays);
    store.create(&Key::from("x"), "1".into()).await.unwrap();
    assert!(matches!(store.get(&Key::from("x")).await, Err(Error::NotFound { .. })));
    let probed = opened_on(odd, &key()).probe().await.unwrap();
    assert!(!probed.sound(), "{probed:?}");
}
