//! Two writers, one paused past its lease and resumed; and the other lives of a lease, one request after another.

use super::shelf::{Clock, Next, Shelf};
use super::*;
use estate::Kind;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// After which an observer of a lease of a second takes over.
const PATIENCE_MS: u64 = 1250;

fn verdicts(counted: &[(Entry, Verdict)]) -> Vec<(u64, u64, Verdict)> {
    counted
        .iter()
        .map(|(entry, verdict)| (entry.number, entry.epoch.0, *verdict))
        .collect()
}

#[tokio::test]
async fn a_writer_paused_past_its_lease_writes_what_does_not_count_and_learns_that_it_is_fenced() {
    let (shelf, clock) = (Shelf::default(), Clock::default());
    let (main, standby) = (shelf.lease("main-1", &clock), shelf.lease("standby-1", &clock));
    let mut first = main.acquire().await.unwrap();
    let mut writer = first.writer("journal");
    assert_eq!(main.append(&mut writer, b"zero").await.unwrap(), 0);

    // Paused with a request under way: it has left, and nobody has received it.
    let gate = Arc::new(Semaphore::new(0));
    shelf.with(|content| content.gate = Some(gate.clone()));
    let mut paused = Box::pin(main.append(&mut writer, b"one"));
    assert!(futures::poll!(paused.as_mut()).is_pending());

    let held = standby.acquire().await.unwrap_err();
    assert_eq!(held.to_string(), "main-1 holds the lease in epoch 1, and it has not changed for 0 ms");
    assert_eq!(held.kind(), Kind::Conflict);
    clock.pass(PATIENCE_MS - 1);
    let held = standby.acquire().await.unwrap_err();
    assert!(
        matches!(held, LeaseError::Held { left, .. } if left == Duration::from_millis(1)),
        "{held:?}"
    );
    assert!(!first.belief().holds(clock.now()));
    clock.pass(1);
    let second = standby.acquire().await.unwrap();
    assert_eq!((second.epoch(), second.belief().holds(clock.now())), (Epoch(3), true));

    // Resumed: the request arrives, under a number that is still free.
    gate.add_permits(1);
    let fenced = paused.await.unwrap_err();
    assert_eq!(fenced.to_string(), "epoch 1 is over: standby-1 holds the lease in epoch 3");
    assert_eq!(fenced.kind(), Kind::Fenced);
    let mut next = second.writer("journal");
    assert_eq!(standby.append(&mut next, b"two").await.unwrap(), 2);
    for host in [&main, &standby] {
        let counted = host.counted("journal").await.unwrap();
        let expected = [(0, 1, Verdict::Counts), (1, 1, Verdict::Never), (2, 3, Verdict::Counts)];
        assert_eq!(verdicts(&counted), expected);
    }

    // It does not even try again; and renewing says why.
    let lapsed = main.append(&mut writer, b"three").await.unwrap_err();
    assert_eq!(lapsed.to_string(), "epoch 1 has not been renewed in time");
    let fenced = main.renew(&mut first).await.unwrap_err();
    assert_eq!(fenced.to_string(), "epoch 1 is over: standby-1 holds the lease in epoch 3");
    assert_eq!(first.belief().until(), Duration::ZERO);
}

#[tokio::test]
async fn a_writer_that_finds_its_place_taken_by_a_newer_epoch_is_fenced() {
    let (shelf, clock) = (Shelf::default(), Clock::default());
    let (main, standby) = (shelf.lease("main-1", &clock), shelf.lease("standby-1", &clock));
    let first = main.acquire().await.unwrap();
    let mut writer = first.writer("journal");
    let gate = Arc::new(Semaphore::new(0));
    shelf.with(|content| content.gate = Some(gate.clone()));
    let mut paused = Box::pin(main.append(&mut writer, b"zero"));
    assert!(futures::poll!(paused.as_mut()).is_pending());
    standby.observe().await.unwrap();
    clock.pass(PATIENCE_MS);
    let second = standby.acquire().await.unwrap();
    assert_eq!(standby.append(&mut second.writer("journal"), b"nil").await.unwrap(), 0);
    gate.add_permits(1);
    let fenced = paused.await.unwrap_err();
    assert!(matches!(fenced, LeaseError::Fenced { newer: Epoch(3), .. }), "{fenced:?}");
}

#[tokio::test]
async fn a_lease_that_is_given_back_is_taken_at_once() {
    let (shelf, clock) = (Shelf::default(), Clock::default());
    let (main, standby) = (shelf.lease("main-1", &clock), shelf.lease("standby-1", &clock));
    let first = main.acquire().await.unwrap();
    let belief = first.belief();
    assert_eq!(belief.until(), Duration::from_millis(666));
    main.release(first).await.unwrap();
    assert!(!belief.holds(clock.now()));
    assert_eq!(standby.acquire().await.unwrap().epoch(), Epoch(4));
    let held = main.acquire().await.unwrap_err();
    assert!(matches!(&held, LeaseError::Held { holder, .. } if holder == "standby-1"), "{held}");
}

#[tokio::test]
async fn a_tenure_that_lapsed_goes_on_when_nobody_was_faster() {
    let (shelf, clock) = (Shelf::default(), Clock::default());
    let main = shelf.lease("main-1", &clock);
    let mut tenure = main.acquire().await.unwrap();
    clock.pass(60_000);
    assert!(!tenure.belief().holds(clock.now()));
    main.renew(&mut tenure).await.unwrap();
    assert!(tenure.belief().holds(clock.now()));
    assert_eq!((tenure.epoch(), tenure.record().number), (Epoch(1), 3));
}

#[tokio::test]
async fn what_the_store_does_not_tell_is_found_out() {
    let (shelf, clock) = (Shelf::default(), Clock::default());
    let main = shelf.lease("main-1", &clock);
    // A takeover that was carried out unheard, an acceptance that never arrived at first.
    shelf.with(|content| content.next = vec![Next::LosesRequest, Next::LosesAnswer]);
    let mut tenure = main.acquire().await.unwrap();
    assert_eq!(shelf.numbers(), [1, 2]);
    shelf.with(|content| content.next = vec![Next::SaysTaken]);
    main.renew(&mut tenure).await.unwrap();
    shelf.with(|content| content.next = vec![Next::SaysTaken, Next::LosesRequest]);
    let mut writer = tenure.writer("journal");
    assert_eq!(main.append(&mut writer, b"zero").await.unwrap(), 0);
    assert_eq!((tenure.epoch(), shelf.numbers()), (Epoch(1), vec![1, 2, 3]));
}

#[tokio::test]
async fn an_unknown_renewal_extends_nothing_until_it_is_settled_and_then_from_its_first_asking() {
    let (shelf, clock) = (Shelf::default(), Clock::default());
    let main = shelf.lease("main-1", &clock);
    let mut tenure = main.acquire().await.unwrap();
    clock.pass(100);
    shelf.with(|content| content.next = vec![Next::LosesRequest; 3]);
    let unknown = main.renew(&mut tenure).await.unwrap_err();
    assert_eq!(unknown.to_string(), "whether record 3 was written is not known");
    assert_eq!(unknown.kind(), Kind::Unreachable);
    assert_eq!(tenure.belief().until(), Duration::from_millis(666));
    clock.pass(200);
    // The record of the first asking is settled before a new one is asked for; that one is refused.
    shelf.with(|content| content.next = vec![Next::Refuses, Next::SaysTaken]);
    let refused = main.renew(&mut tenure).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Person);
    assert_eq!(tenure.belief().until(), Duration::from_millis(766));
    main.renew(&mut tenure).await.unwrap();
    assert_eq!(tenure.belief().until(), Duration::from_millis(966));
    assert_eq!(shelf.numbers(), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_record_below_newer_ones_does_not_count_although_it_was_created() {
    let (shelf, clock) = (Shelf::default(), Clock::default());
    let (main, standby) = (shelf.lease("main-1", &clock), shelf.lease("standby-1", &clock));
    let mut late = main.acquire().await.unwrap();
    standby.observe().await.unwrap();
    clock.pass(PATIENCE_MS);
    let mut tenure = standby.acquire().await.unwrap();
    for _ in 0..6 {
        standby.renew(&mut tenure).await.unwrap();
    }
    assert_eq!(standby.prune(&mut tenure).await.unwrap(), 5);
    assert_eq!((tenure.record().floor, shelf.numbers()), (6, vec![6, 7, 8, 9, 10]));
    let fenced = main.renew(&mut late).await.unwrap_err();
    assert_eq!(fenced.to_string(), "epoch 1 is over: standby-1 holds the lease in epoch 3");
    assert_eq!(shelf.numbers(), [3, 6, 7, 8, 9, 10]);
    standby.renew(&mut tenure).await.unwrap();
    assert_eq!(standby.prune(&mut tenure).await.unwrap(), 2);
}

#[tokio::test]
async fn a_store_that_is_another_one_is_named_by_who_renews() {
    let (shelf, clock) = (Shelf::default(), Clock::default());
    let main = shelf.lease("main-1", &clock);
    let mut tenure = main.acquire().await.unwrap();
    // An empty directory where the store was mounted.
    shelf.with(|content| content.records.clear());
    let back = main.renew(&mut tenure).await.unwrap_err();
    assert_eq!(
        back.to_string(),
        "the lease's record 2 is gone, and the newest is 3: the store was set back, or is another one"
    );
    assert!(!tenure.belief().holds(clock.now()));
}

#[tokio::test]
async fn a_store_that_was_set_back_is_named() {
    let (shelf, clock) = (Shelf::default(), Clock::default());
    let main = shelf.lease("main-1", &clock);
    let mut tenure = main.acquire().await.unwrap();
    main.renew(&mut tenure).await.unwrap();
    shelf.with(|content| content.records.remove(&3));
    let back = main.observe().await.unwrap_err();
    assert_eq!(
        back.to_string(),
        "the lease's record 3 is gone, and the newest is 2: the store was set back, or is another one"
    );
    assert_eq!(back.kind(), Kind::Damaged);
    assert!(matches!(main.append(&mut tenure.writer("x"), b"").await, Err(LeaseError::SetBack { .. })));
}
