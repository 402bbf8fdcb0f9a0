//! The kinds of steps: what each needs, and the steps of a plan that it comes to. Start at [`steps`]; a file each, but for those by which a
//! cluster comes up on a host, which stand together in `onto.rs`.

mod approve;
mod cluster;
mod fetch;
mod handover;
mod helm;
mod infra;
mod loadbalancer;
mod manifests;
mod manual;
mod notify;
pub(crate) mod onto;
mod probe;
mod script;
mod service;
mod wait;

use crate::playbook::Which;
use crate::playbook::expression::{Scope, filled_all};
use crate::playbook::flat::Flat;
use crate::scene::Scene;
use crate::{NoPlan, Step};
use estate::{Name, nearest};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A step of a playbook, about to become steps of a plan.
pub(crate) struct At<'a> {
    pub(crate) flat: &'a Flat<'a>,
    pub(crate) scene: &'a Scene<'a>,
    pub(crate) scope: &'a Scope,
}

/// What is generally so for a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Habits {
    /// Whether it may be done again when nobody knows how far it came.
    pub(crate) idempotent: bool,
    /// Whether it is a gate.
    pub(crate) gate: bool,
    /// Whether a condition is asked for each host.
    pub(crate) per_host: bool,
    /// Whether it leads people or programs to another site.
    pub(crate) moves_traffic: bool,
}

/// What is generally so for a kind.
pub(crate) fn habits(kind: &str) -> Habits {
    Habits {
        idempotent: kind != "script",
        gate: kind == "approve",
        per_host: matches!(
            kind,
            "host.await"
                | "copy.fetch"
                | "host.prepare"
                | "etcd.promote"
                | "etcd.restore"
                | "files.restore"
                | "certificates.issue"
                | "controlplane.start"
        ),
        moves_traffic: matches!(kind, "dns.switch" | "loadbalancer.switch"),
    }
}

/// The steps of a plan that a step of a playbook comes to: one, or one a host.
///
/// # Errors
/// It lacks something, or its settings are none.
pub(crate) fn steps(at: &At<'_>) -> Result<Vec<Step>, NoPlan> {
    match at.kind() {
        "manual" => manual::steps(at),
        "approve" => approve::steps(at),
        "script" => script::steps(at),
        "probe" => probe::steps(at),
        "wait" => wait::steps(at),
        "notify" => notify::steps(at),
        "service" => service::steps(at),
        "loadbalancer.switch" => loadbalancer::steps(at),
        "manifests.apply" => manifests::steps(at),
        "helm.install" => helm::steps(at),
        "infra.apply" => infra::steps(at),
        "etcd.handover" => handover::steps(at),
        _ => cluster::steps(at),
    }
}

impl At<'_> {
    pub(crate) fn kind(&self) -> &str {
        self.flat.step.kind.as_ref().map_or("", |kind| kind.as_str())
    }

    pub(crate) fn id(&self) -> &str {
        &self.flat.id
    }

    pub(crate) fn what(&self) -> &str {
        &self.flat.step.what
    }

    /// The kind's own settings, with all expressions filled in that can be answered now.
    ///
    /// # Errors
    /// They are none, with the place of the one that is wrong.
    pub(crate) fn settings<T: DeserializeOwned>(&self) -> Result<T, NoPlan> {
        let mut filled = Map::new();
        for (key, value) in &self.flat.step.with {
            let value = filled_all(value, self.scope, false).map_err(|why| {
                let message = format!("with.{key} of step {}: {why}", self.id());
                self.wrong(Which::Expression, Some(key), message, "lifeboat playbook show: which names there are")
            })?;
            filled.insert(key.clone(), value);
        }
        serde_json::from_value(Value::Object(filled)).map_err(|error| {
            let said = error.to_string();
            let quoted: Vec<&str> = said.split('`').skip(1).step_by(2).collect();
            let (message, key) = match said.strip_prefix("unknown field") {
                Some(_) => {
                    let strange = quoted.first().copied().unwrap_or_default();
                    let known = quoted.iter().skip(1).copied();
                    let near = nearest(strange, known.clone()).map(|near| format!("; is it {near:?}?"));
                    let known: Vec<&str> = known.collect();
                    let known = match known.is_empty() {
                        true => "it has no settings".to_owned(),
                        false => format!("known: {}", known.join(", ")),
                    };
                    let message =
                        format!("{} has no setting {strange:?}{}; {known}", self.kind(), near.unwrap_or_default());
                    (message, Some(strange))
                }
                None => (format!("the settings of step {} cannot be used: {said}", self.id()), None),
            };
            self.wrong(Which::Settings, key, message, "mend it in with")
        })
    }

    /// Something wrong with a setting, or with the step.
    pub(crate) fn wrong(&self, which: Which, key: Option<&str>, message: String, cure: &str) -> NoPlan {
        let step = self.flat.step;
        let placed = key.and_then(|key| step.with.get(key)).map(estate::Placed::place);
        let place = placed.unwrap_or_else(|| step.place());
        NoPlan::Playbook(self.flat.book.lint(which, place, message, cure))
    }

    /// Something that this kind needs and this plan does not have.
    pub(crate) fn lacks(&self, what: &str) -> NoPlan {
        NoPlan::Lacks {
            step: self.id().to_owned(),
            kind: self.kind().to_owned(),
            what: what.to_owned(),
        }
    }

    /// A host of the estate.
    ///
    /// # Errors
    /// There is none of this name.
    pub(crate) fn host(&self, key: &str, name: &str) -> Result<Name, NoPlan> {
        let hosts = &self.scene.estate.hosts;
        let named = name.parse().ok().filter(|name| hosts.contains_key(name));
        named.ok_or_else(|| {
            let near = nearest(name, hosts.keys().map(Name::as_str)).map(|near| format!("; is it {near:?}?"));
            let message = format!("the estate has no host {name:?}{}", near.unwrap_or_default());
            self.wrong(Which::Settings, Some(key), message, "name one of the hosts in the estate")
        })
    }

    /// The host whose API server is asked: the one that is named, or the first of the cluster's.
    ///
    /// # Errors
    /// The estate has none.
    pub(crate) fn serving(&self, named: Option<&str>) -> Result<Name, NoPlan> {
        if let Some(name) = named {
            return self.host("on", name);
        }
        let onto = self
            .scene
            .facts
            .targets
            .iter()
            .find(|target| !target.alone)
            .map(|target| target.host.clone());
        let first = onto.or_else(|| self.scene.of.hosts.first().map(|host| (**host).clone()));
        first.ok_or_else(|| self.lacks("a host: with.on, or hosts of the cluster"))
    }

    /// Where a person finds the kubeconfig of an administrator on such a host.
    pub(crate) fn kubeconfig(&self, host: &Name) -> String {
        let path = match self.scene.distribution {
            estate::Distribution::K3s => "/etc/rancher/k3s/k3s.yaml",
            estate::Distribution::Rke2 => "/etc/rancher/rke2/rke2.yaml",
            _ => "/etc/kubernetes/admin.conf",
        };
        let way = self.scene.way(host);
        format!("<({} {} cat {path})", way.ssh(), way.at)
    }

    /// A length of time.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn seconds(&self, key: &str, text: &str) -> Result<u64, NoPlan> {
        let parsed: Option<jiff::SignedDuration> = text.parse().ok();
        let seconds = parsed.and_then(|length| u64::try_from(length.as_secs()).ok());
        seconds.ok_or_else(|| {
            let message = format!("{text:?} is not a length of time: write 15s or 1m 30s");
            self.wrong(Which::Settings, Some(key), message, "mend it in with")
        })
    }
}

/// One name, or several.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(untagged)]
pub(crate) enum Names {
    One(String),
    Several(Vec<String>),
}

impl Names {
    pub(crate) fn all(self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name],
            Self::Several(names) => names,
        }
    }
}
