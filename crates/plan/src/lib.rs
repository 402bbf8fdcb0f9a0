//! How a recovery is decided: a playbook, the estate and what was found become a plan, a value with nothing left to choose.
//!
//! Pure: no IO, no async, no clock. Start at [`make`], which turns a [`Book`] and [`Facts`] into a [`Plan`] or says why there is none
//! ([`NoPlan`]). [`Books`] are the playbooks that there are, [`lints`] what is wrong with one. What a step does is data, [`Action`];
//! `recovery` carries it out. `text` is the plan as people read it, [`runbook`] the document that they print, [`Difference`] how two of them differ. [`readiness()`] says how far the
//! estate has come before there is anything to recover from.

mod action;
mod diff;
mod facts;
mod hand;
mod kinds;
pub mod page;
mod playbook;
mod readiness;
mod resolve;
mod runbook;
mod scene;
mod text;
mod when;

pub use action::{
    Action, ApplyInfra, ApplyManifests, Approve, AwaitAgents, AwaitHost, CopyPart, Elsewhere, Fence, FetchCopy,
    HandOverEtcd, InstallHelm, IssueCertificates, JoinNodes, LowerDns, Manual, Moment, Notify, PrepareHost, Probe,
    Probed, PromoteEtcd, ResetEtcd, RestoreEtcd, RestoreFiles, Script, Service, ServiceAct, Snapshot,
    StartControlPlane, StartManager, StopControlPlane, SwitchDns, SwitchLoadBalancer, Wait, Word,
};
pub use diff::Difference;
pub use facts::{Chosen, Facts, Loss, Member, NoPlan, Prepare, State, Target};
pub use hand::{ByHand, Line, Look, Undo};
pub use kinds::onto::{FLAGS, PARKED, STOOD_STILL};
pub use playbook::lint::of as lints;
pub use playbook::{Book, Books, Lint, Which};
pub use readiness::{AtRisk, Cell, Follower, Gathered, Newest, ReadinessFacts, Rung, missed_rpo, readiness};
pub use resolve::{Needs, make, needs};
pub use runbook::{Made, runbook};
pub use scene::Toward;
pub use when::{Known, NotNow, action_now, wanted};

use estate::{Epoch, Name, OnFailure, PointId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A playbook with nothing left to choose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// The estate.
    pub estate: Name,
    /// The playbook; nothing of plans that were made before there were any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub playbook: String,
    /// What it was given.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String, Value>,
    /// The cluster that it is about.
    pub cluster: Name,
    /// The site that the copy is of, or where the cluster stands.
    pub from: Name,
    /// The site that it comes up at.
    pub to: Name,
    /// The epoch that the new site will hold; none where the cluster stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// The hosts that it is restored onto; none of a failover, whose host is the standby's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub onto: Vec<Name>,
    /// When the plan was made.
    pub made: Timestamp,
    /// Why: the grounds of a verdict, or that a person asked.
    pub because: Vec<String>,
    /// The copy that is restored, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<PointId>,
    /// Why it is not to be trusted, if nobody who is has signed it: a person accepts that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsigned: Option<String>,
    /// Everything written before this moment, by the source's clock, is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point_begun: Option<Timestamp>,
    /// The revision of etcd that it holds at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point_revision: Option<i64>,
    /// What will be lost, as far as it is known.
    pub loss: Loss,
    /// How much may be lost, in seconds: the objective at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo_s: Option<u64>,
    /// How long it may take, in seconds: the objective at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rto_s: Option<u64>,
    /// What is done, each after those that it comes after.
    pub steps: Vec<Step>,
    /// Steps of the playbook that this plan does without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// What expressions may name that are answered while it is carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Value>,
}

/// A step of a playbook that a plan does without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeftOut {
    /// Its id.
    pub step: String,
    /// Why.
    pub why: String,
}

impl Plan {
    /// Whether a cluster is restored where it serves, rather than brought up at another site.
    pub fn is_restore(&self) -> bool {
        self.epoch.is_none() && self.point.is_some()
    }

    /// Whether it moves its cluster, brings it up, or stops it: nothing else may do so meanwhile. A playbook that does none of that holds up
    /// nobody.
    pub fn moves_cluster(&self) -> bool {
        let is_of_that = |action: &Action| {
            matches!(
                action,
                Action::Fence(_)
                    | Action::HandOverEtcd(_)
                    | Action::StopControlPlane(_)
                    | Action::StartControlPlane(_)
                    | Action::RestoreFiles(_)
                    | Action::ResetEtcd(_)
                    | Action::StartManager(_)
                    | Action::SwitchDns(_)
            )
        };
        self.epoch.is_some() || self.steps.iter().any(|step| is_of_that(&step.action))
    }

    /// Whether the former site hands its last change over, so that nothing is lost.
    pub fn hands_over(&self) -> bool {
        let takes = |step: &Step| matches!(&step.action, Action::FetchCopy(it) if it.handover.is_some());
        self.steps.iter().any(takes)
    }

    /// Whether `other` waits until a run of this is over: there is one at a time for a cluster, but what leaves a cluster alone holds up
    /// nothing that saves it.
    pub fn is_in_the_way_of(&self, other: &Self) -> bool {
        self.cluster == other.cluster && (self.moves_cluster() || !other.moves_cluster())
    }

    /// Whether what is followed at the site that it moves to becomes etcd's data: then no more is lost than the copy lacks, and most often
    /// less.
    pub fn promotes(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::PromoteEtcd(_)))
    }

    /// The snapshot that others made, if the state of etcd is restored from one.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.steps.iter().find_map(|step| match &step.action {
            Action::FetchCopy(it) => it.snapshot.as_ref(),
            _ => None,
        })
    }

    /// A step by its id.
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// The steps that one comes after. In a plan in which none comes after another they are carried out as they are written: so it was
    /// before there was an `after`, and it harms nothing.
    pub fn after(&self, index: usize) -> Vec<String> {
        let is_chain = self.steps.iter().all(|step| step.after.is_empty());
        let before = || index.checked_sub(1).and_then(|before| self.steps.get(before));
        match (is_chain, self.steps.get(index)) {
            (false, Some(step)) => step.after.clone(),
            _ => before().map(|before| before.id.clone()).into_iter().collect(),
        }
    }
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// What the journal and people call it.
    pub id: String,
    /// The step of the playbook that it is of.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub of: String,
    /// What it does, in one sentence.
    pub what: String,
    /// What its playbook says of it, where that is another sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// How a person would do it.
    pub by_hand: ByHand,
    /// How to see that it worked.
    pub check: Look,
    /// How to undo it, or why that is not possible.
    pub undo: Undo,
    /// The steps that it comes after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// The condition that is asked when its time has come; without one it is carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// How long one attempt may take, in seconds.
    pub timeout_s: u64,
    /// How often it is attempted before the run stops.
    pub attempts: u32,
    /// What becomes of the run when it fails for good.
    #[serde(default, skip_serializing_if = "is_stop")]
    pub on_failure: OnFailure,
    /// Whether undoing after a failure goes back to here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gate: bool,
    /// Whether it may be done again when nobody knows how far it came.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub repeatable: bool,
    /// How long it took in earlier runs, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_ms: Option<u64>,
    /// What Lifeboat does.
    pub action: Action,
}

fn yes() -> bool {
    true
}

fn is_stop(on_failure: &OnFailure) -> bool {
    *on_failure == OnFailure::Stop
}

impl Step {
    /// A step of which only these are said yet.
    pub(crate) fn new(id: impl Into<String>, action: Action) -> Self {
        Self { id: id.into(), action, ..Self::blank() }
    }

    /// A step that says nothing yet.
    pub(crate) fn blank() -> Self {
        Self {
            id: String::new(),
            of: String::new(),
            what: String::new(),
            why: String::new(),
            by_hand: ByHand::default(),
            check: Look::default(),
            undo: Undo::none(""),
            after: Vec::new(),
            when: None,
            timeout_s: 60,
            attempts: 1,
            on_failure: OnFailure::Stop,
            gate: false,
            repeatable: true,
            expected_ms: None,
            action: Action::Wait(Wait { seconds: 0 }),
        }
    }

    /// How far it has been climbed: 1 a person does it, 2 a script, 3 Lifeboat itself.
    pub fn level(&self) -> u8 {
        match &self.action {
            Action::Manual(_) | Action::Approve(_) => 1,
            Action::Script(_) => 2,
            _ => 3,
        }
    }
}

#[cfg(test)]
mod tests;
