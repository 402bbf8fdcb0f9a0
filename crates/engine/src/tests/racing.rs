//! Two runners and one run: never two at work at once. The world's actor asserts that at every step.

use super::world::*;
use crate::*;
use std::sync::Arc;
use std::time::Duration;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A world whose steps take a minute.
async fn minutes() -> (Arc<Memory>, Arc<World>) {
    let journal = begun().await;
    let world = Arc::new(World { takes: secs(60), ..World::new(&journal) });
    (journal, world)
}

fn start(who: &'static str, link: &Arc<Link>, world: &Arc<World>) -> tokio::task::JoinHandle<Result<Finished, Error>> {
    let (link, world) = (link.clone(), world.clone());
    tokio::spawn(async move { run(&steps(), &*link, &*world, &Runner::new(who), &()).await })
}

#[tokio::test(start_paused = true)]
async fn who_comes_while_another_is_at_work_is_told_so() {
    let (journal, world) = minutes().await;
    let link = Arc::new(Link::new(&journal));
    let ann = start("ann", &link, &world);
    ambient::sleep(secs(7)).await;
    let error = start("bob", &link, &world).await.unwrap().unwrap_err();
    assert!(matches!(&error, Error::Busy { runner, .. } if runner == "ann"), "{error}");
    ann.await.unwrap().unwrap();
    assert!(!journal.all().iter().any(|entry| entry.runner == "bob"));
    let beats = journal.all().iter().filter(|e| e.event == Event::Alive {}).count();
    assert!((30..=36).contains(&beats), "three minutes of work, a sign of life every 5 s: {beats}");
}

#[tokio::test(start_paused = true)]
async fn of_two_that_claim_at_once_one_goes_on() {
    let (journal, world) = minutes().await;
    // Both have read the same last entry before either writes.
    let slow = || Arc::new(Link { slow: secs(1), ..Link::new(&journal) });
    let (bob, cleo) = (start("bob", &slow(), &world), start("cleo", &slow(), &world));
    let results = [("bob", bob.await.unwrap()), ("cleo", cleo.await.unwrap())];
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(|(_, result)| result.is_ok());
    let [(winner, _)] = won.as_slice() else {
        panic!("one has to win: {won:?}, {lost:?}")
    };
    assert_eq!(lost[0].1, Err(Error::Superseded { by: (*winner).to_owned() }));
    assert_eq!(STEPS.map(|step| world.performed(step)), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn two_processes_with_one_id_do_not_take_each_others_entries_for_their_own() {
    let (journal, world) = minutes().await;
    let slow = || Arc::new(Link { slow: secs(1), ..Link::new(&journal) });
    let (one, other) = (start("ann", &slow(), &world), start("ann", &slow(), &world));
    let results = [one.await.unwrap(), other.await.unwrap()];
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    assert!(results.contains(&Err(Error::Superseded { by: "ann".to_owned() })));
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_is_cut_off_stops_before_another_may_go_on() {
    let (journal, world) = minutes().await;
    let (cut, link) = (Arc::new(Link::new(&journal)), Arc::new(Link::new(&journal)));
    let ann = start("ann", &cut, &world);
    ambient::sleep(secs(7)).await;
    cut.cut(true);
    let bob = start("bob", &link, &world);
    ambient::sleep(secs(16)).await;
    assert_eq!(
        journal.all().last().unwrap().runner,
        "bob",
        "it has waited for silence and claimed the run"
    );
    cut.cut(false);
    assert_eq!(ann.await.unwrap(), Err(Error::Superseded { by: "bob".to_owned() }));
    bob.await.unwrap().unwrap();
    assert_eq!(STEPS.map(|step| world.performed(step)), [2, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_was_frozen_loses_its_next_entry() {
    let (journal, world) = minutes().await;
    let link = Arc::new(Link::new(&journal));
    // As a stopped process: its step neither goes on nor ends, no sign of life is written.
    let mut ann = Box::pin(async {
        let ann = Runner { heartbeat: secs(3600), ..Runner::new("ann") };
        run(&steps(), &*link, &*world, &ann, &()).await
    });
    tokio::select! {
        _ = &mut ann => panic!("it cannot be done"),
        () = ambient::sleep(secs(3)) => {}
    }
    // The frozen step counts as being at work; here it may, since it cannot act.
    world.busy.store(0, std::sync::atomic::Ordering::Relaxed);
    start("bob", &link, &world).await.unwrap().unwrap();
    world.busy.store(1, std::sync::atomic::Ordering::Relaxed);
    let error = ann.await.unwrap_err();
    assert!(matches!(&error, Error::Over { how: Ended::Succeeded, by } if by == "bob"), "{error}");
    assert_eq!(world.performed("count"), 1, "it has stopped at its first step");
}

#[tokio::test(start_paused = true)]
async fn cancelling_stops_the_runner_at_work() {
    let (journal, world) = minutes().await;
    let link = Arc::new(Link::new(&journal));
    let ann = start("ann", &link, &world);
    ambient::sleep(secs(7)).await;
    cancel(&*link, &Runner::new("bob")).await.unwrap();
    let over = Err(Error::Over { how: Ended::Cancelled, by: "bob".to_owned() });
    assert_eq!(ann.await.unwrap(), over);
    assert_eq!(start("cleo", &link, &world).await.unwrap(), over);
    assert_eq!(cancel(&*link, &Runner::new("cleo")).await, Ok(()), "twice is once");
    assert!(world.files.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_silent_run_is_claimable_when_it_was_watched_for_long_enough() {
    let journal = begun().await;
    let (link, bob) = (Link::new(&journal), Runner::new("bob"));
    let watch = async |limit| tokio::time::timeout(limit, wait_claimable(&link, &bob)).await;
    assert!(watch(Duration::from_millis(14_900)).await.is_err());
    assert_eq!(watch(Duration::from_millis(15_100)).await.unwrap().unwrap().next, 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_step_is_nobodys() {
    let journal = begun().await;
    let world = Arc::new(World::new(&journal));
    world.failures.lock().unwrap().push(problem(false));
    let link = Arc::new(Link::new(&journal));
    let error = start("ann", &link, &world).await.unwrap().unwrap_err();
    assert!(matches!(&error, Error::StepFailed { step, attempt: 1, .. } if step == "copy"), "{error}");
    let state = State::of(&journal.all()).unwrap();
    let bob = Runner::new("bob");
    assert_eq!(may_claim(&state, Watched { by: &bob, quiet: Duration::ZERO }), Claim::Free);
    start("bob", &link, &world).await.unwrap().unwrap();
    assert_eq!(State::of(&journal.all()).unwrap().attempts["copy"], 2);
}

#[tokio::test]
async fn a_run_may_be_claimed_after_silence_or_by_its_own_runner() {
    let state = State::of(&begun().await.all()).unwrap();
    let (ann, bob) = (Runner::new("ann"), Runner::new("bob"));
    let ask = |by, quiet| may_claim(&state, Watched { by, quiet });
    let busy = Claim::Busy { runner: "ann".to_owned(), since: state.last.unwrap() };
    assert_eq!(ask(&ann, Duration::ZERO), Claim::Free);
    assert_eq!(ask(&bob, Duration::ZERO), busy);
    assert_eq!(ask(&bob, Duration::from_millis(14_999)), busy);
    assert_eq!(ask(&bob, secs(15)), Claim::Free);
    assert_eq!(may_claim(&State::default(), Watched { by: &bob, quiet: Duration::ZERO }), Claim::Free);
}
