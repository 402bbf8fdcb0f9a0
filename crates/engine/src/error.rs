//! What can go wrong with a run as a whole; what goes wrong inside a step is a [`Problem`].

use crate::{Damaged, Ended, Problem};
use jiff::Timestamp;

/// Why a run did not end as asked. After every one of these the journal is sound, and the run can be looked at or resumed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// The journal has no entry.
    #[error("the run has not begun: its journal is empty")]
    NotBegun,
    /// The journal belongs to a run with another plan.
    #[error("the run was begun with another plan")]
    OtherPlan,
    /// The given steps are not those of the journal, or no steps at all.
    #[error("the steps cannot be run: {reason}")]
    Steps {
        /// The step and what is wrong with it.
        reason: String,
    },
    /// Another runner is at work on the run.
    #[error("runner {runner} is at work on the run, last seen at {since}")]
    Busy {
        /// Its id.
        runner: String,
        /// Its last sign of life, by its own clock.
        since: Timestamp,
    },
    /// Another runner has claimed the run, so this one has stopped; a step in flight was broken off.
    #[error("runner {by} has claimed the run")]
    Superseded {
        /// Its id.
        by: String,
    },
    /// The run has ended already, or somebody ended it now.
    #[error("the run is over: {how}, by {by}")]
    Over {
        /// How it ended.
        how: Ended,
        /// Who ended it.
        by: String,
    },
    /// A step failed, and all its attempts are used up or no other would help. The run can be resumed at this step.
    #[error("step {step} failed at attempt {attempt}: {problem}")]
    StepFailed {
        /// The step's id.
        step: String,
        /// The attempt that failed last: 1 for the first of all runners.
        attempt: u32,
        /// What went wrong.
        problem: Box<Problem>,
    },
    /// A step was begun, is not known to be safe to repeat, and nobody knows how far it came. Somebody has to look and say: see
    /// [`crate::answer`].
    #[error("step {step} was begun, and whether it may be begun again is for a person to say")]
    Unsure {
        /// The step's id.
        step: String,
        /// The attempt whose end is not known, or that failed.
        attempt: u32,
    },
    /// A step failed, and what was begun since a gate is undone, as its plan has it. The run can be resumed from there.
    #[error("step {step} failed, and the run is undone back to {}: {problem}", gate.as_deref().unwrap_or("its beginning"))]
    TurnedBack {
        /// The step's id.
        step: String,
        /// What went wrong.
        problem: Box<Problem>,
        /// The gate; none: everything is undone and the run is over.
        gate: Option<String>,
    },
    /// The run was being undone, and is now back at a gate. It can be resumed from there.
    #[error("the run is undone back to {gate}")]
    Back {
        /// The gate.
        gate: String,
    },
    /// A step could not be undone. The undoing can be resumed at this step.
    #[error("step {step} could not be undone at attempt {attempt}: {problem}")]
    UndoFailed {
        /// The step's id.
        step: String,
        /// The attempt that failed last.
        attempt: u32,
        /// What went wrong.
        problem: Box<Problem>,
    },
    /// The journal did not answer for too long. Whether the entry was written is unknown; resuming finds out.
    #[error("{doing} was not confirmed by the journal within {seconds} s: {reason}")]
    Journal {
        /// The entry or the reading that was tried.
        doing: String,
        /// For how long, in seconds.
        seconds: u64,
        /// What the journal said last.
        reason: String,
    },
    /// The journal holds what no run can have written.
    #[error("the journal is damaged: {reason}")]
    Damaged {
        /// The entry and what is wrong with it.
        reason: String,
    },
}

impl From<Damaged> for Error {
    fn from(damaged: Damaged) -> Self {
        Self::Damaged { reason: damaged.to_string() }
    }
}
