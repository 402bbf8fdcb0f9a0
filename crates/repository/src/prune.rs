//! What is no longer needed: found, decided, shown, and then removed.
//!
//! [`Repository::prune_plan`] gathers facts (`facts.rs`) and decides purely (`decide.rs`); the plan can be printed, and is all that
//! [`Repository::prune`] goes by (`act.rs`). Two may prune at once, beside writers and readers, and be killed at any moment:
//!
//! - a point that is being stored keeps its parts, since its writer stores no manifest later than 45 minutes after the last part
//!   was begun (`take.rs`), and here parts without one stay until the newest of them is an hour old;
//! - that hour is measured by the store's own clock, which showed at least the time of the newest object that was listed, and
//!   another one by the point's id: no single wrong clock loses anything;
//! - what was begun in a directory under a name that is no object's stays as long, and is looked at again before it is removed:
//!   should its writer go on after an hour all the same, it is told that storing failed;
//! - parts and manifest are looked for after that clock was read, by name: a list that lacks a manifest removes nothing;
//! - a point that is held stays, and so do its parts should it have lost its manifest; its hold is looked for when the plan is made, and
//!   again right before the point goes;
//! - a point's manifest goes before its parts, evidence goes from its first number on, so that what a crash leaves is whole, and
//!   is found again by the next plan.
//!
//! Not here: journals and leases, histories (merging removes what they no longer need), and restic repositories, which have a
//! prune of their own.

mod act;
mod decide;
mod facts;
mod locks;
mod shown;

pub use act::{Locked, Removed};
#[cfg(test)]
pub(crate) use decide::ORPHAN;
pub use facts::Sightings;
pub use locks::{Locks, PointLock};

use crate::{Error, Judgement, Repository, Scope};
use estate::{Keep, Name, PointId};
use jiff::Timestamp;
use object_store::path::Path;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};

/// What may be looked at, and what of it is needed.
#[derive(Clone, Debug, Default)]
pub struct Pruning {
    /// The clusters, each with what says which of its points stay. Others are not looked at.
    pub clusters: BTreeMap<Name, Retention>,
    /// Whether what is shared and what probes have left is looked at, too, and what was begun anywhere. Needs its keys.
    pub shared: bool,
}

/// Which of a cluster's points stay.
#[derive(Clone, Debug, Default)]
pub struct Retention {
    /// The rules.
    pub keep: Keep,
    /// Those that were opened as a recovery would. The newest of them stays.
    pub proven: BTreeSet<PointId>,
    /// Those that whoever prunes asks to keep, this time. All of them stay, and so do those that are held
    /// ([`Repository::hold`]), which the repository knows itself.
    pub asked: BTreeSet<PointId>,
    /// Of a point, those others without which it cannot be recovered.
    pub needs: BTreeMap<PointId, BTreeSet<PointId>>,
}

/// What is to be removed, and why everything else of its kind stays. Nothing is left to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrunePlan {
    /// When it was made, by the clock of who made it.
    pub made: Timestamp,
    /// Of each cluster, every point, newest first.
    pub points: BTreeMap<Name, Vec<Judgement>>,
    /// What goes.
    pub removals: Vec<Removal>,
    /// Parts without a manifest that may still get one.
    pub waiting: Vec<Waiting>,
}

/// Something that goes as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Removal {
    /// What it is, and by that why it goes.
    #[serde(flatten)]
    pub what: What,
    /// Its objects, in the order in which they go.
    pub objects: Vec<Doomed>,
}

/// What goes, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "what")]
pub enum What {
    /// A point that no rule keeps.
    Point {
        /// Its cluster.
        cluster: Name,
        /// It.
        point: PointId,
    },
    /// Parts that have no manifest, and are too old to get one.
    Orphan {
        /// Their cluster.
        cluster: Name,
        /// The point that they would be of.
        point: PointId,
    },
    /// Keyrings that a later one has replaced.
    Keyrings {
        /// Whose.
        scope: Scope,
        /// The later one.
        newest: u64,
    },
    /// Lists of writers that a later one has replaced.
    Writers {
        /// The later one.
        newest: u64,
    },
    /// Kits that are older than the last few.
    Kits {
        /// The newest.
        newest: u64,
    },
    /// Evidence of what was seen long ago.
    Evidence {
        /// Of what.
        scope: Scope,
        /// By whom.
        writer: Name,
        /// The number of the first that stays.
        first: u64,
    },
    /// What probes of the store did not remove.
    Probes,
    /// What writers to a directory have begun and not ended.
    Unfinished {
        /// Nothing was written to it at this time of the store's clock or later.
        before: Timestamp,
    },
}

/// An object that goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Doomed {
    #[serde(serialize_with = "as_text")]
    pub(crate) key: Path,
    /// Its bytes, as they are stored.
    pub bytes: u64,
}

/// Parts without a manifest that may still get one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// Their cluster.
    pub cluster: Name,
    /// The point that they would be of.
    pub point: PointId,
    /// Their bytes, as they are stored.
    pub bytes: u64,
}

impl Repository {
    /// Decides what to remove. Changes nothing. `seen` saves reading manifests again; who prunes often keeps it.
    ///
    /// # Errors
    /// [`Error::NoIdentity`], [`Error::WrongKey`] when manifests cannot be opened: what cannot be told from what was planted must not
    /// push out what is kept; as every request.
    pub async fn prune_plan(&self, pruning: &Pruning, seen: &mut Sightings) -> Result<PrunePlan, Error> {
        self.prune_plan_at(pruning, seen, ambient::now()).await
    }

    pub(crate) async fn prune_plan_at(
        &self,
        pruning: &Pruning,
        seen: &mut Sightings,
        now: Timestamp,
    ) -> Result<PrunePlan, Error> {
        let found = facts::gather(self, pruning, seen).await?;
        Ok(decide::decide(&found, pruning, now))
    }
}

impl PrunePlan {
    /// How many objects go.
    pub fn objects(&self) -> u64 {
        self.removals.iter().map(|removal| removal.objects.len() as u64).sum()
    }

    /// How many bytes go.
    pub fn bytes(&self) -> u64 {
        self.removals.iter().map(Removal::bytes).sum()
    }
}

impl Removal {
    /// Its bytes, as they are stored.
    pub fn bytes(&self) -> u64 {
        self.objects.iter().map(|object| object.bytes).sum()
    }
}

impl Doomed {
    /// The object's key.
    pub fn key(&self) -> &str {
        self.key.as_ref()
    }
}

fn as_text<S: Serializer>(key: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(key.as_ref())
}
