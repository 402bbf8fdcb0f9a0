//! Carrying a plan out, and back. Start at [`run`].

use crate::guide::{Guide, guided};
use crate::steps::{self, Context};
use crate::{Trouble, World};
use async_trait::async_trait;
use engine::{Actor, Finished, Hooks, Inside, Journal, Outcomes, Performed, Runner, StepError, StepPlan};
use estate::{Kind, Name};
use plan::{Action, Known, Plan, Step};
use repository::Repository;
use serde_json::Value;
use std::time::Duration;

/// Before the second attempt at a step.
const PAUSE: Duration = Duration::from_secs(3);

/// A person takes as long as a person takes.
const PERSON: Duration = Duration::from_secs(7 * 24 * 3600);

/// Why a run stopped: the run is as its journal says, and can be resumed with the same command.
pub type Failed = Trouble;

/// How a plan is carried out. The plan is the same in all.
#[derive(Clone, Copy, Default)]
pub enum Mode<'a> {
    /// A person is led through, step by step.
    Guided(&'a dyn Guide),
    /// Lifeboat does it, and stops at gates.
    #[default]
    Scripted,
    /// Lifeboat does it, and passes gates that are not for every run.
    Automatic,
}

/// A run: which plan, where its journal is, and what it is carried out with.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// The estate.
    pub world: &'a World,
    /// Where the copies are.
    pub repository: &'a Repository,
    /// Where the journal is.
    pub journal: &'a dyn Journal,
    /// Its number.
    pub number: u64,
    /// How it is named in a command: see [`crate::runs::Kept::typed`].
    pub typed: &'a str,
    /// The plan.
    pub plan: &'a Plan,
    /// How it is carried out.
    pub mode: Mode<'a>,
}

/// Carries a run out from wherever its journal stands. The one road: whoever recovers comes through here.
///
/// # Errors
/// A step failed, another runner has the run, or the journal does not answer.
pub async fn run(work: Work<'_>, runner: &Runner, hooks: &dyn Hooks) -> Result<Finished, Failed> {
    let runner = match work.mode {
        Mode::Guided(_) => Runner { at_once: 1, ..runner.clone() },
        _ => runner.clone(),
    };
    Ok(engine::run(&steps(work), work.journal, &Carrier { work }, &runner, hooks).await?)
}

/// Undoes a run, back to a gate or to its beginning.
///
/// # Errors
/// As [`run`].
pub async fn undo(work: Work<'_>, runner: &Runner, hooks: &dyn Hooks, to: Option<&str>) -> Result<(), Failed> {
    Ok(engine::undo(&steps(work), work.journal, &Carrier { work }, runner, hooks, to).await?)
}

/// A plan as the engine has it.
pub(crate) fn steps(work: Work<'_>) -> Vec<StepPlan> {
    let is_guided = matches!(work.mode, Mode::Guided(_));
    let of = |(index, step): (usize, &Step)| StepPlan {
        after: work.plan.after(index),
        timeout: match is_guided {
            true => PERSON,
            false => Duration::from_secs(step.timeout_s),
        },
        attempts: if is_guided { 1 } else { step.attempts.max(1) },
        pause: PAUSE,
        repeatable: step.repeatable,
        on_failure: match step.on_failure {
            estate::OnFailure::Stop => engine::OnFailure::Stop,
            // Who leaves at a step has not failed it, and who is there says what is left out.
            estate::OnFailure::Continue if is_guided => engine::OnFailure::Stop,
            estate::OnFailure::Continue => engine::OnFailure::Continue,
            estate::OnFailure::Undo => engine::OnFailure::Undo,
        },
        gate: step.gate,
        ..StepPlan::new(&step.id)
    };
    work.plan.steps.iter().enumerate().map(of).collect()
}

/// What each step would do, and what is not ready for it. Changes nothing, and begins no run.
pub async fn dry(work: Work<'_>) -> Vec<(String, Result<Vec<String>, Trouble>)> {
    let mut told = Vec::new();
    for step in &work.plan.steps {
        let inside = Inside::new(&step.id, &());
        let known = Outcomes::default();
        let context = context(work, step, &known, &inside);
        let carrier = steps::carrier(&step.action);
        let mut found = Ok(Vec::new());
        let mut is_to_be_made = false;
        for host in carrier.hosts() {
            let entered = match work.world.host(host) {
                Ok(entered) => entered
                    .run("looking at the host", "true", Duration::from_secs(20))
                    .await
                    .map_err(Trouble::from),
                Err(trouble) => Err(trouble),
            };
            match entered {
                Ok(_) => {
                    found = found.map(|mut said: Vec<String>| {
                        said.push(format!("{host} can be entered"));
                        said
                    })
                }
                Err(trouble) if trouble.may_pass() && waits_for(work.plan, host) => {
                    is_to_be_made = true;
                    found = found.map(|mut said| {
                        said.push(format!("{host} is not there yet: an earlier step waits for it"));
                        said
                    });
                }
                Err(trouble) => found = Err(trouble),
            }
        }
        if let (Ok(said), false) = (&mut found, is_to_be_made) {
            match carrier.dry(&context).await {
                Ok(more) => said.extend(more),
                Err(trouble) => found = Err(trouble),
            }
        }
        told.push((step.id.clone(), found));
    }
    told
}

/// Whether a step waits for a host that need not be there before.
fn waits_for(plan: &Plan, host: &Name) -> bool {
    plan.steps
        .iter()
        .any(|step| matches!(&step.action, Action::AwaitHost(it) if it.host == *host))
}

fn context<'a>(work: Work<'a>, step: &'a Step, known: &'a Outcomes, inside: &'a Inside<'a>) -> Context<'a> {
    Context {
        world: work.world,
        repository: work.repository,
        journal: work.journal,
        run: work.number,
        typed: work.typed,
        plan: work.plan,
        step,
        made: work.plan.made,
        limit: Duration::from_secs(step.timeout_s),
        is_restore: work.plan.is_restore(),
        is_automatic: matches!(work.mode, Mode::Automatic),
        known,
        inside,
    }
}

/// Performs the steps of a plan.
pub(crate) struct Carrier<'a> {
    pub(crate) work: Work<'a>,
}

impl Carrier<'_> {
    fn step(&self, id: &str) -> Result<&Step, Trouble> {
        let missing = || Trouble::new("LB0099", Kind::Bug, format!("the plan has no step {id}"));
        self.work.plan.step(id).ok_or_else(missing)
    }

    /// What the step does, if it is wanted at all, now that it is known what came before.
    fn now(&self, step: &Step, known: &Outcomes) -> Result<Option<Action>, Trouble> {
        let known: Known = known.iter().map(|(id, outcome)| (id.to_owned(), outcome.clone())).collect();
        let unanswered = |why: plan::NotNow| Trouble::new("LB0711", Kind::Invalid, why.to_string());
        match plan::wanted(self.work.plan, step, &known).map_err(unanswered)? {
            true => plan::action_now(self.work.plan, step, &known).map(Some).map_err(unanswered),
            false => Ok(None),
        }
    }

    async fn carry_out(&self, id: &str, known: &Outcomes, inside: &Inside<'_>) -> Result<Performed, Trouble> {
        let step = self.step(id)?;
        let Some(action) = self.now(step, known)? else {
            let when = step.when.as_deref().unwrap_or_default();
            return Ok(Performed::Skipped(format!("its condition is not true: {when}")));
        };
        let context = context(self.work, step, known, inside);
        match self.work.mode {
            Mode::Guided(guide) => guided(guide, &action, &context).await,
            _ => steps::carrier(&action).perform(&context).await,
        }
    }

    async fn carry_back(&self, id: &str, known: &Outcomes, inside: &Inside<'_>) -> Result<Value, Trouble> {
        let step = self.step(id)?;
        let action = self.now(step, known)?.unwrap_or_else(|| step.action.clone());
        let context = context(self.work, step, known, inside);
        steps::carrier(&action).undo(&context, known.get(id)).await
    }

    fn failed(&self, trouble: Trouble) -> StepError {
        let trouble = self.work.world.about_identity(&self.work.plan.cluster, trouble);
        StepError { retry: trouble.may_pass(), problem: trouble.into() }
    }
}

#[async_trait]
impl Actor for Carrier<'_> {
    async fn perform(
        &self,
        step: &str,
        known: &Outcomes,
        _attempt: u32,
        inside: &Inside<'_>,
    ) -> Result<Performed, StepError> {
        self.carry_out(step, known, inside)
            .await
            .map_err(|trouble| self.failed(trouble))
    }

    async fn undo(&self, step: &str, known: &Outcomes, _attempt: u32, inside: &Inside<'_>) -> Result<Value, StepError> {
        self.carry_back(step, known, inside)
            .await
            .map_err(|trouble| self.failed(trouble))
    }
}
