//! Beginning, running, undoing, answering and giving up. Start at [`run`].

use crate::claim::wait_claimable;
use crate::graph::Graph;
use crate::worker::Worker;
use crate::writer::{Writer, read};
use crate::{Actor, Ended, Error, Event, Hooks, Journal, Outcomes, Runner, State, StepPlan, Word};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// How often [`cancel`] and [`say`] try to come between two entries of a living runner.
const TRIES: u32 = 10;

/// A run that has succeeded.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// When it began, by the clock of the runner that began it.
    pub begun: Timestamp,
    /// When it ended, by the clock of the runner that ended it.
    pub ended: Timestamp,
    /// The outcomes of the steps that are done.
    pub outcomes: Outcomes,
    /// The steps that were left out, and why.
    pub skipped: BTreeMap<String, String>,
}

/// What a person has found out about a step that stands still.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It is done: this is its outcome.
    Done(Value),
    /// It is left out, and this is why. Of a run that is being undone: it is left as it is.
    Skip(String),
}

/// Writes the first entry of a run. Does nothing when the run was begun with the same plan before, so that a command that was
/// killed can be given again.
///
/// # Errors
/// [`Error::OtherPlan`] when the journal is another run's, [`Error::Journal`], [`Error::Damaged`].
pub async fn begin(journal: &dyn Journal, plan: Value, runner: &Runner) -> Result<(), Error> {
    let mut state = read(journal).await?;
    if state.plan.is_none() {
        let begun = Event::Begun { plan: plan.clone() };
        match Writer::new(journal, runner, state, &()).append(begun).await {
            Ok(_) => return Ok(()),
            // Two begin at once: what counts is whether they mean the same.
            Err(Error::Superseded { .. } | Error::Over { .. }) => state = read(journal).await?,
            Err(error) => return Err(error),
        }
    }
    if state.plan == Some(plan) {
        return Ok(());
    }
    Err(Error::OtherPlan)
}

/// Carries a run out from where its journal ends: waits until nobody else works on it, claims it, performs the steps that are
/// not settled, each after those that it comes after and at once with others, and ends it. A run that has succeeded is left alone and its
/// result returned again. One that is being undone is undone to the end first.
///
/// Returns early on errors only, and may be dropped at any moment; call it again to go on. After [`Error::StepFailed`] it goes
/// on at the failed step, with all its attempts anew. Entries are written while it is polled only, so give it a task of its own.
///
/// # Errors
/// [`Error::Steps`], [`Error::NotBegun`], [`Error::Over`], [`Error::Unsure`] and [`Error::Busy`] before anything is done; then
/// [`Error::StepFailed`], [`Error::TurnedBack`], [`Error::UndoFailed`], [`Error::Back`], [`Error::Unsure`], [`Error::Superseded`],
/// [`Error::Over`], [`Error::Journal`], and [`Error::Damaged`] at any time.
pub async fn run(
    steps: &[StepPlan],
    journal: &dyn Journal,
    actor: &dyn Actor,
    runner: &Runner,
    hooks: &dyn Hooks,
) -> Result<Finished, Error> {
    let graph = Graph::new(steps)?;
    let state = claimable(journal, runner).await?;
    if let Some(how) = state.ended.clone().filter(|how| *how != Ended::Succeeded) {
        return Err(Error::Over { how, by: state.runner.unwrap_or_default() });
    }
    graph.check(&state)?;
    if state.ended.is_some() {
        return finished(state);
    }
    let turned = state.turned.clone();
    if let (Some((step, attempt)), None) = (graph.unsure(&state), &turned) {
        return Err(Error::Unsure { step, attempt });
    }
    let mut writer = Writer::new(journal, runner, state, hooks);
    let permit = writer.append(Event::Claimed {}).await?;
    let mut worker = Worker::new(writer, permit, &graph, actor, hooks);
    if let Some(turned) = turned {
        worker.back().await?;
        return Err(match turned.to {
            Some(gate) => Error::Back { gate },
            None => Error::Over { how: Ended::Undone, by: runner.id.clone() },
        });
    }
    worker.forward().await?;
    let mut writer = worker.writer;
    writer.append(Event::Ended { how: Ended::Succeeded }).await?;
    finished(writer.state)
}

/// Undoes a run: what was begun since the gate `to` was done, or everything, the newest step first. A run that has ended is undone too,
/// unless it is already; one that is being undone is undone to the end, wherever that was to be. Returns when it is.
///
/// # Errors
/// As [`run`], but for [`Error::StepFailed`], [`Error::TurnedBack`] and [`Error::Unsure`]; [`Error::Steps`] when the gate is not done.
pub async fn undo(
    steps: &[StepPlan],
    journal: &dyn Journal,
    actor: &dyn Actor,
    runner: &Runner,
    hooks: &dyn Hooks,
    to: Option<&str>,
) -> Result<(), Error> {
    let graph = Graph::new(steps)?;
    let state = claimable(journal, runner).await?;
    if state.ended == Some(Ended::Undone) {
        return Ok(());
    }
    if let Some(gate) = to.filter(|gate| state.outcome(gate).is_none()) {
        return Err(Error::Steps {
            reason: format!("step {gate} is not done, so nothing can be undone back to it"),
        });
    }
    graph.check(&state)?;
    let event = match &state.turned {
        Some(_) => Event::Claimed {},
        None => Event::TurnedBack { to: to.map(str::to_owned) },
    };
    let mut writer = Writer::new(journal, runner, state, hooks);
    let permit = writer.append(event).await?;
    Worker::new(writer, permit, &graph, actor, hooks).back().await
}

/// Writes down what a person has found out about a step, while nobody works on the run. [`run`] goes on after it.
///
/// # Errors
/// [`Error::Steps`] when the step is settled, [`Error::NotBegun`], [`Error::Over`], [`Error::Busy`], [`Error::Superseded`],
/// [`Error::Journal`], [`Error::Damaged`].
pub async fn answer(journal: &dyn Journal, runner: &Runner, step: &str, answer: Answer) -> Result<(), Error> {
    let state = claimable(journal, runner).await?;
    if let Some(how) = state.ended.clone() {
        return Err(Error::Over { how, by: state.runner.unwrap_or_default() });
    }
    let step = step.to_owned();
    if let Some(turned) = state.turned.clone() {
        let Answer::Skip(reason) = answer else {
            return Err(Error::Steps {
                reason: "the run is being undone: a step can only be left as it is".to_owned(),
            });
        };
        if state.to_undo(turned.to.as_deref()).first() != Some(&step.as_str()) {
            return Err(Error::Steps {
                reason: format!("step {step} is not the one that is undone next"),
            });
        }
        let attempt = turned.attempts.get(&step).copied().unwrap_or(0).saturating_add(1);
        let mut writer = Writer::new(journal, runner, state, &());
        writer.append(Event::Claimed {}).await?;
        writer.append(Event::Undoing { step: step.clone(), attempt }).await?;
        let outcome = serde_json::json!({ "left": reason });
        writer.append(Event::Undone { step, attempt, outcome }).await?;
        return Ok(());
    }
    if state.is_settled(&step) {
        return Err(Error::Steps { reason: format!("step {step} is settled already") });
    }
    let attempt = state.attempts.get(&step).copied().unwrap_or(0).saturating_add(1);
    let mut writer = Writer::new(journal, runner, state, &());
    writer.append(Event::Claimed {}).await?;
    match answer {
        Answer::Done(outcome) => {
            writer.append(Event::Intent { step: step.clone(), attempt }).await?;
            writer.append(Event::Done { step, attempt, outcome }).await?;
        }
        Answer::Skip(reason) => drop(writer.append(Event::Skipped { step, reason }).await?),
    }
    writer.append(Event::Stopped {}).await?;
    Ok(())
}

/// Says something about a step, whoever works on the run.
///
/// # Errors
/// [`Error::NotBegun`], [`Error::Over`], [`Error::Superseded`] when a living runner's entries always came first, [`Error::Journal`],
/// [`Error::Damaged`].
pub async fn say(journal: &dyn Journal, runner: &Runner, step: &str, word: Word) -> Result<(), Error> {
    between(journal, runner, &|state| match &state.ended {
        Some(how) => Err(Error::Over {
            how: how.clone(),
            by: state.runner.clone().unwrap_or_default(),
        }),
        None => Ok(Some(Event::Word { step: step.to_owned(), word: word.clone() })),
    })
    .await
}

/// Gives a run up for ever. A runner at work on it stops at its next entry; what its steps have done stays done.
///
/// # Errors
/// [`Error::NotBegun`], [`Error::Over`] when the run has ended otherwise, [`Error::Superseded`] when a living runner's entries
/// always came first, [`Error::Journal`], [`Error::Damaged`].
pub async fn cancel(journal: &dyn Journal, runner: &Runner) -> Result<(), Error> {
    between(journal, runner, &|state| match &state.ended {
        Some(Ended::Cancelled) => Ok(None),
        Some(how) => Err(Error::Over {
            how: how.clone(),
            by: state.runner.clone().unwrap_or_default(),
        }),
        None => Ok(Some(Event::Ended { how: Ended::Cancelled })),
    })
    .await
}

/// Writes an entry that needs no claim.
async fn between(
    journal: &dyn Journal,
    runner: &Runner,
    event: &(dyn Fn(&State) -> Result<Option<Event>, Error> + Sync),
) -> Result<(), Error> {
    let mut tries = 0;
    loop {
        let state = read(journal).await?;
        if state.plan.is_none() {
            return Err(Error::NotBegun);
        }
        let Some(event) = event(&state)? else {
            return Ok(());
        };
        tries += 1;
        match Writer::new(journal, runner, state, &()).append(event).await {
            Ok(_) => return Ok(()),
            Err(Error::Superseded { .. } | Error::Over { .. }) if tries < TRIES => {}
            Err(error) => return Err(error),
        }
    }
}

/// A run that has begun, once nobody else works on it.
async fn claimable(journal: &dyn Journal, runner: &Runner) -> Result<State, Error> {
    let state = wait_claimable(journal, runner).await?;
    match state.plan {
        Some(_) => Ok(state),
        None => Err(Error::NotBegun),
    }
}

fn finished(state: State) -> Result<Finished, Error> {
    match (state.begun, state.last) {
        (Some(begun), Some(ended)) => Ok(Finished { begun, ended, outcomes: state.done, skipped: state.skipped }),
        _ => Err(Error::NotBegun),
    }
}
