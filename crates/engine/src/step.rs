//! What the caller brings: the steps, who performs them, and who watches. Start at [`Actor`].

use crate::{Entry, Outcomes, Problem};
use async_trait::async_trait;
use serde_json::Value;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A step as the engine sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepPlan {
    /// Its name in the journal: unique in the run, and the same whenever the run is resumed.
    pub id: String,
    /// The steps that must be settled, that is done or left out, before this one is begun.
    pub after: Vec<String>,
    /// How long one attempt may take, before it is broken off. The same holds for undoing it.
    pub timeout: Duration,
    /// How often one call of [`crate::run`] tries it, if it may be repeated: 1 or more. Repeats after a crash are not counted.
    pub attempts: u32,
    /// How long to wait before the second attempt; before each further one twice as long as before the last, up to five minutes.
    pub pause: Duration,
    /// Whether it may be begun again though nobody knows how far it came, or after it failed. If not, a person is asked first.
    pub repeatable: bool,
    /// What becomes of the run when it fails for good.
    pub on_failure: OnFailure,
    /// Whether undoing after a failure goes back to here, once this is done.
    pub gate: bool,
}

/// What becomes of a run when one of its steps fails for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// Nothing more is begun; what is in flight ends; then the run stands still until it is resumed.
    #[default]
    Stop,
    /// The step is left out, with the failure as the reason.
    Continue,
    /// As [`OnFailure::Stop`], and then what was begun since the gate that was done last is undone, or everything.
    Undo,
}

impl StepPlan {
    /// A step that may be repeated, and stops the run when it fails: one attempt of a minute.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            after: Vec::new(),
            timeout: Duration::from_secs(60),
            attempts: 1,
            pause: Duration::from_secs(3),
            repeatable: true,
            on_failure: OnFailure::Stop,
            gate: false,
        }
    }
}

/// How an attempt at a step ended well.
#[derive(Clone, Debug, PartialEq)]
pub enum Performed {
    /// It is done; this is recorded for later steps and for people.
    Done(Value),
    /// It is not to be done, and why.
    Skipped(String),
}

/// Performs steps.
#[async_trait]
pub trait Actor: Send + Sync {
    /// Performs a step once.
    ///
    /// **Must be idempotent**, unless its plan says that it is not: a step whose outcome was not recorded is performed again, whatever it
    /// had done before it was broken off. The future is dropped when the time is up, when the run is lost to another runner, and when the
    /// journal does not confirm that it is not; the step must then have stopped acting, so children must die with it, and it must not
    /// block the thread, because the signs of life are sent from there. Others are performed at the same time, unless they come after it.
    ///
    /// `known` holds the outcomes of the steps that are done; `attempt` counts from 1, over all runners.
    ///
    /// # Errors
    /// [`StepError`] with what people are told and whether another attempt may help.
    async fn perform(
        &self,
        step: &str,
        known: &Outcomes,
        attempt: u32,
        inside: &Inside<'_>,
    ) -> Result<Performed, StepError>;

    /// Undoes a step that was begun: as far as it came, which nobody may know, and as often as asked. `known` has its outcome, if there is
    /// one. What cannot be undone is no error: the outcome says so. Broken off as [`Actor::perform`] is.
    ///
    /// # Errors
    /// [`StepError`] as for [`Actor::perform`].
    async fn undo(&self, step: &str, known: &Outcomes, attempt: u32, inside: &Inside<'_>) -> Result<Value, StepError>;
}

/// Why an attempt at a step failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct StepError {
    /// What people are told.
    pub problem: Problem,
    /// Whether another attempt may help.
    pub retry: bool,
}

/// Who watches a run: a display of its progress, or a test that crashes it. `()` watches nothing.
pub trait Hooks: Send + Sync {
    /// The run has come to a point. Must return at once.
    fn reached(&self, point: Point) {
        let _ = point;
    }

    /// A step, or the engine about a step, has something to say to people. Must return at once.
    fn said(&self, step: &str, text: &str) {
        let _ = (step, text);
    }

    /// An entry was written. Must return at once.
    fn wrote(&self, entry: &Entry) {
        let _ = entry;
    }
}

impl Hooks for () {}

/// A point in a run. Every attempt comes through them in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Point {
    /// Before the intent is written.
    Before {
        /// The step's id.
        step: String,
    },
    /// Inside the step, after its intent was written; also inside its undoing.
    Inside {
        /// The step's id.
        step: String,
        /// Which of the step's inner points, 1 for the first.
        n: u32,
    },
    /// The step has returned, its outcome or failure is not yet written. Left out when its time was up.
    After {
        /// The step's id.
        step: String,
    },
    /// Before the intent to undo the step is written.
    BeforeUndo {
        /// The step's id.
        step: String,
    },
    /// The undoing of the step has returned, and what came of it is not yet written. Left out when its time was up.
    AfterUndo {
        /// The step's id.
        step: String,
    },
}

/// A step's own handle to those who watch.
pub struct Inside<'a> {
    step: &'a str,
    hooks: &'a dyn Hooks,
    points: AtomicU32,
}

impl<'a> Inside<'a> {
    /// For one attempt at a step.
    pub fn new(step: &'a str, hooks: &'a dyn Hooks) -> Self {
        Self { step, hooks, points: AtomicU32::new(0) }
    }

    /// Tells that the step has come to its next inner point: a place where a crash is worth a test.
    pub fn point(&self) {
        let n = self.points.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        self.hooks.reached(Point::Inside { step: self.step.to_owned(), n });
    }

    /// Tells people a line about the progress.
    pub fn say(&self, text: &str) {
        self.hooks.said(self.step, text);
    }
}

impl fmt::Debug for Inside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inside").field("step", &self.step).finish_non_exhaustive()
    }
}
