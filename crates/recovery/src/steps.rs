//! The step kinds, a file each. All but `script` are idempotent: each looks at what is there and does what is missing. Start at [`Carry`].

pub(crate) mod agents_await;
pub(crate) mod approve;
mod certificates_issue;
mod controlplane_start;
mod controlplane_stop;
mod copy_fetch;
mod dns_lower;
mod dns_switch;
mod etcd_handover;
pub(crate) mod etcd_promote;
mod etcd_reset;
mod etcd_restore;
mod fence;
mod files_restore;
mod helm_install;
mod host_await;
mod host_prepare;
mod infra_apply;
mod loadbalancer_switch;
mod manager_start;
mod manifests_apply;
pub(crate) mod manual;
pub(crate) mod nodes_join;
mod notify;
mod probe;
mod script;
mod service;
pub(crate) mod typed;
mod wait;

use crate::{Trouble, World};
use async_trait::async_trait;
use engine::{Inside, Journal, Outcomes, Performed};
use estate::{Kind, Name};
use jiff::Timestamp;
use plan::{Action, Plan, Step, Undo};
use repository::Repository;
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;

/// What every step is given.
pub(crate) struct Context<'a> {
    pub(crate) world: &'a World,
    pub(crate) repository: &'a Repository,
    pub(crate) journal: &'a dyn Journal,
    pub(crate) run: u64,
    /// How the run is named in a command.
    pub(crate) typed: &'a str,
    pub(crate) plan: &'a Plan,
    pub(crate) step: &'a Step,
    /// When the plan was made: nothing was restored before.
    pub(crate) made: Timestamp,
    /// How long this step may take.
    pub(crate) limit: Duration,
    /// Whether a cluster is restored where it serves: then hints are other ones.
    pub(crate) is_restore: bool,
    /// Whether gates are passed by.
    pub(crate) is_automatic: bool,
    /// What came of the steps before it.
    pub(crate) known: &'a Outcomes,
    pub(crate) inside: &'a Inside<'a>,
}

/// What a kind of step can do.
#[async_trait]
pub(crate) trait Carry: Sync {
    /// Does it.
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble>;

    /// Sees whether it worked, whoever did it, and says what was seen. Changes nothing.
    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        typed::look(context).await
    }

    /// Undoes it: as its plan says, line by line, unless the kind knows better. `done` is its outcome, if it has one.
    async fn undo(&self, context: &Context<'_>, done: Option<&Value>) -> Result<Value, Trouble> {
        let _ = done;
        undo_typed(context).await
    }

    /// Looks whether it could be done, and says what would be. Changes nothing.
    async fn dry(&self, context: &Context<'_>) -> Result<Vec<String>, Trouble> {
        let _ = context;
        Ok(Vec::new())
    }

    /// The hosts that it works on.
    fn hosts(&self) -> Vec<&Name> {
        Vec::new()
    }
}

/// Who carries an action out.
pub(crate) fn carrier(action: &Action) -> &dyn Carry {
    match action {
        Action::FetchCopy(it) => it,
        Action::Fence(it) => it,
        Action::StopControlPlane(it) => it,
        Action::AwaitHost(it) => it,
        Action::PrepareHost(it) => it,
        Action::ResetEtcd(it) => it,
        Action::HandOverEtcd(it) => it,
        Action::PromoteEtcd(it) => it,
        Action::RestoreEtcd(it) => it,
        Action::RestoreFiles(it) => it,
        Action::IssueCertificates(it) => it,
        Action::StartControlPlane(it) => it,
        Action::JoinNodes(it) => it,
        Action::StartManager(it) => it,
        Action::LowerDns(it) => it,
        Action::SwitchDns(it) => it,
        Action::AwaitAgents(it) => it,
        Action::Manual(it) => it,
        Action::Approve(it) => it,
        Action::Script(it) => it,
        Action::Probe(it) => it,
        Action::Wait(it) => it,
        Action::Notify(it) => it,
        Action::Service(it) => it,
        Action::SwitchLoadBalancer(it) => it,
        Action::ApplyManifests(it) => it,
        Action::InstallHelm(it) => it,
        Action::ApplyInfra(it) => it,
    }
}

/// Undoes a step by typing what its plan says.
pub(crate) async fn undo_typed(context: &Context<'_>) -> Result<Value, Trouble> {
    match &context.step.undo {
        Undo::None { none } => Ok(json!({ "none": none })),
        Undo::Lines(lines) => {
            typed::run(&format!("undoing {}", context.step.id), lines, context).await?;
            Ok(json!({ "typed": lines.0.len() }))
        }
    }
}

/// What is recorded of a step that is done.
pub(crate) fn done(done: impl Serialize) -> Result<Performed, Trouble> {
    let outcome = serde_json::to_value(done).map_err(|e| Trouble::new("LB0099", Kind::Bug, e.to_string()))?;
    Ok(Performed::Done(outcome))
}

/// Asks again and again until the answer is good or the time is up; then what was answered last is the trouble.
pub(crate) async fn until<T, F>(limit: Duration, pause: Duration, ask: impl Fn() -> F) -> Result<T, Trouble>
where
    F: Future<Output = Result<T, Trouble>>,
{
    let deadline = ambient::monotonic() + limit;
    loop {
        match ask().await {
            Ok(done) => return Ok(done),
            // What does not pass by itself is told at once.
            Err(trouble) if !trouble.may_pass() || ambient::monotonic() + pause > deadline => return Err(trouble),
            Err(_) => ambient::sleep(pause).await,
        }
    }
}
