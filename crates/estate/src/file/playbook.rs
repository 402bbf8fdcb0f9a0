//! A playbook as the estate file has it: what is done on the day, step by step. Start at [`Playbook`]; [`check`] holds its rules.
//!
//! Here is only the form. What a kind of step does, and what it needs, is the engine's and its steps' affair.

use super::check::{Checked, wrong};
use super::error::nearest;
use super::place::Placed;
use super::reference::optional_duration;
use crate::Name;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The kinds of steps that there are, or will be.
const KINDS: [&str; 24] = [
    "manual",
    "approve",
    "script",
    "probe",
    "fence",
    "etcd.handover",
    "etcd.restore",
    "etcd.promote",
    "files.restore",
    "resources.restore",
    "volumes.restore",
    "images.copy",
    "infra.apply",
    "helm.install",
    "manifests.apply",
    "service",
    "loadbalancer.switch",
    "dns.switch",
    "agents.await",
    "notify",
    "wait",
    "playbook",
    "controlplane.start",
    "controlplane.stop",
];

/// Steps in order, which a person reads as a runbook and Lifeboat carries out.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Playbook {
    /// What it is for, in one sentence.
    pub what: String,
    /// The steps.
    pub steps: Vec<PlaybookStep>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlaybookStep {
    /// What other steps and people call it.
    pub id: Placed<Name>,
    /// What it does and why, in one sentence.
    pub what: String,
    /// What kind of step it is.
    pub kind: Placed<String>,
    /// The steps that must have been done before.
    #[serde(default)]
    pub after: Vec<Placed<Name>>,
    /// How long one attempt may take.
    #[serde(default, deserialize_with = "optional_duration")]
    #[schemars(with = "Option<String>")]
    pub timeout: Option<Placed<Duration>>,
    /// How often it is tried again.
    #[serde(default)]
    pub retries: u32,
    /// How a person does it.
    pub by_hand: Option<String>,
    /// How to see that it worked.
    pub check: Option<String>,
    /// How to undo it.
    pub undo: Option<String>,
    /// The settings of its kind.
    #[serde(default)]
    pub with: BTreeMap<String, serde_json::Value>,
}

/// The first broken rule of a playbook: each step has a name of its own and a known kind, and comes after steps that there are, without
/// a circle.
pub(super) fn check(playbook: &Playbook) -> Checked {
    let mut ids = BTreeSet::new();
    for step in &playbook.steps {
        if !ids.insert(&*step.id) {
            return wrong(step.id.place(), format!("there is a step {} already", step.id));
        }
        if !KINDS.contains(&step.kind.as_str()) {
            let near = nearest(&step.kind, KINDS.into_iter()).map(|near| format!("; is it {near:?}?"));
            let message = format!("there is no kind of step {:?}{}", &**step.kind, near.unwrap_or_default());
            return wrong(step.kind.place(), message);
        }
    }
    for after in playbook.steps.iter().flat_map(|step| &step.after) {
        if !ids.contains(&**after) {
            let near = nearest(after.as_str(), ids.iter().map(|id| id.as_str()));
            let near = near.map(|near| format!("; is it {near:?}?")).unwrap_or_default();
            return wrong(after.place(), format!("there is no step called {:?}{near}", after.as_str()));
        }
    }
    // What can be done, is done, again and again; what is left waits for itself.
    let mut left: Vec<&PlaybookStep> = playbook.steps.iter().collect();
    let mut done: BTreeSet<&Name> = BTreeSet::new();
    loop {
        let (ready, waiting): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|step| step.after.iter().all(|id| done.contains(&**id)));
        match (ready.is_empty(), waiting.first()) {
            (_, None) => return Ok(()),
            (true, Some(step)) => {
                return wrong(step.id.place(), format!("step {} waits for itself, by way of its after", step.id));
            }
            (false, _) => done.extend(ready.iter().map(|step| &*step.id)),
        }
        left = waiting;
    }
}
