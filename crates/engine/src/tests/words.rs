//! What people say and find out: words while somebody else runs, answers while nobody does.

use super::world::*;
use crate::*;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

fn word(word: &str) -> Word {
    Word {
        word: word.to_owned(),
        by: "cleo".to_owned(),
        because: "it is time".to_owned(),
    }
}

/// A run whose first step must not be repeated, and was killed in the middle of it.
async fn killed() -> (Arc<Memory>, Arc<World>, Vec<StepPlan>) {
    let journal = begun().await;
    let world = Arc::new(World::new(&journal));
    let mut steps = steps();
    steps[0].repeatable = false;
    let (one, other) = (world.clone(), steps.clone());
    let life = tokio::spawn(async move {
        let watcher = Watcher { die_at: Some(1), ..Watcher::default() };
        run(&other, &Link::new(&one.journal), &*one, &Runner::new("ann"), &watcher).await
    });
    assert!(life.await.is_err(), "it was killed");
    (journal, world, steps)
}

#[tokio::test(start_paused = true)]
async fn a_step_that_is_not_safe_to_repeat_is_asked_about() {
    let (journal, world, steps) = killed().await;
    let (link, bob) = (Link::new(&journal), Runner::new("bob"));
    let go = async || run(&steps, &link, &*world, &bob, &()).await;
    let unsure = Err(Error::Unsure { step: "copy".to_owned(), attempt: 1 });
    assert_eq!(go().await, unsure);
    say(&link, &bob, "copy", word("approve")).await.unwrap();
    assert_eq!(go().await, unsure, "another word is none");
    say(&link, &bob, "copy", word(Word::REPEAT)).await.unwrap();
    go().await.unwrap();
    assert_eq!(world.performed("copy"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_word_holds_for_one_attempt() {
    let (journal, world, steps) = killed().await;
    let (link, bob) = (Link::new(&journal), Runner::new("bob"));
    say(&link, &bob, "copy", word(Word::REPEAT)).await.unwrap();
    world.failures.lock().unwrap().push(problem(true));
    let go = async || run(&steps, &link, &*world, &bob, &()).await;
    let error = go().await.unwrap_err();
    assert!(matches!(error, Error::StepFailed { attempt: 2, .. }), "{error}");
    assert_eq!(go().await, Err(Error::Unsure { step: "copy".to_owned(), attempt: 2 }));
}

#[tokio::test(start_paused = true)]
async fn what_a_person_has_found_out_is_written_down() {
    let (journal, world, _) = killed().await;
    let (link, bob) = (Link::new(&journal), Runner::new("bob"));
    let found = json!({ "by": "bob", "because": "it is there" });
    answer(&link, &bob, "copy", Answer::Done(found.clone())).await.unwrap();
    answer(&link, &bob, "count", Answer::Skip("nobody counts".to_owned()))
        .await
        .unwrap();
    let again = answer(&link, &bob, "count", Answer::Skip(String::new())).await.unwrap_err();
    assert_eq!(again.to_string(), "the steps cannot be run: step count is settled already");
    let state = State::of(&journal.all()).unwrap();
    assert!(state.is_nobodys());
    assert_eq!((state.outcome("copy"), state.skipped["count"].as_str()), (Some(&found), "nobody counts"));
    assert_eq!(world.performed("copy"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_word_between_two_entries_disturbs_nobody() {
    let journal = begun().await;
    let world = Arc::new(World { takes: Duration::from_secs(60), ..World::new(&journal) });
    let link = Arc::new(Link::new(&journal));
    let ann = {
        let (link, world) = (link.clone(), world.clone());
        tokio::spawn(async move { run(&steps(), &*link, &*world, &Runner::new("ann"), &()).await })
    };
    for _ in 0..5 {
        ambient::sleep(Duration::from_secs(13)).await;
        say(&*link, &Runner::new("cleo"), "count", word("approve")).await.unwrap();
    }
    ann.await.unwrap().unwrap();
    assert_eq!(STEPS.map(|step| world.performed(step)), [1, 1, 1]);
    let state = State::of(&journal.all()).unwrap();
    assert_eq!((state.words.len(), state.runner.as_deref()), (5, Some("ann")));
    let over = say(&*link, &Runner::new("cleo"), "count", word("approve")).await;
    assert!(matches!(over, Err(Error::Over { how: Ended::Succeeded, .. })), "{over:?}");
}

#[tokio::test(start_paused = true)]
async fn a_word_is_no_sign_of_life() {
    let journal = begun().await;
    let link = Arc::new(Link::new(&journal));
    let bob = Runner::new("bob");
    let talking = async {
        loop {
            ambient::sleep(Duration::from_secs(6)).await;
            say(&*link, &Runner::new("cleo"), "count", word("approve")).await.unwrap();
        }
    };
    tokio::select! {
        state = wait_claimable(&*link, &bob) => assert_eq!(state.unwrap().words.len(), 2),
        () = talking => unreachable!("it talks for ever"),
    }
}
