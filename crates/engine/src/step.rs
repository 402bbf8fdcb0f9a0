//! What the caller brings: the steps, who performs them, and who watches. Start at [`Actor`].

use crate::{Outcomes, Problem};
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
    /// How long one attempt may take, before it is broken off.
    pub timeout: Duration,
    /// How often one call of [`crate::run`] tries it: 1 or more. Repeats after a crash are not counted.
    pub attempts: u32,
    /// How long to wait between two attempts.
    pub pause: Duration,
}

/// Performs steps.
#[async_trait]
pub trait Actor: Send + Sync {
    /// Performs a step once and returns its outcome, which is recorded for later steps and for people.
    ///
    /// **Must be idempotent**: a step whose outcome was not recorded is performed again, whatever it had done before it was
    /// broken off. The future is dropped when the time is up, when the run is lost to another runner, and when the journal
    /// does not confirm that it is not; the step must then have stopped acting, so children must die with it, and it
    /// must not block the thread, because the signs of life are sent from there.
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
    ) -> Result<Value, StepError>;
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
    /// Inside the step, after its intent was written.
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
