//! Attempts, time limits, journals that do not answer, and what is refused.

use super::world::*;
use crate::*;
use std::sync::Arc;
use std::time::Duration;

async fn go(link: &Link, world: &World, watcher: &Watcher) -> Result<Finished, Error> {
    run(&steps(), link, world, &Runner::new("ann"), watcher).await
}

fn count(journal: &Memory, which: impl Fn(&Event) -> bool) -> usize {
    journal.all().iter().filter(|entry| which(&entry.event)).count()
}

#[tokio::test(start_paused = true)]
async fn points_come_in_their_order() {
    let journal = begun().await;
    let watcher = Watcher::default();
    go(&Link::new(&journal), &World::new(&journal), &watcher).await.unwrap();
    let step = || "copy".to_owned();
    let first = [
        Point::Before { step: step() },
        Point::Inside { step: step(), n: 1 },
        Point::Inside { step: step(), n: 2 },
        Point::After { step: step() },
        Point::Before { step: "count".to_owned() },
    ];
    assert_eq!(watcher.seen.lock().unwrap()[..5], first);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_ends_while_a_sign_of_life_is_on_its_way_waits_for_it() {
    let journal = begun().await;
    let world = World { takes: Duration::from_secs(7), ..World::new(&journal) };
    let link = Link { slow: Duration::from_secs(4), ..Link::new(&journal) };
    go(&link, &world, &Watcher::default()).await.unwrap();
    assert_eq!(count(&journal, |event| *event == Event::Alive {}), STEPS.len());
}

#[tokio::test(start_paused = true)]
async fn a_step_is_tried_again_as_often_as_it_may() {
    let journal = begun().await;
    let (world, watcher) = (World::new(&journal), Watcher::default());
    world.failures.lock().unwrap().push(problem(true));
    go(&Link::new(&journal), &world, &watcher).await.unwrap();
    assert_eq!(world.performed("copy"), 2);
    assert_eq!(*watcher.said.lock().unwrap(), ["copy: attempt 1 failed: disk /data is full"]);
    assert!(count(&journal, |event| *event == Event::Alive {}) >= 3, "the pause of 20 s is not silent");

    let journal = begun().await;
    let world = World::new(&journal);
    world
        .failures
        .lock()
        .unwrap()
        .extend([problem(true), problem(true), problem(true)]);
    let link = Link::new(&journal);
    let error = go(&link, &world, &Watcher::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "step copy failed at attempt 2: disk /data is full");
    let state = State::of(&journal.all()).unwrap();
    assert!(!state.stopped().unwrap().retry, "nobody tries again by itself");
    go(&link, &world, &Watcher::default()).await.unwrap();
    assert_eq!(world.performed("copy"), 4, "a new call has all attempts anew");
}

#[tokio::test(start_paused = true)]
async fn a_step_that_takes_too_long_is_broken_off() {
    let journal = begun().await;
    let world = World { takes: Duration::from_secs(601), ..World::new(&journal) };
    let error = go(&Link::new(&journal), &world, &Watcher::default()).await.unwrap_err();
    let Error::StepFailed { step, attempt: 2, problem } = error else {
        panic!("{error}")
    };
    assert_eq!((step.as_str(), problem.code.as_str()), ("copy", "timeout"));
    assert_eq!(problem.message, "step copy did not end within 600 s");
    assert!(world.files.lock().unwrap().is_empty());
}

/// Runs with steps of a minute and a journal that is away from second 7 on, for `away`.
async fn journal_away(away: Duration) -> (Result<Finished, Error>, Arc<Memory>, World, Watcher) {
    let journal = begun().await;
    let world = World { takes: Duration::from_secs(60), ..World::new(&journal) };
    let (link, watcher) = (Link::new(&journal), Watcher::default());
    let fault = async {
        ambient::sleep(Duration::from_secs(7)).await;
        link.cut(true);
        ambient::sleep(away).await;
        link.cut(false);
    };
    let (result, ()) = tokio::join!(go(&link, &world, &watcher), fault);
    (result, journal, world, watcher)
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_is_away_for_a_moment_disturbs_nothing() {
    let (result, _, world, _) = journal_away(Duration::from_secs(5)).await;
    result.unwrap();
    assert_eq!(STEPS.map(|step| world.performed(step)), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_is_away_for_longer_breaks_the_step_off_and_the_run_goes_on() {
    let (result, journal, world, watcher) = journal_away(Duration::from_secs(22)).await;
    result.unwrap();
    assert_eq!(STEPS.map(|step| world.performed(step)), [2, 1, 1]);
    assert_eq!(
        count(&journal, |event| matches!(event, Event::Failed { .. })),
        0,
        "it is no attempt that failed"
    );
    assert_eq!(
        *watcher.said.lock().unwrap(),
        ["copy: broken off while the journal did not answer; begins anew"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_that_is_broken_off_for_ever_fails() {
    let journal = begun().await;
    let world = World { takes: Duration::from_secs(60), ..World::new(&journal) };
    let link = Link::new(&journal);
    let flapping = async {
        loop {
            ambient::sleep(Duration::from_secs(4)).await;
            link.cut(true);
            ambient::sleep(Duration::from_secs(20)).await;
            link.cut(false);
        }
    };
    let watcher = Watcher::default();
    let result = tokio::select! {
        result = go(&link, &world, &watcher) => result,
        () = flapping => unreachable!("it flaps for ever"),
    };
    let Error::StepFailed { problem, .. } = result.unwrap_err() else {
        panic!("it cannot be done")
    };
    assert_eq!(problem.code, "interrupted");
    assert_eq!(world.performed("copy"), 7, "begun anew five times, then two attempts count");
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_stays_away_ends_the_call_and_the_run_can_be_resumed() {
    let (result, journal, world, _) = journal_away(Duration::from_secs(3600)).await;
    let error = result.unwrap_err();
    let told = "entry 4 (sign of life) was not confirmed by the journal within 30 s: the line is cut";
    assert_eq!(error.to_string(), told);
    assert!(world.files.lock().unwrap().is_empty());
    go(&Link::new(&journal), &world, &Watcher::default()).await.unwrap();

    let link = Link::new(&journal);
    link.cut(true);
    let error = go(&link, &world, &Watcher::default()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "reading the run was not confirmed by the journal within 30 s: the line is cut"
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_does_not_begin_on_an_intent_that_is_too_old() {
    let journal = begun().await;
    let world = World::new(&journal);
    // Written at second 2, known to be written only when the call is given up and the journal is back at second 14.
    let link = Link::faulty(&journal, 1, Fault::Late(Duration::from_secs(2)));
    let fault = async {
        ambient::sleep(Duration::from_secs(1)).await;
        link.cut(true);
        ambient::sleep(Duration::from_secs(13)).await;
        link.cut(false);
    };
    let watcher = Watcher::default();
    let (result, ()) = tokio::join!(go(&link, &world, &watcher), fault);
    result.unwrap();
    assert_eq!(State::of(&journal.all()).unwrap().attempts["copy"], 2);
    assert_eq!(world.performed("copy"), 1, "it was not begun before there was a fresh intent");
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_appears_late_is_known_as_our_own() {
    let journal = begun().await;
    let world = World::new(&journal);
    let link = Link::faulty(&journal, 2, Fault::Late(Duration::from_secs(11)));
    go(&link, &world, &Watcher::default()).await.unwrap();
    assert_eq!(STEPS.map(|step| world.performed(step)), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_begun_once() {
    let journal = begun().await;
    let (link, bob) = (Link::new(&journal), Runner::new("bob"));
    begin(&link, plan(), &bob).await.unwrap();
    assert_eq!(begin(&link, serde_json::json!({}), &bob).await, Err(Error::OtherPlan));
    assert_eq!(journal.all().len(), 1);
    let none = Link::new(&Arc::default());
    assert_eq!(go(&none, &World::default(), &Watcher::default()).await, Err(Error::NotBegun));
    assert_eq!(cancel(&none, &bob).await, Err(Error::NotBegun));
}

#[tokio::test(start_paused = true)]
async fn steps_that_are_not_the_journals_are_refused() {
    let journal = begun().await;
    let (link, world) = (Link::new(&journal), World::new(&journal));
    let ann = Runner::new("ann");
    let refused = async |steps: &[StepPlan]| run(steps, &link, &world, &ann, &()).await.unwrap_err().to_string();
    let mut twice = steps();
    twice[2].id = "copy".to_owned();
    assert_eq!(refused(&twice).await, "the steps cannot be run: two steps are called copy");
    let mut never = steps();
    never[0].attempts = 0;
    assert_eq!(refused(&never).await, "the steps cannot be run: step copy has no attempts");

    world.failures.lock().unwrap().push(problem(false));
    refused(&steps()).await;
    let mut other = steps();
    other[0].id = "fence".to_owned();
    other[1].after = vec!["fence".to_owned()];
    let told = "the steps cannot be run: the journal has a step copy, which is not among those given";
    assert_eq!(refused(&other).await, told);
    assert_eq!(world.performed("fence"), 0);

    go(&link, &world, &Watcher::default()).await.unwrap();
    let mut more = steps();
    more.push(step("report"));
    assert_eq!(refused(&more).await, "the steps cannot be run: the run has succeeded without step report");
    assert!(refused(&steps()[..2]).await.contains("the journal has a step switch"));
}

#[tokio::test(start_paused = true)]
async fn a_damaged_journal_is_left_alone() {
    let journal = begun().await;
    let (link, world) = (Link::new(&journal), World::new(&journal));
    go(&link, &world, &Watcher::default()).await.unwrap();
    journal.0.lock().unwrap().remove(3);
    let error = go(&link, &world, &Watcher::default()).await.unwrap_err();
    let told = "the journal is damaged: entry 3 of the journal is not possible: it is missing, 4 comes next";
    assert_eq!(error.to_string(), told);
    assert_eq!(cancel(&link, &Runner::new("bob")).await, Err(error));
}
