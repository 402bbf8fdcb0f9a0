//! The loop of a runner: begins what may be begun, waits, writes down what came of it, and shows that it lives. Start at
//! [`Worker::forward`]; [`Worker::back`] undoes.

use crate::graph::Graph;
use crate::writer::{Permit, Writer};
use crate::{Actor, Ended, Error, Event, Hooks, Inside, OnFailure, Performed, Point, Problem, StepError, StepPlan};
use futures::stream::{FuturesUnordered, StreamExt};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::error::Elapsed;

/// How often a step is begun anew because the journal was away for too long, before that counts as a failed attempt.
const INTERRUPTIONS: u32 = 5;

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What an attempt came to.
type Result_<T> = Result<Result<T, StepError>, Elapsed>;

/// An attempt that has ended.
struct Came {
    index: usize,
    attempt: u32,
    result: Result_<Performed>,
}

type Running<'a> = FuturesUnordered<Pin<Box<dyn Future<Output = Came> + Send + 'a>>>;
type Pausing<'a> = FuturesUnordered<Pin<Box<dyn Future<Output = usize> + Send + 'a>>>;

pub(crate) struct Worker<'a> {
    pub(crate) writer: Writer<'a>,
    graph: &'a Graph<'a>,
    actor: &'a dyn Actor,
    hooks: &'a dyn Hooks,
    permit: Permit,
    beat: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// The steps that are being performed, by their place among the steps.
    running: Running<'a>,
    at_work: BTreeMap<usize, u32>,
    /// Those that wait for their next attempt.
    pausing: Pausing<'a>,
    resting: Vec<usize>,
    ended: VecDeque<Came>,
    tried: BTreeMap<usize, u32>,
    interrupted: BTreeMap<usize, u32>,
    /// What stops the run, once something does.
    stopping: Option<(usize, u32, Problem)>,
}

impl<'a> Worker<'a> {
    /// A runner that has claimed its run: `permit` is of the claim.
    pub(crate) fn new(
        writer: Writer<'a>,
        permit: Permit,
        graph: &'a Graph<'a>,
        actor: &'a dyn Actor,
        hooks: &'a dyn Hooks,
    ) -> Self {
        let beat = Box::pin(ambient::sleep(writer.runner.heartbeat));
        Self {
            writer,
            graph,
            actor,
            hooks,
            permit,
            beat,
            running: FuturesUnordered::new(),
            at_work: BTreeMap::new(),
            pausing: FuturesUnordered::new(),
            resting: Vec::new(),
            ended: VecDeque::new(),
            tried: BTreeMap::new(),
            interrupted: BTreeMap::new(),
            stopping: None,
        }
    }

    /// Performs all steps that are not settled, as far as it comes.
    pub(crate) async fn forward(&mut self) -> Result<(), Error> {
        loop {
            while let Some(came) = self.ended.pop_front() {
                self.settle(came).await?;
            }
            self.begin_ready().await?;
            if !self.ended.is_empty() {
                continue;
            }
            if self.running.is_empty() && (self.resting.is_empty() || self.is_stopping()) {
                break;
            }
            self.wait().await?;
        }
        self.stop().await
    }

    fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    /// What stopped it, if anything did, after nothing is in flight any more.
    async fn stop(&mut self) -> Result<(), Error> {
        let Some((index, attempt, problem)) = self.stopping.take() else {
            return Ok(());
        };
        let (step, problem) = (self.graph.steps[index].id.clone(), Box::new(problem));
        if self.undoes(index) {
            let gate = self.graph.last_gate(&self.writer.state);
            self.append(Event::TurnedBack { to: gate.clone() }).await?;
            self.back().await?;
            return Err(Error::TurnedBack { step, problem, gate });
        }
        if !self.writer.state.is_nobodys() {
            self.append(Event::Stopped {}).await?;
        }
        Err(Error::StepFailed { step, attempt, problem })
    }

    fn undoes(&self, index: usize) -> bool {
        self.graph.steps[index].on_failure == OnFailure::Undo
    }

    async fn begin_ready(&mut self) -> Result<(), Error> {
        for (index, step) in self.graph.steps.iter().enumerate() {
            if self.is_stopping() || self.at_work.len() >= self.writer.runner.at_once.max(1) {
                return Ok(());
            }
            let begun = self.at_work.contains_key(&index) || self.resting.contains(&index);
            let ended = self.ended.iter().any(|came| came.index == index);
            let state = &self.writer.state;
            if begun || ended || state.is_settled(&step.id) || !self.graph.is_free(index, state) {
                continue;
            }
            self.begin(index, step).await?;
        }
        Ok(())
    }

    async fn begin(&mut self, index: usize, step: &'a StepPlan) -> Result<(), Error> {
        self.hooks.reached(Point::Before { step: step.id.clone() });
        let before = self.writer.state.attempts.get(&step.id).copied().unwrap_or(0);
        let attempt = before.saturating_add(1);
        self.append(Event::Intent { step: step.id.clone(), attempt }).await?;
        let known = self.writer.state.done.clone();
        let (actor, hooks) = (self.actor, self.hooks);
        let work = async move {
            let inside = Inside::new(&step.id, hooks);
            let work = actor.perform(&step.id, &known, attempt, &inside);
            Came {
                index,
                attempt,
                result: tokio::time::timeout(step.timeout, work).await,
            }
        };
        self.at_work.insert(index, attempt);
        self.running.push(Box::pin(work));
        Ok(())
    }

    /// Waits for whatever comes first.
    async fn wait(&mut self) -> Result<(), Error> {
        tokio::select! {
            biased;
            () = self.permit.over(), if !self.running.is_empty() => self.break_off(),
            Some(came) = self.running.next(), if !self.running.is_empty() => self.came(came),
            Some(index) = self.pausing.next(), if !self.pausing.is_empty() => self.resting.retain(|it| *it != index),
            () = &mut self.beat => self.append(Event::Alive {}).await?,
        }
        Ok(())
    }

    fn came(&mut self, came: Came) {
        self.at_work.remove(&came.index);
        if came.result.is_ok() {
            let step = self.graph.steps[came.index].id.clone();
            self.hooks.reached(Point::After { step });
        }
        self.ended.push_back(came);
    }

    /// Writes an entry while the steps in flight go on. They are broken off when the journal does not confirm in time that the run is
    /// still this runner's. An entry that is on its way is always waited for: the next one needs to know its number.
    async fn append(&mut self, event: Event) -> Result<(), Error> {
        let mut came = Vec::new();
        let mut broken = false;
        {
            let mut appended = Box::pin(self.writer.append(event));
            loop {
                tokio::select! {
                    biased;
                    permit = &mut appended => {
                        self.permit = permit?;
                        break;
                    }
                    () = self.permit.over(), if !self.running.is_empty() => {
                        self.running.clear();
                        broken = true;
                    }
                    Some(it) = self.running.next(), if !self.running.is_empty() => came.push(it),
                }
            }
        }
        self.beat = Box::pin(ambient::sleep(self.writer.runner.heartbeat));
        came.into_iter().for_each(|it| self.came(it));
        if broken {
            self.break_off();
        }
        Ok(())
    }

    /// What was performed was dropped, since the journal did not confirm in time that the run is still this runner's: it begins anew, if
    /// it may.
    fn break_off(&mut self) {
        self.running.clear();
        for (index, attempt) in std::mem::take(&mut self.at_work) {
            let step = &self.graph.steps[index];
            let interrupted = self.interrupted.entry(index).or_default();
            *interrupted += 1;
            let error = if !step.repeatable {
                unsure(step)
            } else if *interrupted > INTERRUPTIONS {
                interrupted_too_often(step)
            } else {
                self.hooks
                    .said(&step.id, "broken off while the journal did not answer; begins anew");
                continue;
            };
            self.ended.push_back(Came { index, attempt, result: Ok(Err(error)) });
        }
    }

    /// Writes down what an attempt came to.
    async fn settle(&mut self, came: Came) -> Result<(), Error> {
        let Came { index, attempt, result } = came;
        let step = &self.graph.steps[index];
        let id = || step.id.clone();
        let error = match result {
            Ok(Ok(Performed::Done(outcome))) => {
                return self.append(Event::Done { step: id(), attempt, outcome }).await;
            }
            Ok(Ok(Performed::Skipped(reason))) => {
                self.hooks.said(&step.id, &format!("left out: {reason}"));
                return self.append(Event::Skipped { step: id(), reason }).await;
            }
            Ok(Err(error)) => error,
            Err(_) => timed_out(step),
        };
        let tried = self.tried.entry(index).or_default();
        *tried += 1;
        let tried = *tried;
        let retry = error.retry && step.repeatable && tried < step.attempts && !self.is_stopping();
        self.hooks
            .said(&step.id, &format!("attempt {attempt} failed: {}", error.problem));
        let (problem, goes_on) = (error.problem, !retry && step.on_failure == OnFailure::Continue);
        let failed = Event::Failed { step: id(), attempt, error: problem.clone(), retry };
        self.append(failed).await?;
        if retry {
            let pause = step
                .pause
                .saturating_mul(1 << (tried - 1).min(16))
                .min(LONGEST_PAUSE.max(step.pause));
            self.resting.push(index);
            self.pausing.push(Box::pin(async move {
                ambient::sleep(pause).await;
                index
            }));
        } else if goes_on {
            let reason = format!("failed, and the run goes on: {problem}");
            self.append(Event::Skipped { step: id(), reason }).await?;
        } else if self.stopping.is_none() {
            self.stopping = Some((index, attempt, problem));
        }
        Ok(())
    }

    /// Undoes what was begun, the newest first, back to where the run was turned to, and writes that down.
    pub(crate) async fn back(&mut self) -> Result<(), Error> {
        let to = self.writer.state.turned.as_ref().and_then(|turned| turned.to.clone());
        while let Some(step) = self.writer.state.to_undo(to.as_deref()).first().map(|step| (*step).to_owned()) {
            self.undo(&step).await?;
        }
        match to {
            Some(_) => self.append(Event::Stopped {}).await,
            None => self.append(Event::Ended { how: Ended::Undone }).await,
        }
    }

    async fn undo(&mut self, id: &str) -> Result<(), Error> {
        let Some(step) = self.graph.steps.iter().find(|step| step.id == id) else {
            return Err(Error::Steps {
                reason: format!("the journal has a step {id}, which is not among those given"),
            });
        };
        let (mut tried, mut interruptions) = (0, 0);
        loop {
            self.hooks.reached(Point::BeforeUndo { step: id.to_owned() });
            let turned = self.writer.state.turned.as_ref();
            let before = turned.and_then(|turned| turned.attempts.get(id)).copied().unwrap_or(0);
            let attempt = before.saturating_add(1);
            self.append(Event::Undoing { step: id.to_owned(), attempt }).await?;
            let known = self.writer.state.done.clone();
            let inside = Inside::new(id, self.hooks);
            let work = tokio::time::timeout(step.timeout, self.actor.undo(id, &known, attempt, &inside));
            let error = match self.keep(work).await? {
                Some(Ok(Ok(outcome))) => {
                    self.hooks.reached(Point::AfterUndo { step: id.to_owned() });
                    return self.append(Event::Undone { step: id.to_owned(), attempt, outcome }).await;
                }
                Some(Ok(Err(error))) => {
                    self.hooks.reached(Point::AfterUndo { step: id.to_owned() });
                    error
                }
                Some(Err(_)) => timed_out(step),
                None if interruptions < INTERRUPTIONS => {
                    interruptions += 1;
                    self.hooks.said(id, "broken off while the journal did not answer; begins anew");
                    continue;
                }
                None => interrupted_too_often(step),
            };
            tried += 1;
            let retry = error.retry && tried < step.attempts;
            self.hooks
                .said(id, &format!("attempt {attempt} to undo it failed: {}", error.problem));
            let failed = Event::UndoFailed {
                step: id.to_owned(),
                attempt,
                error: error.problem.clone(),
                retry,
            };
            self.append(failed).await?;
            if !retry {
                let (step, problem) = (id.to_owned(), Box::new(error.problem));
                return Err(Error::UndoFailed { step, attempt, problem });
            }
            // Broken off or not, the next intent says whose the run is.
            self.keep(ambient::sleep(step.pause)).await?;
        }
    }

    /// Drives `work` to its end and shows signs of life meanwhile. Gives none when it was dropped, since the journal did not confirm in
    /// time that the run is still this runner's, but has confirmed it since.
    async fn keep<T>(&mut self, work: impl Future<Output = T> + Send) -> Result<Option<T>, Error> {
        // On the heap, so that it can be dropped while the journal is still waited for.
        let mut work = Box::pin(work);
        loop {
            tokio::select! {
                biased;
                () = self.permit.over() => return Ok(None),
                result = &mut work => return Ok(Some(result)),
                () = &mut self.beat => {}
            }
            self.beat = Box::pin(ambient::sleep(self.writer.runner.heartbeat));
            let mut beat = Box::pin(self.writer.append(Event::Alive {}));
            tokio::select! {
                biased;
                renewed = &mut beat => self.permit = renewed?,
                () = self.permit.over() => {
                    drop(work);
                    self.permit = beat.await?;
                    return Ok(None);
                }
                result = &mut work => {
                    self.permit = beat.await?;
                    return Ok(Some(result));
                }
            }
        }
    }
}

fn timed_out(step: &StepPlan) -> StepError {
    let message = format!("step {} did not end within {} s", step.id, step.timeout.as_secs_f64());
    // Nobody knows how far it came.
    StepError { retry: step.repeatable, ..engines("timeout", message) }
}

fn interrupted_too_often(step: &StepPlan) -> StepError {
    let message = format!("step {} was broken off again and again while the journal did not answer", step.id);
    engines("interrupted", message)
}

fn unsure(step: &StepPlan) -> StepError {
    let message = format!(
        "step {} was broken off while the journal did not answer, and nobody knows how far it came",
        step.id
    );
    StepError { retry: false, ..engines("unsure", message) }
}

fn engines(code: &str, message: String) -> StepError {
    let problem = Problem { code: code.to_owned(), message, ..Problem::default() };
    StepError { problem, retry: true }
}
