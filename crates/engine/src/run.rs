//! Beginning, running and giving up. Start at [`run`].

use crate::alive::keep;
use crate::claim::wait_claimable;
use crate::writer::{Writer, read};
use crate::{Actor, Ended, Error, Event, Hooks, Inside, Journal, Outcomes, Point, Problem, Runner, State};
use crate::{StepError, StepPlan};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;

/// How often a step is begun anew because the journal was away for too long, before that counts as a failed attempt.
const INTERRUPTIONS: u32 = 5;

/// How often [`cancel`] tries to come between two entries of a living runner.
const CANCELS: u32 = 10;

/// A run whose steps are all done.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// When it began, by the clock of the runner that began it.
    pub begun: Timestamp,
    /// When it ended, by the clock of the runner that ended it.
    pub ended: Timestamp,
    /// The outcomes of all steps.
    pub outcomes: Outcomes,
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
        match Writer::new(journal, runner, state).append(begun).await {
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
/// not done, and ends it. A run that has succeeded is left alone and its result returned again.
///
/// Returns early on errors only, and may be dropped at any moment; call it again to go on. After [`Error::StepFailed`] it goes
/// on at the failed step, with all its attempts anew. Entries are written while it is polled only, so give it a task of its own.
///
/// # Errors
/// [`Error::Steps`], [`Error::NotBegun`], [`Error::Over`] and [`Error::Busy`] before anything is done; then
/// [`Error::StepFailed`], [`Error::Superseded`], [`Error::Over`], [`Error::Journal`], and [`Error::Damaged`] at any time.
pub async fn run(
    steps: &[StepPlan],
    journal: &dyn Journal,
    actor: &dyn Actor,
    runner: &Runner,
    hooks: &dyn Hooks,
) -> Result<Finished, Error> {
    sound(steps)?;
    let state = wait_claimable(journal, runner).await?;
    if state.plan.is_none() {
        return Err(Error::NotBegun);
    }
    if let Some(how) = state.ended.clone().filter(|how| *how != Ended::Succeeded) {
        return Err(Error::Over { how, by: state.runner.unwrap_or_default() });
    }
    let left = left(steps, &state)?;
    if state.ended.is_some() {
        return finished(state);
    }
    let mut writer = Writer::new(journal, runner, state);
    writer.append(Event::Claimed {}).await?;
    for step in left {
        carry_out(step, &mut writer, actor, hooks).await?;
    }
    writer.append(Event::Ended { how: Ended::Succeeded }).await?;
    finished(writer.state)
}

/// Gives a run up for ever. A runner at work on it stops at its next entry; what its steps have done stays done.
///
/// # Errors
/// [`Error::NotBegun`], [`Error::Over`] when the run has ended otherwise, [`Error::Superseded`] when a living runner's entries
/// always came first, [`Error::Journal`], [`Error::Damaged`].
pub async fn cancel(journal: &dyn Journal, runner: &Runner) -> Result<(), Error> {
    let mut tries = 0;
    loop {
        let state = read(journal).await?;
        match (&state.plan, &state.ended) {
            (None, _) => return Err(Error::NotBegun),
            (_, Some(Ended::Cancelled)) => return Ok(()),
            (_, Some(how)) => {
                return Err(Error::Over { how: how.clone(), by: state.runner.unwrap_or_default() });
            }
            _ => {}
        }
        let cancelled = Event::Ended { how: Ended::Cancelled };
        tries += 1;
        match Writer::new(journal, runner, state).append(cancelled).await {
            Ok(_) => return Ok(()),
            Err(Error::Superseded { .. } | Error::Over { .. }) if tries < CANCELS => {}
            Err(error) => return Err(error),
        }
    }
}

async fn carry_out(
    step: &StepPlan,
    writer: &mut Writer<'_>,
    actor: &dyn Actor,
    hooks: &dyn Hooks,
) -> Result<(), Error> {
    let (mut tried, mut interruptions) = (0, 0);
    loop {
        hooks.reached(Point::Before { step: step.id.clone() });
        let before = writer.state.attempts.get(&step.id).copied().unwrap_or(0);
        let attempt = before.saturating_add(1);
        let permit = writer.append(Event::Intent { step: step.id.clone(), attempt }).await?;
        let known = writer.state.done.clone();
        let inside = Inside::new(&step.id, hooks);
        let work = tokio::time::timeout(step.timeout, actor.perform(&step.id, &known, attempt, &inside));
        let result = match keep(writer, permit, work).await? {
            Some(Ok(result)) => {
                hooks.reached(Point::After { step: step.id.clone() });
                result
            }
            Some(Err(_)) => Err(timed_out(step)),
            None if interruptions < INTERRUPTIONS => {
                interruptions += 1;
                hooks.said(&step.id, "broken off while the journal did not answer; begins anew");
                continue;
            }
            None => Err(interrupted(step)),
        };
        let error = match result {
            Ok(outcome) => {
                writer.append(Event::Done { step: step.id.clone(), attempt, outcome }).await?;
                return Ok(());
            }
            Err(error) => error,
        };
        tried += 1;
        let retry = error.retry && tried < step.attempts;
        hooks.said(&step.id, &format!("attempt {attempt} failed: {}", error.problem));
        let failed = Event::Failed {
            step: step.id.clone(),
            attempt,
            error: error.problem.clone(),
            retry,
        };
        let permit = writer.append(failed).await?;
        if !retry {
            return Err(Error::StepFailed {
                step: step.id.clone(),
                attempt,
                problem: Box::new(error.problem),
            });
        }
        // Broken off or not, the next intent says whose the run is.
        keep(writer, permit, ambient::sleep(step.pause)).await?;
    }
}

fn sound(steps: &[StepPlan]) -> Result<(), Error> {
    let mut ids = BTreeSet::new();
    for step in steps {
        let reason = if step.id.is_empty() {
            "a step has no id".to_owned()
        } else if !ids.insert(&step.id) {
            format!("two steps are called {}", step.id)
        } else if step.attempts == 0 {
            format!("step {} has no attempts", step.id)
        } else {
            continue;
        };
        return Err(Error::Steps { reason });
    }
    Ok(())
}

/// The steps that are not done. The journal must be of just these steps: going on with others would leave out or repeat some.
fn left<'a>(steps: &'a [StepPlan], state: &State) -> Result<&'a [StepPlan], Error> {
    let begun = state.in_flight.as_ref().map(|flight| flight.step.as_str());
    let begun = begun.or_else(|| state.failed.as_ref().map(|failed| failed.step.as_str()));
    let recorded = state.done.iter().map(|(id, _)| id).chain(begun);
    for (n, id) in recorded.enumerate() {
        if steps.get(n).is_none_or(|step| step.id != id) {
            let reason = format!("by the journal, {id} is step {}, but not by the steps given", n + 1);
            return Err(Error::Steps { reason });
        }
    }
    let done = state.done.len();
    if state.ended.is_some() && done < steps.len() {
        let reason = format!("the run has ended after {done} steps, and {} are given", steps.len());
        return Err(Error::Steps { reason });
    }
    Ok(steps.get(done..).unwrap_or_default())
}

fn finished(state: State) -> Result<Finished, Error> {
    match (state.begun, state.last) {
        (Some(begun), Some(ended)) => Ok(Finished { begun, ended, outcomes: state.done }),
        _ => Err(Error::NotBegun),
    }
}

fn timed_out(step: &StepPlan) -> StepError {
    let message = format!("step {} did not end within {} s", step.id, step.timeout.as_secs_f64());
    engines("timeout", message)
}

fn interrupted(step: &StepPlan) -> StepError {
    let message = format!("step {} was broken off again and again while the journal did not answer", step.id);
    engines("interrupted", message)
}

fn engines(code: &str, message: String) -> StepError {
    let problem = Problem { code: code.to_owned(), message, ..Problem::default() };
    StepError { problem, retry: true }
}
