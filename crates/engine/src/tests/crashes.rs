//! Every place where a run can die, alone and in pairs, and what must hold after it was resumed.

use super::world::*;
use crate::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Where one life of a runner ends.
#[derive(Clone, Copy, Debug)]
enum Death {
    AtPoint(usize),
    AtAppend(usize, Fault),
    Never,
}

/// Runs once as `who`; `None` when it died.
async fn live(world: &Arc<World>, who: &'static str, death: Death) -> Option<Result<Finished, Error>> {
    let (world, journal) = (world.clone(), world.journal.clone());
    let life = tokio::spawn(async move {
        let link = match death {
            Death::AtAppend(number, fault) => Link::faulty(&journal, number, fault),
            _ => Link::new(&journal),
        };
        let die_at = if let Death::AtPoint(number) = death {
            Some(number)
        } else {
            None
        };
        let watcher = Watcher { die_at, ..Watcher::default() };
        begin(&link, plan(), &Runner::new(who)).await?;
        run(&steps(), &link, &*world, &Runner::new(who), &watcher).await
    });
    match life.await {
        Ok(result) => Some(result),
        Err(error) => {
            assert_eq!(error.into_panic().downcast_ref::<&str>(), Some(&"killed"), "an assertion failed");
            None
        }
    }
}

/// How many points and appends an undisturbed run has, and its end.
async fn undisturbed() -> (usize, usize, Finished) {
    let journal = Arc::new(Memory::default());
    let (world, link, watcher) = (World::new(&journal), Link::new(&journal), Watcher::default());
    begin(&link, plan(), &Runner::new("ann")).await.unwrap();
    let finished = run(&steps(), &link, &world, &Runner::new("ann"), &watcher).await.unwrap();
    assert_eq!(world.files.lock().unwrap().len(), STEPS.len());
    let points = watcher.seen.lock().unwrap().len();
    (points, link.appends.load(Ordering::Relaxed), finished)
}

async fn every_death() -> Vec<Death> {
    let (points, appends, _) = undisturbed().await;
    assert_eq!((points, appends), (4 * STEPS.len(), 2 * STEPS.len() + 3));
    let mut deaths: Vec<Death> = (0..points).map(Death::AtPoint).collect();
    for append in 0..appends {
        let faults = [
            Fault::Die { written: false },
            Fault::Die { written: true },
            Fault::Lose { written: false },
            Fault::Lose { written: true },
            Fault::Repeat,
        ];
        deaths.extend(faults.map(|fault| Death::AtAppend(append, fault)));
    }
    deaths
}

/// What holds at the end, whatever came before.
fn judge(world: &World, result: &Finished, undisturbed: &Finished, story: &str) {
    assert_eq!(result.outcomes, undisturbed.outcomes, "{story}");
    let files: BTreeMap<_, _> = [
        ("copy".to_owned(), "bytes".into()),
        ("count".to_owned(), 2.into()),
        ("switch".to_owned(), serde_json::json!({ "did": "count" })),
    ]
    .into();
    assert_eq!(*world.files.lock().unwrap(), files, "{story}");
    let entries = world.journal.all();
    let state = State::of(&entries).unwrap();
    assert_eq!(state.ended, Some(Ended::Succeeded), "{story}");
    for step in STEPS {
        let intents = state.attempts[step];
        let performed = world.performed(step);
        assert!(
            (1..=intents).contains(&performed),
            "{story}: {step} performed {performed} times, {intents} intents"
        );
        let done = |e: &&Entry| matches!(&e.event, Event::Done { step: id, .. } if id == step);
        assert_eq!(entries.iter().filter(done).count(), 1, "{story}: {step}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_died_anywhere_ends_as_if_it_had_not() {
    let (_, _, end) = undisturbed().await;
    for death in every_death().await {
        for heir in ["ann", "bob"] {
            let world = Arc::new(World::new(&Arc::default()));
            let story = format!("ann dies {death:?}, {heir} goes on");
            let first = live(&world, "ann", death).await;
            let lost = matches!(death, Death::AtAppend(_, Fault::Lose { .. } | Fault::Repeat));
            assert_eq!(first.is_some(), lost, "{story}");
            if let Some(result) = first {
                judge(&world, &result.unwrap(), &end, &story);
            }
            let result = live(&world, heir, Death::Never).await.unwrap().unwrap();
            judge(&world, &result, &end, &story);
            let intents: u32 = State::of(&world.journal.all()).unwrap().attempts.values().sum();
            assert!(intents <= 1 + STEPS.len() as u32, "{story}: one death repeats one step at most");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_died_twice_ends_as_if_it_had_not() {
    let (_, _, end) = undisturbed().await;
    let deaths = every_death().await;
    for first in &deaths {
        for second in &deaths {
            let world = Arc::new(World::new(&Arc::default()));
            live(&world, "ann", *first).await;
            live(&world, "bob", *second).await;
            let result = live(&world, "cleo", Death::Never).await.unwrap().unwrap();
            judge(&world, &result, &end, &format!("{first:?}, then {second:?}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_finished_run_does_nothing_and_gives_the_same_result() {
    let world = Arc::new(World::new(&Arc::default()));
    let first = live(&world, "ann", Death::Never).await.unwrap();
    let entries = world.journal.all();
    assert_eq!(live(&world, "bob", Death::Never).await.unwrap(), first);
    assert_eq!(world.journal.all(), entries);
    assert_eq!(STEPS.map(|step| world.performed(step)), [1, 1, 1]);
}
