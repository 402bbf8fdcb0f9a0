//! Carrying a plan out.

use crate::runs::InRepository;
use crate::{Trouble, World, steps};
use async_trait::async_trait;
use engine::{Actor, Finished, Hooks, Inside, Outcomes, Performed, Runner, StepError, StepPlan};
use plan::Plan;
use repository::Repository;
use serde_json::Value;
use std::time::Duration;

/// Between two attempts at a step.
const PAUSE: Duration = Duration::from_secs(3);

/// Why a run stopped: the run is as its journal says, and can be resumed with the same command.
pub type Failed = Trouble;

/// Carries out run `number`, whose plan is `plan`, from wherever its journal stands. The one road: whoever recovers comes
/// through here.
///
/// # Errors
/// A step failed, another runner has the run, or the journal does not answer.
pub async fn run(
    world: &World,
    repository: &Repository,
    number: u64,
    plan: &Plan,
    runner: &Runner,
    hooks: &dyn Hooks,
) -> Result<Finished, Failed> {
    let mut planned: Vec<StepPlan> = Vec::new();
    for step in &plan.steps {
        let before = planned.last().map(|before| before.id.clone());
        planned.push(StepPlan {
            after: before.into_iter().collect(),
            timeout: Duration::from_secs(step.timeout_s),
            attempts: step.attempts.max(1),
            pause: PAUSE,
            ..StepPlan::new(&step.id)
        });
    }
    let carrier = Carrier { world, repository, plan, run: number };
    let journal = InRepository { repository, run: number };
    Ok(engine::run(&planned, &journal, &carrier, runner, hooks).await?)
}

/// Performs the steps of a plan.
struct Carrier<'a> {
    world: &'a World,
    repository: &'a Repository,
    plan: &'a Plan,
    run: u64,
}

#[async_trait]
impl Actor for Carrier<'_> {
    async fn perform(
        &self,
        step: &str,
        _known: &Outcomes,
        _attempt: u32,
        inside: &Inside<'_>,
    ) -> Result<Performed, StepError> {
        let found = self.plan.steps.iter().find(|planned| planned.id == step);
        let trouble = || Trouble::new("LB0099", estate::Kind::Bug, format!("the plan has no step {step}"));
        let context = steps::Context {
            world: self.world,
            repository: self.repository,
            run: self.run,
            made: self.plan.made,
            limit: Duration::from_secs(found.map_or(60, |planned| planned.timeout_s)),
            is_restore: self.plan.is_restore(),
            inside,
        };
        let done = match found {
            Some(planned) => steps::perform(&planned.action, &context).await,
            None => Err(trouble()),
        };
        done.map(Performed::Done).map_err(|trouble| {
            let trouble = self.world.about_identity(&self.plan.cluster, trouble);
            StepError { retry: trouble.may_pass(), problem: trouble.into() }
        })
    }

    async fn undo(&self, step: &str, _: &Outcomes, _: u32, _: &Inside<'_>) -> Result<Value, StepError> {
        let message = format!("step {step} is undone by a person: lifeboat run show {}", self.run);
        let trouble = Trouble::new("LB0704", estate::Kind::Person, message);
        Err(StepError { retry: false, problem: trouble.into() })
    }
}
