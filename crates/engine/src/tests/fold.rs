//! The fold: every prefix of what a runner can write, and everything that it cannot.

use super::world::problem;
use crate::*;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

fn entry(seq: u64, runner: &str, event: Event) -> Entry {
    Entry {
        seq,
        at: Timestamp::UNIX_EPOCH,
        runner: runner.to_owned(),
        event,
    }
}

fn journal(events: &[(&str, Event)]) -> Vec<Entry> {
    let entries = events.iter().zip(0..);
    entries
        .map(|((runner, event), seq)| entry(seq, runner, event.clone()))
        .collect()
}

fn begun() -> Event {
    Event::Begun { plan: json!({}) }
}

fn intent(step: &str, attempt: u32) -> Event {
    Event::Intent { step: step.to_owned(), attempt }
}

fn done(step: &str, attempt: u32) -> Event {
    Event::Done { step: step.to_owned(), attempt, outcome: json!(attempt) }
}

fn failed(step: &str, attempt: u32, retry: bool) -> Event {
    Event::Failed {
        step: step.to_owned(),
        attempt,
        error: problem(retry).problem,
        retry,
    }
}

fn back(to: Option<&str>) -> Event {
    Event::TurnedBack { to: to.map(str::to_owned) }
}

fn ended(how: Ended) -> Event {
    Event::Ended { how }
}

/// Journals as runners write them: each number chooses what may come next.
fn valid() -> impl Strategy<Value = Vec<Entry>> {
    prop::collection::vec((0..6u8, 0..3u8), 0..60).prop_map(|choices| {
        let mut events = vec![("ann", begun()), ("ann", Event::Claimed {})];
        let (mut runner, mut step, mut attempt, mut open) = ("ann", 0, 0, false);
        for (choice, who) in choices {
            let id = format!("step-{step}");
            let event = match choice {
                0 => {
                    runner = ["ann", "bob", "cleo"][usize::from(who)];
                    open = false;
                    Event::Claimed {}
                }
                1 => Event::Alive {},
                2 | 3 if open => {
                    open = false;
                    (step, attempt) = (step + 1, 0);
                    events.push((runner, done(&id, attempt_of(&events))));
                    continue;
                }
                4 if open => {
                    open = false;
                    failed(&id, attempt, who == 0)
                }
                _ => {
                    attempt += 1;
                    open = true;
                    intent(&id, attempt)
                }
            };
            events.push((runner, event));
        }
        if attempt == 0 {
            events.push((runner, ended(Ended::Succeeded)));
        }
        journal(&events)
    })
}

/// The attempt of the last intent.
fn attempt_of(events: &[(&str, Event)]) -> u32 {
    let last = events.iter().rev().find_map(|(_, event)| match event {
        Event::Intent { attempt, .. } => Some(*attempt),
        _ => None,
    });
    last.unwrap()
}

proptest! {
    #[test]
    fn every_prefix_of_a_valid_journal_folds(entries in valid()) {
        for end in 0..=entries.len() {
            let state = State::of(&entries[..end]).unwrap();
            prop_assert_eq!(state.next, end as u64);
            let done = |e: &&Entry| matches!(e.event, Event::Done { .. });
            prop_assert_eq!(state.done.len(), entries[..end].iter().filter(done).count());
        }
    }

    #[test]
    fn a_gap_is_named(entries in valid(), at in any::<prop::sample::Index>()) {
        let at = at.index(entries.len() - 1);
        let mut rest = entries;
        rest.remove(at);
        prop_assert_eq!(State::of(&rest).unwrap_err().seq, at as u64);
    }

    #[test]
    fn a_double_is_named(entries in valid(), at in any::<prop::sample::Index>()) {
        let at = at.index(entries.len());
        let mut more = entries;
        more.insert(at, more[at].clone());
        let damaged = State::of(&more).unwrap_err();
        prop_assert_eq!(damaged.seq, at as u64);
        prop_assert!(damaged.reason.ends_with("is there twice"));
    }

    #[test]
    fn an_entry_by_one_who_has_not_claimed_the_run_is_named(entries in valid(), at in any::<prop::sample::Index>()) {
        let at = at.index(entries.len());
        let mut entries = entries;
        entries[at].runner = "mallory".to_owned();
        let anybodys = matches!(entries[at].event, Event::Begun { .. } | Event::Claimed {});
        prop_assume!(!anybodys);
        prop_assert_eq!(State::of(&entries).unwrap_err().seq, at as u64);
    }
}

#[test]
fn what_no_runner_writes_is_damaged_and_named() {
    let claimed = |rest: Vec<(&'static str, Event)>| {
        let mut events = vec![("ann", begun()), ("ann", Event::Claimed {})];
        events.extend(rest);
        events
    };
    let cases = [
        (vec![("ann", Event::Claimed {})], "entry 0: claim: the run has not begun"),
        (vec![("ann", begun()), ("ann", begun())], "entry 1: beginning: the run had begun before"),
        (
            vec![("ann", begun()), ("ann", Event::Alive {})],
            "entry 1: sign of life: nobody has claimed the run",
        ),
        (
            claimed(vec![("bob", Event::Alive {})]),
            "entry 2: sign of life: it is by bob, but ann has claimed the run",
        ),
        (claimed(vec![("ann", done("dns", 1))]), "entry 2: outcome of step dns: it has no intent"),
        (
            claimed(vec![("ann", intent("dns", 2))]),
            "entry 2: intent of step dns, attempt 2: 0 attempts came before",
        ),
        (
            claimed(vec![("ann", intent("dns", 1)), ("ann", done("fence", 1))]),
            "entry 3: outcome of step fence: it has no intent",
        ),
        (
            claimed(vec![
                ("ann", Event::Skipped { step: "dns".to_owned(), reason: String::new() }),
                ("ann", intent("dns", 1)),
            ]),
            "entry 3: intent of step dns, attempt 1: the step is left out",
        ),
        (
            claimed(vec![("ann", intent("dns", 1)), ("ann", Event::Stopped {})]),
            "entry 3: stop: step dns is in flight",
        ),
        (
            claimed(vec![("ann", Event::Undoing { step: "dns".to_owned(), attempt: 1 })]),
            "entry 2: undoing of step dns, attempt 1: the run is not being undone",
        ),
        (
            claimed(vec![("ann", back(None)), ("ann", intent("dns", 1))]),
            "entry 3: intent of step dns, attempt 1: the run is being undone",
        ),
        (
            claimed(vec![("ann", back(Some("gate")))]),
            "entry 2: turning back to gate: step gate is not done",
        ),
        (
            claimed(vec![
                ("ann", intent("dns", 1)),
                ("bob", back(None)),
                ("bob", ended(Ended::Undone)),
            ]),
            "entry 4: end: step dns is not undone",
        ),
        (
            claimed(vec![("ann", back(None)), ("ann", ended(Ended::Undone)), ("ann", back(None))]),
            "entry 4: turning back: the run is undone",
        ),
        (
            claimed(vec![
                ("ann", intent("dns", 1)),
                ("ann", done("dns", 1)),
                ("ann", intent("dns", 2)),
            ]),
            "entry 4: intent of step dns, attempt 2: the step is done",
        ),
        (
            claimed(vec![
                ("ann", intent("dns", 1)),
                ("bob", Event::Claimed {}),
                ("bob", done("dns", 1)),
            ]),
            "entry 4: outcome of step dns: the run was claimed after the intent",
        ),
        (
            claimed(vec![
                ("ann", intent("dns", 1)),
                ("ann", intent("dns", 2)),
                ("ann", done("dns", 1)),
            ]),
            "entry 4: outcome of step dns: attempt 2 is in flight",
        ),
        (
            claimed(vec![("ann", intent("dns", 1)), ("ann", ended(Ended::Succeeded))]),
            "entry 3: end: step dns is not done",
        ),
        (
            claimed(vec![("ann", ended(Ended::Failed { step: "dns".to_owned() }))]),
            "entry 2: end: step dns has not failed",
        ),
        (
            claimed(vec![("bob", ended(Ended::Cancelled)), ("ann", Event::Claimed {})]),
            "entry 3: claim: the run has ended before (cancelled)",
        ),
    ];
    for (events, told) in cases {
        let Damaged { seq, reason } = State::of(&journal(&events)).unwrap_err();
        assert_eq!(format!("entry {seq}: {reason}"), told);
    }
}

#[test]
fn the_state_tells_what_is_done_what_failed_and_what_was_broken_off() {
    let mut events = vec![
        ("ann", begun()),
        ("ann", Event::Claimed {}),
        ("ann", intent("fence", 1)),
        ("ann", done("fence", 1)),
        ("ann", intent("dns", 1)),
        ("ann", failed("dns", 1, false)),
    ];
    let state = State::of(&journal(&events)).unwrap();
    assert_eq!(state.outcome("fence"), Some(&json!(1)));
    assert_eq!(state.stopped().map(|failed| (failed.step.as_str(), failed.attempt)), Some(("dns", 1)));
    assert_eq!(state.in_flight, []);

    events.extend([
        ("bob", Event::Claimed {}),
        ("bob", intent("dns", 2)),
        ("bob", Event::Alive {}),
    ]);
    let state = State::of(&journal(&events)).unwrap();
    let flights: Vec<_> = state
        .in_flight
        .iter()
        .map(|flight| (flight.step.as_str(), flight.attempt))
        .collect();
    assert_eq!(flights, [("dns", 2)]);
    assert_eq!((state.failed.len(), state.claimant.as_deref()), (0, Some("bob")));

    events.truncate(6);
    events.push(("cleo", ended(Ended::Failed { step: "dns".to_owned() })));
    let state = State::of(&journal(&events)).unwrap();
    assert_eq!(state.ended.unwrap().to_string(), "failed at step dns");
}
