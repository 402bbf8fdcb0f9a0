//! What a journal consists of, as it is written down. Start at [`Entry`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// One line of a journal. Written once, never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its number: 0 for the first, then without gaps.
    pub seq: u64,
    /// When it was written, by the clock of its runner. For people: nothing is decided by it.
    pub at: Timestamp,
    /// The id of the runner that wrote it.
    pub runner: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// The run exists. Always the first entry, and only the first.
    Begun {
        /// What is to be done, for the caller; the engine only keeps it.
        plan: Value,
    },
    /// The entry's runner works on the run from here on; any other has lost it.
    Claimed {},
    /// The runner is still at work.
    Alive {},
    /// A step is about to be performed.
    Intent {
        /// The step's id.
        step: String,
        /// How often the step has been begun, this time included: 1 for the first.
        attempt: u32,
    },
    /// A step is done.
    Done {
        /// The step's id.
        step: String,
        /// The attempt of its intent.
        attempt: u32,
        /// What later steps and reports need of it.
        outcome: Value,
    },
    /// A step is left out, and those after it go on.
    Skipped {
        /// The step's id.
        step: String,
        /// Why: a condition, a person's words, or a failure that the run goes on after.
        reason: String,
    },
    /// An attempt at a step has failed.
    Failed {
        /// The step's id.
        step: String,
        /// The attempt of its intent.
        attempt: u32,
        /// What went wrong.
        error: Problem,
        /// Whether this runner tries again by itself.
        retry: bool,
    },
    /// Somebody, not necessarily the runner, says something about a step: an approval, for example. The runner goes on.
    Word {
        /// The step's id.
        step: String,
        /// What is said; [`Word::REPEAT`] is the engine's own, the others are the caller's.
        #[serde(flatten)]
        word: Word,
    },
    /// The run is undone from here on, the newest step first; the entry's runner works on it, any other has lost it. The only event that
    /// may follow an end.
    TurnedBack {
        /// The gate whose being done is where it stops; none: everything is undone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    },
    /// A step is about to be undone.
    Undoing {
        /// The step's id.
        step: String,
        /// How often its undoing has been begun, this time included.
        attempt: u32,
    },
    /// A step is undone, or cannot be and is left.
    Undone {
        /// The step's id.
        step: String,
        /// The attempt of its undoing.
        attempt: u32,
        /// What people should know about it.
        outcome: Value,
    },
    /// An attempt to undo a step has failed.
    UndoFailed {
        /// The step's id.
        step: String,
        /// The attempt of its undoing.
        attempt: u32,
        /// What went wrong.
        error: Problem,
        /// Whether this runner tries again by itself.
        retry: bool,
    },
    /// The runner has stopped by itself: the run is nobody's until someone claims it. A run that was turned back to a gate is back there.
    Stopped {},
    /// The run is over.
    Ended {
        /// In which way.
        how: Ended,
    },
}

/// What somebody says about a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Word {
    /// The word.
    pub word: String,
    /// Who says it.
    pub by: String,
    /// And why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
}

impl Word {
    /// A step that is not known to be safe to repeat may be begun again.
    pub const REPEAT: &str = "repeat";
}

impl Event {
    /// What it is, for people: `intent of step dns`.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Begun { .. } => "beginning".to_owned(),
            Self::Claimed {} => "claim".to_owned(),
            Self::Alive {} => "sign of life".to_owned(),
            Self::Intent { step, attempt } => format!("intent of step {step}, attempt {attempt}"),
            Self::Done { step, .. } => format!("outcome of step {step}"),
            Self::Skipped { step, .. } => format!("leaving out of step {step}"),
            Self::Failed { step, attempt, .. } => format!("failure of step {step}, attempt {attempt}"),
            Self::Word { step, word } => format!("word {} about step {step}", word.word),
            Self::TurnedBack { to: None } => "turning back".to_owned(),
            Self::TurnedBack { to: Some(gate) } => format!("turning back to {gate}"),
            Self::Undoing { step, attempt } => format!("undoing of step {step}, attempt {attempt}"),
            Self::Undone { step, .. } => format!("end of undoing step {step}"),
            Self::UndoFailed { step, attempt, .. } => format!("failure of undoing step {step}, attempt {attempt}"),
            Self::Stopped {} => "stop".to_owned(),
            Self::Ended { .. } => "end".to_owned(),
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Ended {
    /// All steps are done, or left out.
    Succeeded,
    /// A step failed, and somebody decided that the run shall not go on. [`crate::run`] never writes this by itself: after
    /// a failure the run stays unfinished, so that it can be resumed.
    Failed {
        /// The id of the step that failed.
        step: String,
    },
    /// Somebody gave it up.
    Cancelled,
    /// All that was begun is undone, as far as it can be.
    Undone,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("succeeded"),
            Self::Failed { step } => write!(f, "failed at step {step}"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Undone => f.write_str("undone"),
        }
    }
}

/// What went wrong in a step, as it is recorded and shown to people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The code of its page in the manual; the engine's own are `timeout`, `interrupted` and `unsure`.
    pub code: String,
    /// What has to be done about it, in the caller's words; the engine only keeps it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The object and the reason, in one line.
    pub message: String,
    /// The reasons below it, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// The next command, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
