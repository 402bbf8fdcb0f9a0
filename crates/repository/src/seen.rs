//! What somebody has seen as the newest: an observer's memory, a writer's evidence, a second repository. Pure.
//!
//! Whoever can write to a store can take the newest away, and what is left is sound, only old. It shows when somebody knows
//! more than what is there: [`behind`].

use crate::layout::{self, position};
use crate::{PublicKey, Scope};
use estate::{Name, PointId};
use jiff::Timestamp;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The newest of everything in one scope. A number 0 says that there was none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Seen {
    /// The number of its keyring.
    pub keyring: u64,
    /// The newest point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub point: Option<SeenPoint>,
    /// The object of the etcd history that reaches farthest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<SeenHistory>,
    /// The number of the newest recovery kit.
    #[serde(skip_serializing_if = "is_zero")]
    pub kit: u64,
    /// The last entry of each of the newest runs, by the run's number.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub runs: BTreeMap<u64, u64>,
    /// The newest evidence of each writer.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub evidence: BTreeMap<Name, u64>,
    /// The newest record of each lease.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub leases: BTreeMap<Name, u64>,
}

/// A point that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenPoint {
    /// Which.
    pub id: PointId,
    /// The SHA-256 of its manifest as it is stored, in hexadecimal digits.
    pub sha256: String,
}

/// An object of a history that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenHistory {
    /// Its name.
    pub name: String,
    /// The last revision in it.
    pub revision: u64,
}

/// What an observer knew last of a whole repository. Whoever checks keeps it, as JSON, somewhere else than in the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// The repository's id.
    pub repository: String,
    /// Its root.
    pub root: PublicKey,
    /// When it was last looked at, by the observer's clock.
    pub at: Timestamp,
    /// The number of its list of writers.
    pub writers: u64,
    /// The newest of each scope.
    pub scopes: BTreeMap<Scope, Seen>,
}

/// Something that is known, and that is not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lacking {
    pub(crate) object: Path,
    /// To go on after "NAME knows ".
    pub(crate) what: String,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Memory {
    /// Takes in what was seen now; what was known before and is higher stays.
    pub(crate) fn learn(&mut self, before: &Self) {
        self.writers = self.writers.max(before.writers);
        for (scope, known) in &before.scopes {
            self.scopes.entry(scope.clone()).or_default().learn(known);
        }
    }
}

impl Seen {
    /// The objects that are named, but for the point: that one counts with its hash.
    pub(crate) fn objects(&self, scope: &Scope) -> Vec<Path> {
        let one = |number: u64| Some(number).filter(|it| *it > 0);
        let keyring = one(self.keyring).map(|number| layout::keyring(scope, number));
        let kit = one(self.kit).map(|number| layout::numbered(&layout::kits(), "kit", number));
        let runs = self.runs.iter().map(|(run, last)| layout::entry(*run, *last));
        let evidence = self.evidence.iter();
        let evidence = evidence.map(|(name, it)| layout::numbered(&layout::evidence(scope, name), "evidence", *it));
        let leases = self.leases.iter();
        let leases = leases.map(|(name, it)| layout::numbered(&layout::lease(scope, name), "record", *it));
        let numbered = keyring.into_iter().chain(kit).chain(runs).chain(evidence).chain(leases);
        let mut objects: Vec<Path> = numbered.flatten().collect();
        if let (Scope::Cluster(cluster), Some(history)) = (scope, &self.history) {
            objects.push(layout::history_object(cluster, &history.name));
        }
        objects
    }

    fn learn(&mut self, before: &Self) {
        self.keyring = self.keyring.max(before.keyring);
        self.kit = self.kit.max(before.kit);
        raise(&mut self.runs, &before.runs);
        raise(&mut self.evidence, &before.evidence);
        raise(&mut self.leases, &before.leases);
        if before.point.as_ref().map(|it| &it.id) > self.point.as_ref().map(|it| &it.id) {
            self.point.clone_from(&before.point);
        }
        let reach = |it: &Option<SeenHistory>| it.as_ref().and_then(|it| position(&it.name));
        if reach(&before.history) > reach(&self.history) {
            self.history.clone_from(&before.history);
        }
    }
}

fn raise<K: Ord + Clone>(numbers: &mut BTreeMap<K, u64>, before: &BTreeMap<K, u64>) {
    for (name, number) in before {
        let found = numbers.entry(name.clone()).or_default();
        *found = (*found).max(*number);
    }
}

/// What `known` knows of a scope and `here` does not have. `manifests` has the SHA-256 of each sealed manifest that is here. What
/// is older than the newest here may have been removed because nobody needs it any more: that says nothing.
pub(crate) fn behind(
    scope: &Scope,
    known: &Seen,
    here: &Seen,
    manifests: &BTreeMap<PointId, String>,
    leases: bool,
) -> Vec<Lacking> {
    let mut lacking = Vec::new();
    let mut lacks = |object: Option<Path>, what: String| lacking.extend(object.map(|object| Lacking { object, what }));
    if known.keyring > here.keyring {
        lacks(layout::keyring(scope, known.keyring).ok(), format!("keyring {}", known.keyring));
    }
    if known.kit > here.kit {
        let key = layout::numbered(&layout::kits(), "kit", known.kit);
        lacks(key.ok(), format!("kit {}", known.kit));
    }
    let newest = here.runs.keys().next_back();
    for (run, last) in &known.runs {
        let lower = here.runs.get(run).map_or(Some(run) > newest, |there| there < last);
        if lower {
            lacks(layout::entry(*run, *last).ok(), format!("entry {last} of run {run}"));
        }
    }
    for (name, number) in &known.evidence {
        if here.evidence.get(name).copied().unwrap_or(0) < *number {
            let key = layout::numbered(&layout::evidence(scope, name), "evidence", *number);
            lacks(key.ok(), format!("evidence {number} of {name}"));
        }
    }
    for (name, number) in known.leases.iter().filter(|_| leases) {
        if here.leases.get(name).copied().unwrap_or(0) < *number {
            let key = layout::numbered(&layout::lease(scope, name), "record", *number);
            lacks(key.ok(), format!("record {number} of lease {name}"));
        }
    }
    let Scope::Cluster(cluster) = scope else { return lacking };
    if let Some(point) = &known.point {
        let (key, id) = (layout::manifest(cluster, &point.id), &point.id);
        match (manifests.get(id), &here.point) {
            (Some(sha256), _) if *sha256 != point.sha256 => lacks(Some(key), format!("another manifest of point {id}")),
            (Some(_), _) => {}
            (None, Some(newest)) if newest.id > *id => {}
            (None, _) => lacks(Some(key), format!("point {id}")),
        }
    }
    let reach = |it: &Option<SeenHistory>| it.as_ref().and_then(|it| position(&it.name));
    if let Some(history) = known.history.as_ref().filter(|_| reach(&known.history) > reach(&here.history)) {
        let key = layout::history_object(cluster, &history.name);
        lacks(Some(key), format!("the history up to revision {}", history.revision));
    }
    lacking
}
