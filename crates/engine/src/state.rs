//! Where a run stands: a pure fold of its journal. Start at [`State`]; which entries may follow is in `fold.rs`.

use crate::{Ended, Entry, Problem, Word};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

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
    /// The runner of the last entry that is a runner's.
    pub runner: Option<String>,
    /// The time of that entry, by its runner's clock.
    pub last: Option<Timestamp>,
    /// The steps that are done and their outcomes, in the order in which they were done.
    pub done: Outcomes,
    /// The steps that are left out, and why.
    pub skipped: BTreeMap<String, String>,
    /// The steps with an intent and no outcome, in the order of their intents: being performed, or broken off.
    pub in_flight: Vec<InFlight>,
    /// The steps whose last attempt failed, in the order of their failures, until they are begun again or left out.
    pub failed: Vec<Failure>,
    /// How often each step has been begun, by its id.
    pub attempts: BTreeMap<String, u32>,
    /// What was said about steps, in its order.
    pub words: Vec<Said>,
    /// Whether the run is being undone, and how far.
    pub turned: Option<Turned>,
    /// The steps that were undone and not begun again, the newest first.
    pub undone: Vec<String>,
    /// How the run ended.
    pub ended: Option<Ended>,
    /// How many entries are signs of a runner's life: all but words.
    pub(crate) signs: u64,
    /// Under which number the first intent of each step stands that was begun and is not undone.
    pub(crate) begun_at: BTreeMap<String, u64>,
    /// Under which number each step was settled: done or left out.
    pub(crate) settled_at: BTreeMap<String, u64>,
    /// The steps whose intents were written under the present claim: only then can an outcome follow.
    pub(crate) open: BTreeSet<String>,
    /// Whether the run is nobody's.
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
    /// The number of its intent.
    pub(crate) seq: u64,
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
    /// Whether its runner tries again by itself.
    pub retry: bool,
    /// When it failed, by its runner's clock.
    pub at: Timestamp,
    /// The number of its entry.
    pub(crate) seq: u64,
}

/// A word about a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The step's id.
    pub step: String,
    /// What was said.
    pub word: Word,
    /// When, by the clock of whoever said it.
    pub at: Timestamp,
    /// The number of its entry.
    pub seq: u64,
}

/// A run that is being undone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turned {
    /// The gate that it goes back to; none: all is undone.
    pub to: Option<String>,
    /// The step that is being undone, or whose undoing was broken off.
    pub in_flight: Option<InFlight>,
    /// The step that could not be undone, until that is begun again.
    pub failed: Option<Failure>,
    /// How often the undoing of each step was begun.
    pub attempts: BTreeMap<String, u32>,
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

    /// Whether a step is done or left out, so that those after it may be begun.
    pub fn is_settled(&self, step: &str) -> bool {
        self.done.get(step).is_some() || self.skipped.contains_key(step)
    }

    /// The failure that the run stands still at, if it does: one that its runner does not try again by itself.
    pub fn stopped(&self) -> Option<&Failure> {
        let undoing = self.turned.as_ref().and_then(|turned| turned.failed.as_ref());
        let failed = undoing.or_else(|| self.failed.iter().rev().find(|failed| !failed.retry));
        failed.filter(|_| self.released && self.ended.is_none())
    }

    /// Whether a runner has stopped by itself, so that anybody may claim the run at once.
    pub fn is_nobodys(&self) -> bool {
        self.released
    }

    /// The newest word of a kind about a step since its last attempt was begun.
    pub fn word(&self, step: &str, word: &str) -> Option<&Said> {
        let since = self.in_flight.iter().find(|flight| flight.step == step).map(|it| it.seq);
        let since = since.max(self.failed.iter().find(|failed| failed.step == step).map(|it| it.seq));
        let of_step = |said: &&Said| said.step == step && said.word.word == word;
        self.words.iter().rev().find(of_step).filter(|said| Some(said.seq) > since)
    }

    /// The steps that turning back to a gate undoes, or to the beginning: those begun since, the newest first.
    pub fn to_undo(&self, gate: Option<&str>) -> Vec<&str> {
        let since = gate.and_then(|gate| self.settled_at.get(gate)).copied();
        let begun = self.begun_at.iter().filter(|(_, seq)| since.is_none_or(|since| **seq > since));
        let mut steps: Vec<(u64, &str)> = begun.map(|(step, seq)| (*seq, step.as_str())).collect();
        steps.sort_unstable_by(|a, b| b.cmp(a));
        steps.into_iter().map(|(_, step)| step).collect()
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

    pub(crate) fn remove(&mut self, step: &str) {
        self.0.retain(|(id, _)| id != step);
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
