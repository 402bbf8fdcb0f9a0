//! A copy that never ends, and what it says of itself.

use super::*;
use crate::copy::lag;
use crate::store::Listed;
use crate::{Followed, Lag, follow};
use futures::channel::oneshot;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

#[test]
fn the_lag_is_the_age_of_the_oldest_object_that_is_not_copied() {
    let at = |second: i64| jiff::Timestamp::from_second(second).unwrap();
    let listed = |key: &str, second| Listed { key: Key::from(key), bytes: 10, written: at(second) };
    let all = [listed("a", 100), listed("b", 150), listed("c", 170)];
    let there = |keys: &[&str]| keys.iter().map(|key| (Key::from(*key), 10)).collect::<BTreeMap<_, _>>();
    let of = |keys: &[&str]| lag(all.iter(), &there(keys), at(180));
    assert_eq!(of(&["a"]), Lag { seconds: 30, bytes: 20, objects: 2 });
    assert_eq!(of(&["a", "b", "c"]), Lag::default());
    // A store whose clock goes ahead: no lag is negative.
    assert_eq!(lag(all.iter(), &there(&["a", "b"]), at(160)), Lag { seconds: 0, bytes: 10, objects: 1 });
}

#[tokio::test]
async fn it_goes_on_until_it_is_told_to_stop_and_through_a_store_that_is_away() {
    let full = Full::new().await;
    let store = odd::Odd::new();
    let to = opened_on(store.clone(), &full.key);
    let (stop, stopped) = oneshot::channel::<()>();
    let (stop, seen) = (Mutex::new(Some(stop)), Mutex::new(Vec::<Followed>::new()));
    let report = |told: &Followed| {
        use odd::Habit;
        let mut seen = seen.lock().unwrap();
        seen.push(told.clone());
        match seen.len() {
            2 => store.becomes(Habit::Down),
            4 => store.becomes(Habit::Honest),
            6 => stop.lock().unwrap().take().unwrap().send(()).unwrap(),
            _ => {}
        }
    };
    let stopping = async { stopped.await.unwrap() };
    let every = Duration::from_millis(1);
    follow(&full.repository, &to, &CopyOptions::default(), every, stopping, &report)
        .await
        .unwrap();
    let seen = seen.into_inner().unwrap();
    assert_eq!(seen.len(), 6);
    let waiting = seen[0].lag.unwrap();
    assert!(waiting.objects > 20 && waiting.bytes > 1_000, "{waiting:?}");
    assert_eq!(seen[1].lag, Some(Lag::default()));
    assert_eq!(seen[1].copied.as_ref().unwrap().objects, waiting.objects);
    assert!(seen[3].error.as_ref().unwrap().contains("did not answer"), "{:?}", seen[3]);
    assert_eq!(seen[5].copied.as_ref().unwrap().objects, 0);
    // Another repository is nothing that waiting mends.
    let other = Full::new().await;
    let never = futures::future::pending();
    let wrong = follow(&full.repository, &other.repository, &CopyOptions::default(), every, never, &|_| {}).await;
    assert!(wrong.is_err());
}
