//! Going back: to a gate, to the beginning, from any place where a runner may die.

use super::world::*;
use crate::*;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// `gate` is a gate after `copy`; `last` undoes when it fails.
fn gated() -> Vec<StepPlan> {
    let after = |id: &str, after: &str| StepPlan { after: vec![after.to_owned()], ..step(id) };
    vec![
        step("copy"),
        StepPlan { gate: true, ..after("gate", "copy") },
        after("count", "gate"),
        StepPlan {
            on_failure: OnFailure::Undo,
            attempts: 1,
            ..after("last", "count")
        },
    ]
}

/// A world in which `last`, the fourth to be performed, fails once.
fn failing_last(journal: &Arc<Memory>) -> World {
    let world = World::new(journal);
    *world.fails_at.lock().unwrap() = Some("last");
    world
}

fn undone(world: &World) -> Vec<String> {
    world.undone.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn a_failure_undoes_what_came_after_the_gate_and_the_run_can_go_on_from_there() {
    let journal = begun().await;
    let world = failing_last(&journal);
    let (link, ann) = (Link::new(&journal), Runner::new("ann"));
    let error = run(&gated(), &link, &world, &ann, &()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "step last failed, and the run is undone back to gate: disk /data is full"
    );
    assert_eq!(undone(&world), ["last", "count"]);
    let state = State::of(&journal.all()).unwrap();
    assert!(state.is_nobodys() && state.turned.is_none() && state.ended.is_none());
    assert_eq!(state.undone, ["last", "count"]);
    let left: Vec<&str> = state.done.iter().map(|(step, _)| step).collect();
    assert_eq!(left, ["copy", "gate"]);
    run(&gated(), &link, &world, &ann, &()).await.unwrap();
    assert_eq!(["copy", "gate", "count", "last"].map(|step| world.performed(step)), [1, 1, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn without_a_gate_everything_is_undone_and_the_run_is_over() {
    let journal = begun().await;
    let world = failing_last(&journal);
    let mut steps = gated();
    steps[1].gate = false;
    let (link, ann) = (Link::new(&journal), Runner::new("ann"));
    let error = run(&steps, &link, &world, &ann, &()).await.unwrap_err();
    assert!(matches!(&error, Error::TurnedBack { gate: None, .. }), "{error}");
    assert_eq!(undone(&world), ["last", "count", "gate", "copy"]);
    assert!(world.files.lock().unwrap().is_empty());
    let over = Error::Over { how: Ended::Undone, by: "ann".to_owned() };
    assert_eq!(run(&steps, &link, &world, &ann, &()).await, Err(over));
}

#[tokio::test(start_paused = true)]
async fn a_run_is_undone_by_a_person_whether_it_has_ended_or_not() {
    for ended in [true, false] {
        let journal = begun().await;
        let world = if ended {
            World::new(&journal)
        } else {
            failing_last(&journal)
        };
        let mut steps = gated();
        steps[3].on_failure = OnFailure::Stop;
        let (link, bob) = (Link::new(&journal), Runner::new("bob"));
        let result = run(&steps, &link, &world, &Runner::new("ann"), &()).await;
        assert_eq!(result.is_ok(), ended, "{result:?}");
        undo(&steps, &link, &world, &bob, &(), Some("gate")).await.unwrap();
        assert_eq!(undone(&world), ["last", "count"]);
        undo(&steps, &link, &world, &bob, &(), None).await.unwrap();
        assert_eq!(undone(&world), ["last", "count", "gate", "copy"]);
        let state = State::of(&journal.all()).unwrap();
        assert_eq!(state.ended, Some(Ended::Undone));
        undo(&steps, &link, &world, &bob, &(), None).await.unwrap();
        let entries = journal.all().len() as u64;
        assert_eq!(entries, state.next, "twice is once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_cannot_be_undone_stops_and_is_left_when_a_person_says_so() {
    let journal = begun().await;
    let world = World::new(&journal);
    let (link, ann) = (Link::new(&journal), Runner::new("ann"));
    run(&gated(), &link, &world, &ann, &()).await.unwrap();
    world.undo_failures.lock().unwrap().push(problem(false));
    let error = undo(&gated(), &link, &world, &ann, &(), None).await.unwrap_err();
    assert_eq!(error.to_string(), "step last could not be undone at attempt 1: disk /data is full");
    let state = State::of(&journal.all()).unwrap();
    assert!(state.is_nobodys());
    assert_eq!(state.stopped().unwrap().step, "last");
    let bob = Runner::new("bob");
    let refused = answer(&link, &bob, "count", Answer::Skip(String::new())).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the steps cannot be run: step count is not the one that is undone next"
    );
    answer(&link, &bob, "last", Answer::Skip("the disk is gone".to_owned()))
        .await
        .unwrap();
    let error = run(&gated(), &link, &world, &bob, &()).await.unwrap_err();
    assert!(matches!(&error, Error::Over { how: Ended::Undone, .. }), "{error}");
    assert_eq!(undone(&world), ["count", "gate", "copy"]);
}

#[tokio::test(start_paused = true)]
async fn going_back_past_a_step_that_was_left_out_may_be_broken_off() {
    let journal = begun().await;
    let world = World::new(&journal);
    let after = |id: &str, after: &str| StepPlan { after: vec![after.to_owned()], ..step(id) };
    let steps = [
        step("copy"),
        after("left-out", "copy"),
        after("count", "left-out"),
        after("last", "count"),
    ];
    let (link, ann) = (Link::new(&journal), Runner::new("ann"));
    run(&steps, &link, &world, &ann, &()).await.unwrap();
    world.undo_failures.lock().unwrap().push(problem(false));
    let error = undo(&steps, &link, &world, &ann, &(), None).await.unwrap_err();
    assert_eq!(error.to_string(), "step last could not be undone at attempt 1: disk /data is full");
    undo(&steps, &link, &world, &Runner::new("bob"), &(), None).await.unwrap();
    assert_eq!(undone(&world), ["last", "count", "left-out", "copy"]);
}

/// Runs as `who` until it dies at a point, fails, or ends.
async fn live(world: &Arc<World>, who: &'static str, die_at: Option<usize>) -> Option<(usize, Result<(), Error>)> {
    let world = world.clone();
    let life = tokio::spawn(async move {
        let (link, runner) = (Link::new(&world.journal), Runner::new(who));
        let watcher = Watcher { die_at, ..Watcher::default() };
        begin(&link, plan(), &runner).await?;
        let done = run(&gated(), &link, &*world, &runner, &watcher).await.map(drop);
        Ok((watcher.seen.lock().unwrap().len(), done))
    });
    match life.await {
        Ok(lived) => Some(lived.unwrap_or_else(|error| (0, Err(error)))),
        Err(_killed) => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_died_anywhere_while_it_went_back_ends_at_the_gate() {
    let new = || Arc::new(failing_last(&Arc::default()));
    let (points, _) = live(&new(), "ann", None).await.unwrap();
    // Four steps forward with four points each, but for the last inner one of the step that fails; two back.
    assert_eq!(points, 4 * 4 - 1 + 2 * 4);
    for die_at in 0..points {
        let world = new();
        assert_eq!(live(&world, "ann", Some(die_at)).await, None);
        let (_, result) = live(&world, "bob", None).await.unwrap();
        let state = State::of(&world.journal.all()).unwrap();
        match result {
            Err(Error::Back { gate } | Error::TurnedBack { gate: Some(gate), .. }) => {
                assert_eq!(gate, "gate", "died at {die_at}");
                assert_eq!(world.files.lock().unwrap().len(), 2, "died at {die_at}");
                assert!(state.is_nobodys());
            }
            // The failure was not written down: another attempt has succeeded.
            Ok(()) => assert_eq!(world.files.lock().unwrap().len(), 4, "died at {die_at}"),
            Err(error) => panic!("died at {die_at}: {error}"),
        }
        assert!(world.busy.load(Ordering::Relaxed) == 0);
    }
}
