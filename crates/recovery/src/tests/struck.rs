//! Every step of a playbook failed, hung, killed and repeated, by the harness of the engine: real scripts, on this machine. Start at
//! [`struck`].

use super::{name, repository};
use crate::{Mode, Work, World, runs};
use engine::harness::{Blow, Memory, strike};
use engine::{Answer, Error, Journal, Runner, Word};
use estate::Estate;
use futures::StreamExt;
use plan::{Books, Facts, Plan};
use repository::Repository;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const STEPS: [&str; 6] = ["make", "left", "right", "look", "inner.use", "end"];

/// A step that must not be done twice, two side by side, one that looks, one of a child with what came of another, one that only a
/// condition on that lets through.
const PLAYBOOK: &str = r#"
playbooks:
  child:
    what: What is done with a word.
    parameters: {word: {type: text, what: The word.}}
    steps:
      - id: use
        what: Write the word down.
        kind: script
        with: {run: 'echo "$INPUT_WORD" > DIR/used', inputs: {word: "${{ parameters.word }}"}, undo: rm -f DIR/used}
        idempotent: true
  day:
    what: What is done on such a day.
    steps:
      - id: make
        what: Write a line.
        kind: script
        with: {run: echo made >> DIR/made, undo: rm -f DIR/made}
      - id: left
        what: Make a word.
        kind: script
        idempotent: true
        with: {run: 'touch DIR/left; echo word=ready >> "$LIFEBOAT_OUTPUTS"', undo: rm -f DIR/left}
      - id: right
        what: Make a file at the same time.
        kind: script
        after: [make]
        idempotent: true
        with: {run: touch DIR/right, check: test -e DIR/right, undo: rm -f DIR/right}
      - id: look
        what: See both.
        kind: probe
        after: [left, right]
        with: {command: {run: test -e DIR/left -a -e DIR/right}}
      - id: inner
        what: Use what came of it.
        kind: playbook
        with: {playbook: child, word: "${{ steps.left.outputs.word }}"}
      - id: end
        what: Say that it is over.
        kind: script
        when: steps.left.outputs.word == "ready"
        idempotent: true
        with: {run: touch DIR/over, undo: rm -f DIR/over}
"#;

/// A plan of the playbook whose files are in `directory`, and its world.
fn planned(directory: &Path) -> (World, Plan) {
    let text = format!("{}{PLAYBOOK}", super::ESTATE).replace("DIR", &directory.display().to_string());
    let estate = Estate::parse("lifeboat.yaml", &text).unwrap();
    let books = Books::of(&estate, ("lifeboat.yaml", &text), |_| Err(String::new())).unwrap();
    let book = books.get(&name("day")).unwrap();
    let plan = plan::make(&estate, &books, book, &name("rancher"), &Facts::default(), super::at(0.0)).unwrap();
    (World::new(estate, text, directory.join("lifeboat.yaml"), None), plan)
}

/// The files of a directory and what is in them.
fn files(directory: &Path) -> BTreeMap<String, String> {
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        (
            entry.file_name().to_string_lossy().into_owned(),
            std::fs::read_to_string(entry.path()).unwrap(),
        )
    };
    std::fs::read_dir(directory).unwrap().map(read).collect()
}

/// Lets one blow fall, does what a person would do when asked, and compares what is there in the end with what has to be; then undoes it
/// all. Says whether the blow fell.
async fn struck(repository: &Repository, step: &str, blow: Blow) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let (world, plan) = planned(directory.path());
    assert_eq!(plan.steps.iter().map(|step| &*step.id).collect::<Vec<_>>(), STEPS);
    let journal = Memory::default();
    let work = Work {
        world: &world,
        repository,
        journal: &journal,
        number: 1,
        typed: "1",
        plan: &plan,
        mode: Mode::Scripted,
    };
    let runner = Runner::new("runner");
    let case = format!("{blow:?} at {step}");
    let steps = crate::run::steps(work);
    let carrier = crate::run::Carrier { work };
    let struck = strike(&steps, &journal, &carrier, (step, blow), Duration::from_secs(2))
        .await
        .unwrap();
    let mut end = struck.end.map(|_| ());
    if let Err(Error::Unsure { step: asked, .. }) = &end {
        assert_eq!((&**asked, step), ("make", "make"), "{case}: the others may be repeated");
        if directory.path().join("made").exists() {
            let outcome = json!({ "exit": 0, "outputs": {}, "said": "" });
            engine::answer(&journal, &runner, "make", Answer::Done(outcome)).await.unwrap();
        } else {
            let word = Word {
                word: Word::REPEAT.to_owned(),
                by: "ann".to_owned(),
                because: String::new(),
            };
            engine::say(&journal, &runner, "make", word).await.unwrap();
        }
        end = engine::run(&steps, &journal, &carrier, &runner, &()).await.map(|_| ());
    }
    end.unwrap_or_else(|error| panic!("{case}: {error}"));
    let wanted = [
        ("left", ""),
        ("made", "made\n"),
        ("over", ""),
        ("right", ""),
        ("used", "ready\n"),
    ];
    let wanted: BTreeMap<String, String> = wanted.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    assert_eq!(files(directory.path()), wanted, "{case}");

    crate::undo(work, &runner, &(), None)
        .await
        .unwrap_or_else(|error| panic!("{case}: undoing: {error}"));
    assert!(files(directory.path()).is_empty(), "{case}: undone");
    struck.fell
}

#[tokio::test]
async fn whatever_befalls_a_step_the_run_comes_to_the_same_end_and_back() {
    let directory = tempfile::tempdir().unwrap();
    let repository = repository(directory.path()).await;
    let blows = [
        Blow::Fail,
        Blow::FailAfter,
        Blow::Flicker,
        Blow::Hang,
        Blow::HangAfter,
        Blow::DieBefore,
        Blow::DieInside(1),
        Blow::DieInside(2),
        Blow::DieAfter,
        Blow::Repeat,
    ];
    let cases = STEPS.iter().flat_map(|step| blows.map(|blow| (*step, blow)));
    // What must not be repeated is not: that it is asked about first is seen in the other cases.
    let cases = cases.filter(|case| *case != ("make", Blow::Repeat));
    let fell: Vec<(&str, Blow, bool)> = futures::stream::iter(cases)
        .map(|(step, blow)| {
            let repository = &repository;
            async move { (step, blow, struck(repository, step, blow).await) }
        })
        .buffer_unordered(4)
        .collect()
        .await;
    // A probe has one inner point.
    let missed: Vec<_> = fell
        .iter()
        .filter(|(_, _, fell)| !fell)
        .map(|(step, blow, _)| (*step, *blow))
        .collect();
    assert!(
        missed.iter().all(|(step, blow)| *step == "look" && *blow == Blow::DieInside(2)),
        "{missed:?}"
    );
    assert_eq!((fell.len(), missed.len()), (59, 1));
}

/// What every journal has to do.
async fn conforms(journal: &dyn Journal, other: &dyn Journal) {
    assert_eq!(journal.entries().await.unwrap(), []);
    let runner = Runner::new("one");
    engine::begin(journal, json!({ "is": "a plan" }), &runner).await.unwrap();
    engine::begin(journal, json!({ "is": "a plan" }), &runner).await.unwrap();
    let first = journal.entries().await.unwrap();
    assert_eq!(first.len(), 1, "begun twice, written once");
    assert_eq!(other.entries().await.unwrap(), first, "whoever opens it sees the same");

    let next = engine::Entry { seq: first[0].seq + 1, ..first[0].clone() };
    let theirs = engine::Entry { runner: "two".to_owned(), ..next.clone() };
    let both = futures::join!(journal.append(&next), other.append(&theirs));
    let taken = engine::JournalError::Taken { seq: next.seq };
    let won = match both {
        (Ok(()), Err(lost)) if lost == taken => next.clone(),
        (Err(lost), Ok(())) if lost == taken => theirs,
        both => panic!("of two one wins: {both:?}"),
    };
    assert_eq!(other.entries().await.unwrap(), [first[0].clone(), won.clone()]);
    assert_eq!(journal.append(&next).await.unwrap_err(), taken);
    assert_eq!(journal.entries().await.unwrap(), [first[0].clone(), won], "what is there stays as it was");
}

#[tokio::test]
async fn a_journal_in_memory_conforms() {
    let memory = Memory::default();
    conforms(&memory, &memory).await;
}

#[tokio::test]
async fn a_journal_in_a_repository_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let repository = repository(directory.path()).await;
    let journal = || runs::InRepository { repository: &repository, run: 7 };
    conforms(&journal(), &journal()).await;
}

#[tokio::test]
async fn a_journal_in_a_directory_conforms_and_damage_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let journal = runs::InDirectory(directory.path().join("run"));
    let none = runs::Kept::Directory(&journal).read(0).await.unwrap_err();
    assert_eq!(&*none.code, "LB0705", "{none}");
    conforms(&journal, &journal.clone()).await;
    // What a crash leaves of a write is no entry; what a disk has harmed is named.
    std::fs::write(journal.0.join(".entry-x1"), "{").unwrap();
    assert_eq!(journal.entries().await.unwrap().len(), 2);
    std::fs::write(journal.0.join("000001.json"), "{").unwrap();
    let damaged = journal.entries().await.unwrap_err();
    assert!(matches!(damaged, engine::JournalError::Damaged { .. }), "{damaged}");
    let read = runs::Kept::Directory(&journal).read(0).await.unwrap_err();
    assert_eq!(&*read.code, "LB0703", "{read}");
}
