//! What can happen to a step, made to happen: for tests of those who bring an [`Actor`] of their own (feature `harness`). Start at
//! [`strike`], which lets one [`Blow`] fall on one step of a run, and then resumes it until it stands still; [`Memory`] is a journal that
//! outlives its runners.

use crate::{
    Actor, Entry, Error, Finished, Hooks, Inside, Journal, JournalError, Outcomes, Performed, Point, Problem, Runner,
    StepError, StepPlan, begin, run,
};
use async_trait::async_trait;
use futures::FutureExt;
use serde_json::{Value, json};
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A journal in memory.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Vec<Entry>>);

impl Memory {
    /// All entries.
    pub fn all(&self) -> Vec<Entry> {
        self.0.lock().map(|entries| entries.clone()).unwrap_or_default()
    }
}

#[async_trait]
impl Journal for Memory {
    async fn entries(&self) -> Result<Vec<Entry>, JournalError> {
        Ok(self.all())
    }

    async fn append(&self, entry: &Entry) -> Result<(), JournalError> {
        let poisoned = |_| JournalError::Damaged { reason: "a writer has panicked".to_owned() };
        let mut entries = self.0.lock().map_err(poisoned)?;
        if entries.iter().any(|there| there.seq == entry.seq) {
            return Err(JournalError::Taken { seq: entry.seq });
        }
        entries.push(entry.clone());
        Ok(())
    }
}

/// What happens to one step, the first time that it is performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// It fails for good before it has done anything.
    Fail,
    /// It does all that it has to do, and fails for good.
    FailAfter,
    /// It fails before it has done anything, and may be tried again.
    Flicker,
    /// It never ends, before it has done anything: its time is up.
    Hang,
    /// It does all that it has to do, and never ends.
    HangAfter,
    /// Its runner dies before the intent is written.
    DieBefore,
    /// Its runner dies at an inner point, 1 for the first.
    DieInside(u32),
    /// Its runner dies after the step has returned, and before that is written.
    DieAfter,
    /// It is performed twice, one after the other.
    Repeat,
}

/// What became of a run that a blow fell on.
#[derive(Debug)]
pub struct Struck {
    /// Whether the blow fell: a step may have fewer inner points than thought.
    pub fell: bool,
    /// How often the run was carried on: 1 when nothing stopped it.
    pub lives: u32,
    /// How the last life ended.
    pub end: Result<Finished, Error>,
}

/// Runs `steps` from the beginning of `journal`, lets `blow` fall on `step`, and resumes the run until it
/// stands still of itself: it has succeeded, is undone, or asks a person.
///
/// # Errors
/// The run could not be begun.
pub async fn strike(
    steps: &[StepPlan],
    journal: &dyn Journal,
    actor: &dyn Actor,
    (step, blow): (&str, Blow),
    hang: Duration,
) -> Result<Struck, Error> {
    let mut steps = steps.to_vec();
    if matches!(blow, Blow::Hang | Blow::HangAfter) {
        steps.iter_mut().filter(|it| it.id == step).for_each(|it| it.timeout = hang);
    }
    for it in &mut steps {
        it.pause = Duration::from_millis(1);
    }
    let striker = Striker { actor, step, blow, fallen: AtomicBool::new(false) };
    // Each life has the same name, so that nobody waits until the last one counts as dead: how that is waited for is tested elsewhere.
    let runner = Runner::new("runner");
    begin(journal, json!({ "blow": format!("{blow:?} at {step}") }), &runner).await?;
    let mut lives = 0;
    loop {
        lives += 1;
        let life = AssertUnwindSafe(run(&steps, journal, &striker, &runner, &striker)).catch_unwind();
        let end = match life.await {
            Ok(end) => end,
            Err(payload) if payload.downcast_ref() == Some(&KILLED) => continue,
            Err(payload) => std::panic::resume_unwind(payload),
        };
        let goes_on = matches!(end, Err(Error::StepFailed { .. } | Error::UndoFailed { .. } | Error::Back { .. }));
        if !goes_on || lives > 3 {
            let fell = striker.fallen.load(Ordering::Relaxed);
            return Ok(Struck { fell, lives, end });
        }
    }
}

const KILLED: &str = "killed by the harness";

/// Ends a runner as SIGKILL ends a process: nothing after it is done. Without the noise of a panic.
fn die() -> ! {
    std::panic::resume_unwind(Box::new(KILLED))
}

struct Striker<'a> {
    actor: &'a dyn Actor,
    step: &'a str,
    blow: Blow,
    fallen: AtomicBool,
}

impl Striker<'_> {
    /// Whether the blow falls now: once.
    fn falls(&self, step: &str) -> bool {
        step == self.step && !self.fallen.swap(true, Ordering::Relaxed)
    }
}

#[async_trait]
impl Actor for Striker<'_> {
    async fn perform(
        &self,
        step: &str,
        known: &Outcomes,
        attempt: u32,
        inside: &Inside<'_>,
    ) -> Result<Performed, StepError> {
        let perform = || self.actor.perform(step, known, attempt, inside);
        let here = matches!(
            self.blow,
            Blow::Fail | Blow::FailAfter | Blow::Flicker | Blow::Hang | Blow::HangAfter | Blow::Repeat
        );
        if !here || !self.falls(step) {
            return perform().await;
        }
        match self.blow {
            Blow::Fail => return Err(failed(false)),
            Blow::Flicker => return Err(failed(true)),
            Blow::Hang => return std::future::pending().await,
            _ => {}
        }
        let done = perform().await?;
        match self.blow {
            Blow::FailAfter => Err(failed(false)),
            Blow::HangAfter => std::future::pending().await,
            Blow::Repeat => perform().await,
            _ => Ok(done),
        }
    }

    async fn undo(&self, step: &str, known: &Outcomes, attempt: u32, inside: &Inside<'_>) -> Result<Value, StepError> {
        self.actor.undo(step, known, attempt, inside).await
    }
}

impl Hooks for Striker<'_> {
    fn reached(&self, point: Point) {
        let dies = match (&point, self.blow) {
            (Point::Before { step }, Blow::DieBefore) | (Point::After { step }, Blow::DieAfter) => self.falls(step),
            (Point::Inside { step, n }, Blow::DieInside(at)) => *n == at && self.falls(step),
            _ => false,
        };
        if dies {
            die();
        }
    }
}

fn failed(retry: bool) -> StepError {
    let message = "struck by the harness".to_owned();
    StepError {
        problem: Problem { code: "LB0099".to_owned(), message, ..Problem::default() },
        retry,
    }
}
