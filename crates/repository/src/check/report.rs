//! What a check says.

use super::fault::{Fault, Faults, Severity};
use crate::inventory::Inventory;
use crate::layout::Scope;
use crate::seen::Memory;
use estate::{Name, PointId};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a check found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// The store's URL or path.
    pub store: String,
    /// The repository's id; empty when its marker cannot be read.
    pub repository: String,
    /// When the check was begun.
    pub begun: Timestamp,
    /// When it had ended.
    pub ended: Timestamp,
    /// How many objects there are, by the store's list.
    pub objects: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// What of the large objects was read.
    pub read: ReadBytes,
    /// Scopes whose keys could be had.
    pub opened: Vec<Scope>,
    /// Scopes whose keys could not be had, so that nothing in them was looked into, and why.
    pub closed: BTreeMap<Scope, String>,
    /// Every point that has a manifest, in order.
    pub points: Vec<PointReport>,
    /// What is wrong, by object.
    pub faults: Vec<Fault>,
    /// What is known now, to be kept and given to the next check. What was known before and is higher is still in it. `None`
    /// when nothing could be learned.
    pub memory: Option<Memory>,
}

/// What of the large objects was read to its last byte.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadBytes {
    /// How many.
    pub objects: u64,
    /// Of how many.
    pub of_objects: u64,
    /// How many bytes.
    pub bytes: u64,
    /// What chose the sample.
    pub seed: Option<u64>,
}

/// What is to be said of a point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PointReport {
    /// The cluster.
    pub cluster: Name,
    /// Which point.
    pub id: PointId,
    /// What is wrong with its manifest; then nothing is known of its parts.
    pub manifest: Option<String>,
    /// Its parts, as its manifest names them.
    pub parts: Vec<PartReport>,
    /// Why its moment of the history cannot be rebuilt; none where that is not known. Who knows histories says so.
    pub moment: Option<String>,
}

/// What is to be said of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartReport {
    /// Which part.
    pub name: Name,
    /// Its length before sealing, in bytes.
    pub bytes: u64,
    /// The SHA-256 that it must have.
    pub sha256: String,
    /// Whether every byte of it was read, and had that hash.
    pub proven: bool,
    /// What is wrong with it.
    pub harm: Option<String>,
}

impl PointReport {
    /// Whether nothing is known to be wrong with it.
    pub fn unharmed(&self) -> bool {
        self.manifest.is_none() && self.moment.is_none() && self.parts.iter().all(|part| part.harm.is_none())
    }

    /// Whether every byte of it was read, and is as it was stored.
    pub fn proven(&self) -> bool {
        self.manifest.is_none() && self.moment.is_none() && self.parts.iter().all(|part| part.proven)
    }
}

impl CheckReport {
    pub(super) fn new(store: &str, begun: Timestamp, inventory: &Inventory) -> Self {
        Self {
            store: store.to_owned(),
            repository: String::new(),
            begun,
            ended: begun,
            objects: inventory.objects,
            bytes: inventory.bytes,
            read: ReadBytes::default(),
            opened: Vec::new(),
            closed: BTreeMap::new(),
            points: Vec::new(),
            faults: Vec::new(),
            memory: None,
        }
    }

    pub(super) fn finished(mut self, faults: Faults, memory: Option<Memory>) -> Self {
        self.add(faults.all);
        self.memory = memory;
        self.ended = ambient::now();
        self
    }

    /// Takes in what others have found: the check of the files' restic repositories, and of the histories.
    pub fn add(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.extend(faults);
        self.faults.sort();
        self.faults.dedup();
    }

    /// The worst of what was found.
    pub fn worst(&self) -> Option<Severity> {
        self.faults.iter().map(|fault| fault.severity).max()
    }

    /// Whether everything that was stored, as far as is known, can be had.
    pub fn sound(&self) -> bool {
        self.worst() < Some(Severity::Damage)
    }
}
