//! Where a run stands: a pure fold of its journal. Start at [`State`]; which entries may follow is in `fold.rs`.

use crate::{Ended, Entry, Problem};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// Where a run stands after some entries of its journal. The default is a run that has not begun.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The number of the next entry; 0 for a run that has not begun.
    pub next: u64,
    /// The plan, once the run has begun.
    pub plan: Option<Value>,
    /// When the run began, by its first runner's clock.
    pub begun: Option<Timestamp>,
    /// The runner that claimed the run last.
    pub claimant: Option<String>,
    /// The runner of the last entry.
    pub runner: Option<String>,
    /// The time of the last entry, by its runner's clock.
    pub last: Option<Timestamp>,
    /// The steps that are done and their outcomes, in the order in which they were done.
    pub done: Outcomes,
    /// The step with an intent and no outcome: being performed, or broken off.
    pub in_flight: Option<InFlight>,
    /// The failure of the step that was tried last, until it is begun again.
    pub failed: Option<Failure>,
    /// How often each step has been begun, by its id.
    pub attempts: BTreeMap<String, u32>,
    /// How the run ended, and no entry follows.
    pub ended: Option<Ended>,
    /// Whether the intent in flight was written under the present claim: only then can an outcome follow.
    pub(crate) open: bool,
    /// Whether the last entry is a failure for good.
    pub(crate) released: bool,
}

/// A step that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// The step's id.
    pub step: String,
    /// Which attempt it is: 1 for the first.
    pub attempt: u32,
    /// When it was begun, by its runner's clock.
    pub since: Timestamp,
}

/// A step that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The step's id.
    pub step: String,
    /// Which attempt it was: 1 for the first.
    pub attempt: u32,
    /// What went wrong.
    pub problem: Problem,
    /// Whether its runner tries again by itself; otherwise the run was free to be claimed.
    pub retry: bool,
    /// When it failed, by its runner's clock.
    pub at: Timestamp,
}

/// The outcomes of the steps that are done, by step id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcomes(Vec<(String, Value)>);

/// An entry that cannot stand where it does: the journal was damaged or tampered with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {seq} of the journal is not possible: {reason}")]
pub struct Damaged {
    /// The number that the entry has or should have.
    pub seq: u64,
    /// What is wrong with it.
    pub reason: String,
}

impl State {
    /// Folds a journal, from its first entry on.
    ///
    /// # Errors
    /// [`Damaged`] for the first entry that is missing, doubled, or cannot follow those before it.
    pub fn of(entries: &[Entry]) -> Result<Self, Damaged> {
        let mut state = Self::default();
        for entry in entries {
            state.check(entry)?;
            state.note(entry);
        }
        Ok(state)
    }

    /// The outcome of a step, if it is done.
    pub fn outcome(&self, step: &str) -> Option<&Value> {
        self.done.get(step)
    }
}

impl Outcomes {
    /// The outcome of a step, if it is done.
    pub fn get(&self, step: &str) -> Option<&Value> {
        self.0.iter().find(|(id, _)| id == step).map(|(_, outcome)| outcome)
    }

    /// Steps and outcomes, in the order in which the steps were done.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(id, outcome)| (id.as_str(), outcome))
    }

    /// How many steps are done.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no step is done.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// For tests of single steps, which get outcomes without a run.
impl FromIterator<(String, Value)> for Outcomes {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(outcomes: I) -> Self {
        Self(outcomes.into_iter().collect())
    }
}

impl Extend<(String, Value)> for Outcomes {
    fn extend<I: IntoIterator<Item = (String, Value)>>(&mut self, outcomes: I) {
        self.0.extend(outcomes);
    }
}
