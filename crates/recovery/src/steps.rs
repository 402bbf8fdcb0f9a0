//! The step kinds, a file each. All are idempotent: each looks at what is there and does what is missing.

pub(crate) mod agents_await;
mod certificates_issue;
mod controlplane_start;
mod controlplane_stop;
mod copy_fetch;
mod dns_switch;
mod etcd_reset;
mod etcd_restore;
mod fence;
mod files_restore;
mod host_prepare;
mod manager_start;
pub(crate) mod nodes_join;

use crate::{Trouble, World};
use engine::Inside;
use estate::Kind;
use jiff::Timestamp;
use plan::Action;
use repository::Repository;
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// What every step is given.
pub(crate) struct Context<'a> {
    pub(crate) world: &'a World,
    pub(crate) repository: &'a Repository,
    pub(crate) run: u64,
    /// When the plan was made: nothing was restored before.
    pub(crate) made: Timestamp,
    /// How long this step may take.
    pub(crate) limit: Duration,
    /// Whether a cluster is restored where it serves: then hints are other ones.
    pub(crate) is_restore: bool,
    pub(crate) inside: &'a Inside<'a>,
}

/// Performs one action and returns what is recorded of it.
pub(crate) async fn perform(action: &Action, context: &Context<'_>) -> Result<Value, Trouble> {
    match action {
        Action::FetchCopy(it) => outcome(copy_fetch::perform(it, context).await?),
        Action::Fence(it) => outcome(fence::perform(it, context).await?),
        Action::StopControlPlane(it) => outcome(controlplane_stop::perform(it, context).await?),
        Action::PrepareHost(it) => outcome(host_prepare::perform(it, context).await?),
        Action::ResetEtcd(it) => outcome(etcd_reset::perform(it, context).await?),
        Action::RestoreEtcd(it) => outcome(etcd_restore::perform(it, context).await?),
        Action::RestoreFiles(it) => outcome(files_restore::perform(it, context).await?),
        Action::IssueCertificates(it) => outcome(certificates_issue::perform(it, context).await?),
        Action::StartControlPlane(it) => outcome(controlplane_start::perform(it, context).await?),
        Action::JoinNodes(it) => outcome(nodes_join::perform(it, context).await?),
        Action::StartManager(it) => outcome(manager_start::perform(it, context).await?),
        Action::SwitchDns(it) => outcome(dns_switch::perform(it, context).await?),
        Action::AwaitAgents(it) => outcome(agents_await::perform(it, context).await?),
    }
}

fn outcome(done: impl Serialize) -> Result<Value, Trouble> {
    serde_json::to_value(done).map_err(|e| Trouble::new("LB0099", Kind::Bug, e.to_string()))
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
