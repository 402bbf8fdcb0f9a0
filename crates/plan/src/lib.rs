//! How a recovery is decided: the estate and what was found become a plan, a value with nothing left to choose.
//!
//! Pure: no IO, no async, no clock. Start at [`make`], which turns [`Facts`] into the [`Plan`] of a failover or says why there is none
//! ([`NoPlan`]); [`restore`] does so for a cluster that comes back where it serves. What a step does is data, [`Action`]; `recovery` carries
//! it out. `text` is the plan as people read it. [`readiness()`]
//! says how far the estate has come before there is anything to recover from.

mod action;
mod hand;
mod make;
mod readiness;
mod restore;
mod steps;
mod text;

pub use action::{
    Action, AwaitAgents, Fence, FetchCopy, IssueCertificates, JoinNodes, Moment, PrepareHost, ResetEtcd, RestoreEtcd,
    RestoreFiles, Snapshot, StartControlPlane, StartManager, StopControlPlane, SwitchDns, Word,
};
pub use hand::{ByHand, Line};
pub use make::{Chosen, Facts, Loss, Member, NoPlan, make};
pub use readiness::{AtRisk, Cell, Follower, Gathered, Newest, ReadinessFacts, Rung, missed_rpo, readiness};
pub use restore::{Prepare, RestoreFacts, State, Target, restore};
pub use steps::{FLAGS, PARKED};

use estate::{Epoch, Name, PointId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A recovery with nothing left to choose: a failover, or a restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// The estate.
    pub estate: Name,
    /// The cluster that is brought up.
    pub cluster: Name,
    /// The site that the copy is of.
    pub from: Name,
    /// The site that it comes up at.
    pub to: Name,
    /// The epoch that the new site will hold; none where the cluster is restored by the right that it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// The hosts that it is restored onto; none of a failover, whose host is the standby's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub onto: Vec<Name>,
    /// When the plan was made.
    pub made: Timestamp,
    /// Why: the grounds of a verdict, or that a person asked.
    pub because: Vec<String>,
    /// What is restored.
    pub point: PointId,
    /// Why it is not to be trusted, if nobody who is has signed it: a person accepts that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsigned: Option<String>,
    /// Everything written before this moment, by the source's clock, is in it.
    pub point_begun: Timestamp,
    /// The revision of etcd that it holds at least.
    pub point_revision: i64,
    /// What will be lost, as far as it is known.
    pub loss: Loss,
    /// What is done, in this order.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Whether a cluster is restored where it serves, rather than brought up at another site.
    pub fn is_restore(&self) -> bool {
        self.epoch.is_none()
    }

    /// The snapshot that others made, if the state of etcd is restored from one.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.steps.iter().find_map(|step| match &step.action {
            Action::FetchCopy(it) => it.snapshot.as_ref(),
            _ => None,
        })
    }
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// What the journal and people call it.
    pub id: String,
    /// What it does and why, in one sentence.
    pub what: String,
    /// How a person would do it.
    pub by_hand: ByHand,
    /// How to see that it worked.
    pub check: String,
    /// How to undo it, or why that is not possible.
    pub undo: String,
    /// How long one attempt may take, in seconds.
    pub timeout_s: u64,
    /// How often it is attempted before the run stops.
    pub attempts: u32,
    /// What Lifeboat does.
    pub action: Action,
}

#[cfg(test)]
mod tests;
