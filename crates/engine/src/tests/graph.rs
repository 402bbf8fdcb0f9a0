//! Steps side by side, steps that are left out, and what a failure of one means for the others.

use super::world::*;
use crate::*;
use std::sync::Arc;
use std::time::Duration;

/// `first`, then `left` and `right` at once, then `last`.
pub(super) fn diamond() -> Vec<StepPlan> {
    let after = |id: &str, after: &[&str]| StepPlan {
        after: after.iter().map(|id| (*id).to_owned()).collect(),
        ..step(id)
    };
    vec![
        after("last", &["left", "right"]),
        after("left", &["first"]),
        step("first"),
        after("right", &["first"]),
    ]
}

async fn go(steps: &[StepPlan], world: &World) -> Result<Finished, Error> {
    let link = Link::new(&world.journal);
    run(steps, &link, world, &Runner::new("ann"), &()).await
}

#[expect(clippy::disallowed_methods, reason = "paused time, which ambient does not know")]
fn paused_now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

fn done(journal: &Memory) -> Vec<String> {
    let state = State::of(&journal.all()).unwrap();
    state.done.iter().map(|(step, _)| step.to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn steps_that_do_not_wait_for_each_other_are_performed_at_once() {
    let journal = begun().await;
    let world = World {
        takes: Duration::from_secs(60),
        most: 2,
        ..World::new(&journal)
    };
    let started = paused_now();
    go(&diamond(), &world).await.unwrap();
    assert_eq!(started.elapsed().as_secs(), 180, "four minutes of work in three");
    let done = done(&journal);
    assert_eq!((done[0].as_str(), done[3].as_str()), ("first", "last"));

    // A person does one after the other.
    let journal = begun().await;
    let world = World::new(&journal);
    let ann = Runner { at_once: 1, ..Runner::new("ann") };
    run(&diamond(), &Link::new(&journal), &world, &ann, &()).await.unwrap();
    assert_eq!(world.files.lock().unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn when_one_fails_for_good_the_other_ends_and_nothing_is_begun_after() {
    let journal = begun().await;
    let world = World {
        takes: Duration::from_secs(60),
        most: 2,
        ..World::new(&journal)
    };
    let mut steps = diamond();
    steps[1].timeout = Duration::from_secs(30);
    steps[1].attempts = 1;
    let error = go(&steps, &world).await.unwrap_err();
    assert!(matches!(&error, Error::StepFailed { step, .. } if step == "left"), "{error}");
    assert_eq!(done(&journal), ["first", "right"]);
    let state = State::of(&journal.all()).unwrap();
    assert!(state.is_nobodys());
    assert_eq!(state.stopped().unwrap().step, "left");
    go(&diamond(), &world).await.unwrap();
    assert_eq!(done(&journal).len(), 4);
    assert_eq!(world.performed("right"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_goes_on_after_a_failure_that_it_may_go_on_after() {
    let journal = begun().await;
    let world = World::new(&journal);
    let mut steps = steps();
    steps[0].on_failure = OnFailure::Continue;
    world.failures.lock().unwrap().push(problem(false));
    // "switch" needs what "count" knows, and that needs nothing.
    let finished = go(&steps, &world).await.unwrap();
    assert_eq!(
        finished.skipped.into_iter().collect::<Vec<_>>(),
        [("copy".to_owned(), "failed, and the run goes on: disk /data is full".to_owned())]
    );
    assert_eq!(done(&journal), ["count", "switch"]);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_is_not_wanted_is_left_out_and_said_so() {
    let journal = begun().await;
    let world = World::new(&journal);
    let steps = [
        step("left-out"),
        StepPlan { after: vec!["left-out".to_owned()], ..step("next") },
    ];
    let watcher = Watcher::default();
    let finished = run(&steps, &Link::new(&journal), &world, &Runner::new("ann"), &watcher)
        .await
        .unwrap();
    assert_eq!(finished.skipped["left-out"], "nobody needs it");
    assert_eq!(*watcher.said.lock().unwrap(), ["left-out: left out: nobody needs it"]);
    assert_eq!(done(&journal), ["next"]);
}

#[tokio::test(start_paused = true)]
async fn pauses_grow() {
    let journal = begun().await;
    let world = World::new(&journal);
    let steps = [StepPlan { attempts: 8, ..step("flaky") }];
    world.failures.lock().unwrap().extend((0..7).map(|_| problem(true)));
    let started = paused_now();
    go(&steps, &world).await.unwrap();
    assert_eq!(started.elapsed().as_secs(), 20 + 40 + 80 + 160 + 300 + 300 + 300);
}

#[tokio::test(start_paused = true)]
async fn a_graph_that_cannot_be_run_is_refused() {
    let journal = begun().await;
    let world = World::new(&journal);
    let mut strange = diamond();
    strange[0].after.push("midle".to_owned());
    let told = "the steps cannot be run: step last comes after midle, which is no step";
    assert_eq!(go(&strange, &world).await.unwrap_err().to_string(), told);
    let mut circle = diamond();
    circle[2].after = vec!["last".to_owned()];
    let told = "the steps cannot be run: step last waits for itself";
    assert_eq!(go(&circle, &world).await.unwrap_err().to_string(), told);

    go(&[step("left")], &world).await.unwrap();
    let mut other = diamond();
    other.retain(|step| step.id != "last");
    let told = "the steps cannot be run: by the journal, left was begun before first was done, and it comes after it";
    assert_eq!(go(&other, &world).await.unwrap_err().to_string(), told);
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_is_away_breaks_all_steps_off_that_are_in_flight() {
    let journal = begun().await;
    let world = Arc::new(World {
        takes: Duration::from_secs(60),
        most: 2,
        ..World::new(&journal)
    });
    let link = Link::new(&journal);
    let fault = async {
        ambient::sleep(Duration::from_secs(67)).await;
        link.cut(true);
        ambient::sleep(Duration::from_secs(22)).await;
        link.cut(false);
    };
    let (steps, ann) = (diamond(), Runner::new("ann"));
    let (result, ()) = tokio::join!(run(&steps, &link, &*world, &ann, &()), fault);
    result.unwrap();
    assert_eq!(["first", "left", "right", "last"].map(|step| world.performed(step)), [1, 2, 2, 1]);
}
