//! A playbook as it is written: what is done on the day, step by step. Start at [`Playbook`]; [`check`] holds the rules of its form.
//!
//! Here is only the form. What a kind of step needs and does, and whether a playbook makes sense, is the affair of `plan`.

use super::check::{Checked, Wrong, wrong};
use super::error::nearest;
use super::place::{Place, Placed};
use super::reference::optional_duration;
use super::{Estate, FileError};
use crate::Name;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// The kinds of steps that there are.
pub const KINDS: [&str; 28] = [
    "manual",
    "approve",
    "script",
    "probe",
    "wait",
    "notify",
    "playbook",
    "service",
    "fence",
    "host.await",
    "copy.fetch",
    "host.prepare",
    "etcd.handover",
    "etcd.promote",
    "etcd.restore",
    "files.restore",
    "certificates.issue",
    "controlplane.stop",
    "controlplane.start",
    "manager.start",
    "nodes.join",
    "agents.await",
    "dns.lower",
    "dns.switch",
    "loadbalancer.switch",
    "manifests.apply",
    "helm.install",
    "infra.apply",
];

/// Steps in order, which a person reads as a runbook and Lifeboat carries out.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Playbook {
    /// What it is for, in one sentence.
    pub what: String,
    /// The file beside the estate that has all this, if it is not here.
    pub file: Option<Placed<PathBuf>>,
    /// What has to be said when it is run, by name.
    pub parameters: BTreeMap<String, Placed<Parameter>>,
    /// The steps. One follows the other, unless `after` says otherwise.
    pub steps: Vec<PlaybookStep>,
}

/// Something that a playbook leaves open.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameter {
    /// What kind of value it is.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// What it means, in one sentence.
    pub what: String,
    /// The value where none is given; without this one has to be given.
    pub default: Option<serde_json::Value>,
}

/// The kinds of values of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ParameterType {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A length of time, `90s`.
    Duration,
    /// An IP address.
    Address,
    /// A cluster of the estate.
    Cluster,
    /// A host of the estate.
    Host,
    /// Hosts of the estate.
    Hosts,
    /// A site of the estate.
    Site,
}

/// One step, or with `include` the steps of another playbook in its place.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlaybookStep {
    /// What other steps and people call it.
    pub id: Option<Placed<Name>>,
    /// The playbook whose steps stand here. It goes with `with`, its parameters, `when`, `after` and `priority`.
    pub include: Option<Placed<Name>>,
    /// What it does and why, in one sentence.
    #[serde(default)]
    pub what: String,
    /// What kind of step it is.
    pub kind: Option<Placed<String>>,
    /// The settings of its kind.
    #[serde(default)]
    pub with: BTreeMap<String, Placed<serde_json::Value>>,
    /// The steps that must have been done before. Without this, the one that stands before it; `[]` for none.
    pub after: Option<Vec<Placed<Name>>>,
    /// It also comes after all steps with a lower number.
    pub priority: Option<Placed<u8>>,
    /// A condition, as CEL has it: a step for which it is not true is left out.
    pub when: Option<Placed<String>>,
    /// How long one attempt may take; without this as its kind has it.
    #[serde(default, deserialize_with = "optional_duration")]
    #[schemars(with = "Option<String>")]
    pub timeout: Option<Placed<Duration>>,
    /// How often it is tried again; without this as its kind has it.
    pub retries: Option<Placed<u32>>,
    /// What becomes of the run when it fails for good.
    pub on_failure: Option<Placed<OnFailure>>,
    /// Whether undoing after a failure goes back to here. An `approve` step is a gate, whatever this says.
    #[serde(default)]
    pub gate: bool,
    /// Whether it may be done again when nobody knows how far it came; without this as its kind has it. Of a `script` that is no.
    pub idempotent: Option<Placed<bool>>,
    /// How a person does it, line by line: `HOST# command`, `$ command`, or a sentence. Without this as its kind has it.
    pub by_hand: Option<Placed<String>>,
    /// How to see that it worked, in such lines.
    pub check: Option<Placed<String>>,
    /// How to undo it, in such lines.
    pub undo: Option<Placed<String>>,
}

/// What becomes of a run when a step fails for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnFailure {
    /// It stands still until a person resumes it.
    #[default]
    Stop,
    /// It goes on without the step.
    Continue,
    /// What was done since the last gate is undone, and it stands there.
    Undo,
}

impl Playbook {
    /// Reads a playbook that is not in an estate file. `name` is what errors call the text.
    ///
    /// # Errors
    /// [`FileError`], with the place of the first thing that is wrong.
    pub fn parse(name: &str, text: &str) -> Result<Self, FileError> {
        let playbook: Self = serde_saphyr::from_str(text).map_err(|error| FileError::of_yaml(name, text, &error))?;
        if let Some(file) = &playbook.file {
            let wrong = Wrong {
                place: file.place(),
                message: "a playbook's file has the playbook itself, and names no other".to_owned(),
                hide: false,
            };
            return Err(FileError::of_rule(name, text, wrong));
        }
        check(&playbook).map_err(|wrong| FileError::of_rule(name, text, wrong))?;
        Ok(playbook)
    }
}

impl Estate {
    /// The playbook that the estate has under a name, here or in a file beside it.
    pub fn playbook(&self, name: &Name) -> Option<&Playbook> {
        self.playbooks.get(name).map(|placed| &**placed)
    }
}

impl PlaybookStep {
    /// Where it stands.
    pub fn place(&self) -> Place {
        let id = self.id.as_ref().map(Placed::place);
        id.or_else(|| self.include.as_ref().map(Placed::place))
            .unwrap_or(Place::NOWHERE)
    }
}

/// The first broken rule of a playbook's form: it is here or in a file; each step has a name of its own and a known kind, and comes after
/// steps that there are, without a circle.
pub(super) fn check(playbook: &Playbook) -> Checked {
    match (&playbook.file, playbook.steps.is_empty(), playbook.what.is_empty()) {
        (Some(_), true, true) => return Ok(()),
        (Some(file), ..) => return wrong(file.place(), "with file, all else stands in that file".to_owned()),
        (None, true, _) => {
            return wrong(Place::NOWHERE, "a playbook has steps, or names a file that has them".to_owned());
        }
        (None, _, true) => {
            let at = playbook.steps.first().map_or(Place::NOWHERE, PlaybookStep::place);
            return wrong(at, "a playbook says in `what` what it is for, in one sentence".to_owned());
        }
        _ => {}
    }
    for (name, parameter) in &playbook.parameters {
        let mut letters = name.chars();
        let first = letters.next().is_some_and(|c| c.is_ascii_lowercase());
        if !first || !letters.all(|c| c.is_ascii_alphanumeric()) {
            let message = format!("a parameter's name begins with a small letter and has letters and digits: {name:?}");
            return wrong(parameter.place(), message);
        }
    }
    let mut ids = BTreeSet::new();
    for step in &playbook.steps {
        check_step(step)?;
        if let Some(id) = &step.id
            && !ids.insert(&**id)
        {
            return wrong(id.place(), format!("there is a step {id} already"));
        }
    }
    // What is included brings steps of its own: then it is checked when all are together.
    if playbook.steps.iter().any(|step| step.include.is_some()) {
        return Ok(());
    }
    let links: Vec<(&Placed<Name>, Vec<&Placed<Name>>)> = playbook
        .steps
        .iter()
        .filter_map(|step| Some((step.id.as_ref()?, step.after.iter().flatten().collect())))
        .collect();
    for after in links.iter().flat_map(|(_, after)| after) {
        if !ids.contains(&***after) {
            let near = nearest(after.as_str(), ids.iter().map(|id| id.as_str()));
            let near = near.map(|near| format!("; is it {near:?}?")).unwrap_or_default();
            return wrong(after.place(), format!("there is no step called {:?}{near}", after.as_str()));
        }
    }
    // What can be done, is done, again and again; what is left waits for itself. A step without `after` follows the one before it.
    let mut left: Vec<(&Placed<Name>, Vec<&Name>)> = Vec::new();
    for (index, step) in playbook.steps.iter().enumerate() {
        let Some(id) = &step.id else { continue };
        let before = || {
            index
                .checked_sub(1)
                .and_then(|before| playbook.steps.get(before)?.id.as_deref())
        };
        let after = match &step.after {
            Some(after) => after.iter().map(|id| &**id).collect(),
            None => before().into_iter().collect(),
        };
        left.push((id, after));
    }
    let mut done: BTreeSet<&Name> = BTreeSet::new();
    loop {
        let (ready, waiting): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|(_, after)| after.iter().all(|id| done.contains(*id)));
        match (ready.is_empty(), waiting.first()) {
            (_, None) => return Ok(()),
            (true, Some((id, _))) => {
                return wrong(id.place(), format!("step {id} waits for itself, by way of its after"));
            }
            (false, _) => done.extend(ready.iter().map(|(id, _)| &***id)),
        }
        left = waiting;
    }
}

fn check_step(step: &PlaybookStep) -> Checked {
    match (&step.include, &step.id) {
        (Some(include), _) => {
            let has_more = step.id.is_some() || step.kind.is_some() || !step.what.is_empty();
            match has_more {
                true => wrong(
                    include.place(),
                    "with include, the steps say all but `with`, `when`, `after` and `priority` themselves".to_owned(),
                ),
                false => Ok(()),
            }
        }
        (None, None) => {
            let at = step.kind.as_ref().map_or(Place::NOWHERE, Placed::place);
            wrong(at, "a step has an id, or an include".to_owned())
        }
        (None, Some(id)) if step.what.trim().is_empty() => wrong(
            id.place(),
            format!("step {id} does not say in `what` what it does and why, in one sentence"),
        ),
        (None, Some(id)) => match &step.kind {
            None => wrong(id.place(), format!("step {id} has no kind")),
            Some(kind) if !KINDS.contains(&kind.as_str()) => {
                let near = nearest(kind, KINDS.into_iter()).map(|near| format!("; is it {near:?}?"));
                let message = format!("there is no kind of step {:?}{}", kind.as_str(), near.unwrap_or_default());
                wrong(kind.place(), message)
            }
            Some(_) => Ok(()),
        },
    }
}
