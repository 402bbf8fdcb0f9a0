//! A small world to act on, a journal in memory, and the ways to break both. Start at [`World`].

use crate::*;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A journal that survives its runners.
#[derive(Default)]
pub(super) struct Memory(pub(super) Mutex<Vec<Entry>>);

impl Memory {
    pub(super) fn all(&self) -> Vec<Entry> {
        self.0.lock().unwrap().clone()
    }

    fn put(&self, entry: &Entry) -> Result<(), JournalError> {
        let mut entries = self.0.lock().unwrap();
        if entries.iter().any(|e| e.seq == entry.seq) {
            return Err(JournalError::Taken { seq: entry.seq });
        }
        entries.push(entry.clone());
        Ok(())
    }
}

/// What happens to one append.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    /// The process dies before the entry is written, or after.
    Die { written: bool },
    /// The answer is lost, the entry written or not.
    Lose { written: bool },
    /// The store has repeated the request by itself and met its own entry.
    Repeat,
    /// The entry is written this long after the question, and the answer is never given.
    Late(Duration),
}

/// One runner's way to the journal.
pub(super) struct Link {
    pub(super) journal: Arc<Memory>,
    /// What happens to the append with this number, counted from 0.
    pub(super) fault: Mutex<Option<(usize, Fault)>>,
    /// Nothing gets through and nothing is answered while it is set.
    pub(super) cut: Mutex<bool>,
    /// How long each append takes.
    pub(super) slow: Duration,
    pub(super) appends: AtomicUsize,
}

impl Link {
    pub(super) fn new(journal: &Arc<Memory>) -> Self {
        Self {
            journal: journal.clone(),
            fault: Mutex::default(),
            cut: Mutex::default(),
            slow: Duration::ZERO,
            appends: AtomicUsize::new(0),
        }
    }

    pub(super) fn faulty(journal: &Arc<Memory>, append: usize, fault: Fault) -> Self {
        Self {
            fault: Mutex::new(Some((append, fault))),
            ..Self::new(journal)
        }
    }

    pub(super) fn cut(&self, cut: bool) {
        *self.cut.lock().unwrap() = cut;
    }

    fn passes(&self) -> Result<(), JournalError> {
        if *self.cut.lock().unwrap() {
            return Err(lost());
        }
        Ok(())
    }
}

#[async_trait]
impl Journal for Link {
    async fn entries(&self) -> Result<Vec<Entry>, JournalError> {
        self.passes()?;
        Ok(self.journal.all())
    }

    async fn append(&self, entry: &Entry) -> Result<(), JournalError> {
        let number = self.appends.fetch_add(1, Ordering::Relaxed);
        if !self.slow.is_zero() {
            ambient::sleep(self.slow).await;
        }
        self.passes()?;
        let fault = self.fault.lock().unwrap().filter(|(at, _)| *at == number);
        match fault.map(|(_, fault)| fault) {
            None => self.journal.put(entry),
            Some(Fault::Die { written }) => {
                if written {
                    self.journal.put(entry)?;
                }
                die()
            }
            Some(Fault::Lose { written }) => {
                if written {
                    self.journal.put(entry)?;
                }
                Err(lost())
            }
            Some(Fault::Repeat) => {
                self.journal.put(entry)?;
                self.journal.put(entry)
            }
            Some(Fault::Late(after)) => {
                let (journal, entry) = (self.journal.clone(), entry.clone());
                tokio::spawn(async move {
                    ambient::sleep(after).await;
                    let _ = journal.put(&entry);
                });
                std::future::pending().await
            }
        }
    }
}

fn lost() -> JournalError {
    JournalError::Unavailable { reason: "the line is cut".to_owned() }
}

/// Ends the task as SIGKILL ends a process: nothing after it is done. Without the noise of a panic.
pub(super) fn die() -> ! {
    std::panic::resume_unwind(Box::new("killed"))
}

pub(super) const STEPS: [&str; 3] = ["copy", "count", "switch"];

/// What steps act on: files with content. It counts what is done to it, and looks over the engine's shoulder.
#[derive(Default)]
pub(super) struct World {
    pub(super) journal: Arc<Memory>,
    pub(super) files: Mutex<BTreeMap<String, Value>>,
    /// How often each step was performed, whole or in part.
    pub(super) performed: Mutex<BTreeMap<String, u32>>,
    /// How many steps are being performed now, and how many may be.
    pub(super) busy: Arc<AtomicUsize>,
    pub(super) most: usize,
    /// The results of the coming attempts at a step, before it works.
    pub(super) failures: Mutex<Vec<StepError>>,
    /// A step whose first attempt fails for good.
    pub(super) fails_at: Mutex<Option<&'static str>>,
    /// The results of the coming attempts at undoing a step.
    pub(super) undo_failures: Mutex<Vec<StepError>>,
    /// What was undone, in its order.
    pub(super) undone: Mutex<Vec<String>>,
    /// How long each step takes.
    pub(super) takes: Duration,
}

impl World {
    pub(super) fn new(journal: &Arc<Memory>) -> Self {
        Self { journal: journal.clone(), most: 1, ..Self::default() }
    }

    pub(super) fn performed(&self, step: &str) -> u32 {
        self.performed.lock().unwrap().get(step).copied().unwrap_or(0)
    }

    fn write(&self, file: &str, content: Value) {
        self.files.lock().unwrap().insert(file.to_owned(), content);
    }
}

struct Leave(Arc<AtomicUsize>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl Actor for World {
    async fn perform(
        &self,
        step: &str,
        known: &Outcomes,
        attempt: u32,
        inside: &Inside<'_>,
    ) -> Result<Performed, StepError> {
        let busy = self.busy.fetch_add(1, Ordering::Relaxed);
        assert!(busy < self.most, "too many at work, {step} among them");
        let _leave = Leave(self.busy.clone());
        let state = State::of(&self.journal.all()).unwrap();
        let flight = state.in_flight.iter().find(|flight| flight.step == step);
        let flight = flight.expect("a step is performed after its intent");
        assert_eq!(flight.attempt, attempt);
        assert_eq!(state.outcome(step), None, "a step that is done is not repeated");
        assert!(known.iter().all(|(id, outcome)| state.outcome(id) == Some(outcome)));
        *self.performed.lock().unwrap().entry(step.to_owned()).or_default() += 1;
        inside.point();
        if !self.takes.is_zero() {
            ambient::sleep(self.takes).await;
        }
        if let Some(failure) = self.failures.lock().unwrap().pop() {
            return Err(failure);
        }
        let mut fails_at = self.fails_at.lock().unwrap();
        if *fails_at == Some(step) {
            *fails_at = None;
            return Err(problem(false));
        }
        drop(fails_at);
        match step {
            "copy" => self.write("copy", json!("bytes")),
            // Idempotent: not one more than there is, but one more than was known.
            "count" => self.write("count", json!(known.len() + 1)),
            "switch" => self.write("switch", known.get("count").cloned().unwrap()),
            "left-out" => return Ok(Performed::Skipped("nobody needs it".to_owned())),
            other => self.write(other, json!("there")),
        }
        inside.point();
        Ok(Performed::Done(json!({ "did": step })))
    }

    async fn undo(&self, step: &str, known: &Outcomes, attempt: u32, inside: &Inside<'_>) -> Result<Value, StepError> {
        let busy = self.busy.fetch_add(1, Ordering::Relaxed);
        assert_eq!(busy, 0, "undoing is done one by one, and {step} is not alone");
        let _leave = Leave(self.busy.clone());
        let state = State::of(&self.journal.all()).unwrap();
        let turned = state.turned.as_ref().expect("nothing is undone before the run is turned");
        let flight = turned.in_flight.as_ref().expect("a step is undone after its intent");
        assert_eq!((flight.step.as_str(), flight.attempt), (step, attempt));
        assert_eq!(known, &state.done);
        inside.point();
        if !self.takes.is_zero() {
            ambient::sleep(self.takes).await;
        }
        if let Some(failure) = self.undo_failures.lock().unwrap().pop() {
            return Err(failure);
        }
        self.files.lock().unwrap().remove(step);
        self.undone.lock().unwrap().push(step.to_owned());
        inside.point();
        Ok(json!({ "removed": step }))
    }
}

/// Remembers all points, and dies at one of them, counted from 0.
#[derive(Default)]
pub(super) struct Watcher {
    pub(super) seen: Mutex<Vec<Point>>,
    pub(super) said: Mutex<Vec<String>>,
    pub(super) die_at: Option<usize>,
}

impl Hooks for Watcher {
    fn reached(&self, point: Point) {
        let number = {
            let mut seen = self.seen.lock().unwrap();
            seen.push(point);
            seen.len() - 1
        };
        if self.die_at == Some(number) {
            die();
        }
    }

    fn said(&self, step: &str, text: &str) {
        self.said.lock().unwrap().push(format!("{step}: {text}"));
    }
}

/// One after the other.
pub(super) fn steps() -> Vec<StepPlan> {
    let mut steps: Vec<StepPlan> = STEPS.iter().map(|id| step(id)).collect();
    for n in 1..steps.len() {
        steps[n].after = vec![STEPS[n - 1].to_owned()];
    }
    steps
}

pub(super) fn step(id: &str) -> StepPlan {
    StepPlan {
        timeout: Duration::from_secs(600),
        attempts: 2,
        pause: Duration::from_secs(20),
        ..StepPlan::new(id)
    }
}

pub(super) fn plan() -> Value {
    json!({ "steps": STEPS })
}

/// A journal with a run that was begun by `ann`.
pub(super) async fn begun() -> Arc<Memory> {
    let journal = Arc::new(Memory::default());
    begin(&Link::new(&journal), plan(), &Runner::new("ann")).await.unwrap();
    journal
}

pub(super) fn problem(retry: bool) -> StepError {
    let problem = Problem {
        code: "X1".to_owned(),
        message: "disk /data is full".to_owned(),
        ..Problem::default()
    };
    StepError { problem, retry }
}
