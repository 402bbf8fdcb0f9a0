//! The written form of entries: golden, since journals outlive binaries.

use super::world::problem;
use crate::*;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

fn every_event() -> Vec<Event> {
    let step = || "dns".to_owned();
    let mut error = problem(true).problem;
    error.causes.push("no space left on device".to_owned());
    error.hint = Some("df /data".to_owned());
    vec![
        Event::Begun { plan: json!({ "playbook": "failover" }) },
        Event::Claimed {},
        Event::Alive {},
        Event::Intent { step: step(), attempt: 1 },
        Event::Failed { step: step(), attempt: 1, error, retry: true },
        Event::Failed {
            step: step(),
            attempt: 2,
            error: problem(false).problem,
            retry: false,
        },
        Event::Done { step: step(), attempt: 3, outcome: json!(null) },
        Event::Ended { how: Ended::Succeeded },
        Event::Ended { how: Ended::Failed { step: step() } },
        Event::Ended { how: Ended::Cancelled },
        Event::Skipped { step: step(), reason: "nobody needs it".to_owned() },
        Event::Word {
            step: step(),
            word: Word {
                word: Word::REPEAT.to_owned(),
                by: "ann".to_owned(),
                because: "looked: nothing was sent".to_owned(),
            },
        },
        Event::TurnedBack { to: None },
        Event::TurnedBack { to: Some("gate".to_owned()) },
        Event::Undoing { step: step(), attempt: 1 },
        Event::UndoFailed {
            step: step(),
            attempt: 1,
            error: problem(true).problem,
            retry: true,
        },
        Event::Undone { step: step(), attempt: 2, outcome: json!({}) },
        Event::Stopped {},
        Event::Ended { how: Ended::Undone },
    ]
}

fn entries() -> Vec<Entry> {
    let at: Timestamp = "2026-03-01T02:03:04.567890123Z".parse().unwrap();
    let entry = |(event, seq)| Entry { seq, at, runner: "standby-1".to_owned(), event };
    every_event().into_iter().zip(0..).map(entry).collect()
}

#[test]
fn entries_have_one_written_form() {
    let lines: Vec<String> = entries().iter().map(|e| serde_json::to_string(e).unwrap()).collect();
    insta::assert_snapshot!("entries", lines.join("\n"));
}

#[test]
fn what_was_written_is_read_back() {
    for entry in entries() {
        let line = serde_json::to_string(&entry).unwrap();
        assert_eq!(serde_json::from_str::<Entry>(&line).unwrap(), entry, "{line}");
    }
}

proptest! {
    #[test]
    fn bytes_that_are_no_entry_are_refused_without_a_panic(at in 0usize..120, byte in any::<u8>(), n in 0usize..19) {
        let entry = &entries()[n];
        let mut bytes = serde_json::to_vec(entry).unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(read) = serde_json::from_slice::<Entry>(&bytes) {
            // Whatever it says now, it can be judged.
            let _ = State::of(&[read]);
        }
        prop_assert!(serde_json::from_slice::<Entry>(&bytes[..at]).is_err(), "a part of an entry is no entry");
    }
}
