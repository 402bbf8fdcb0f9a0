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
    /// A step is done, for ever.
    Done {
        /// The step's id.
        step: String,
        /// The attempt of its intent.
        attempt: u32,
        /// What later steps and reports need of it.
        outcome: Value,
    },
    /// An attempt at a step has failed.
    Failed {
        /// The step's id.
        step: String,
        /// The attempt of its intent.
        attempt: u32,
        /// What went wrong.
        error: Problem,
        /// Whether this runner tries again by itself. If not, the run is nobody's until someone claims it.
        retry: bool,
    },
    /// The run is over. Always the last entry.
    Ended {
        /// In which way.
        how: Ended,
    },
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
            Self::Failed { step, attempt, .. } => format!("failure of step {step}, attempt {attempt}"),
            Self::Ended { .. } => "end".to_owned(),
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Ended {
    /// All steps are done.
    Succeeded,
    /// A step failed, and somebody decided that the run shall not go on. [`crate::run`] never writes this by itself: after
    /// a failure the run stays unfinished, so that it can be resumed.
    Failed {
        /// The id of the step that failed.
        step: String,
    },
    /// Somebody gave it up.
    Cancelled,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("succeeded"),
            Self::Failed { step } => write!(f, "failed at step {step}"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// What went wrong in a step, as it is recorded and shown to people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The code of its page in the manual; the engine's own are `timeout` and `interrupted`.
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
