//! Carrying a plan out. Chooses nothing.

use super::{Doomed, PrunePlan, Removal, What};
use crate::{Error, Repository, layout};
use estate::{Name, PointId};
use futures::StreamExt;
use jiff::Timestamp;
use serde::Serialize;

/// Removals that are carried out at once.
const AT_ONCE: usize = 8;

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Removed {
    /// How many objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What the store did not let go.
    pub locked: Vec<Locked>,
    /// What stays, since it has its manifest by now.
    pub spared: Vec<PointId>,
    /// What stays, since somebody holds it by now.
    pub held: Vec<PointId>,
}

/// An object that the store did not let go: it is locked, or the credentials may not remove it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Locked {
    /// Its key.
    pub object: String,
    /// Its bytes, as they are stored.
    pub bytes: u64,
    /// Until when, if the store says so.
    pub until: Option<Timestamp>,
    /// What the store said.
    pub reason: String,
}

impl Repository {
    /// Removes what the plan says, and tells `each` what is done. Whatever it stops at, a new plan goes on from there. An object
    /// that is locked is no error: it stays, with all that must not go before it.
    ///
    /// # Errors
    /// As every request.
    pub async fn prune(&self, plan: &PrunePlan, mut each: impl FnMut(&Removal) + Send) -> Result<Removed, Error> {
        self.id().await?;
        let mut removed = Removed::default();
        let removals: Vec<_> = plan.removals.iter().map(|removal| self.carried_out(removal.clone())).collect();
        let mut removals = futures::stream::iter(removals).buffered(AT_ONCE);
        while let Some(done) = removals.next().await {
            let (removal, done) = done?;
            removed.add(done);
            each(&removal);
        }
        Ok(removed)
    }

    async fn carried_out(&self, removal: Removal) -> Result<(Removal, Removed), Error> {
        let mut removed = Removed::default();
        if let What::Orphan { cluster, point } = &removal.what
            && self.is_committed(cluster, point).await?
        {
            removed.spared.push(point.clone());
            return Ok((removal, removed));
        }
        if let What::Point { cluster, point } = &removal.what
            && self.held_now(cluster, point).await?.is_some()
        {
            removed.held.push(point.clone());
            return Ok((removal, removed));
        }
        for object in &removal.objects {
            match self.let_go(&removal.what, object).await {
                Ok(true) => {
                    removed.objects += 1;
                    removed.bytes += object.bytes;
                }
                Ok(false) => {}
                // Which of the two, depends on the store.
                Err(Error::Refused { reason, .. }) => removed.locked.push(locked(object, reason)),
                Err(Error::Taken { .. }) => removed.locked.push(locked(object, "it is immutable".to_owned())),
                Err(other) => return Err(other),
            }
            if !removed.locked.is_empty() && in_order(&removal.what) {
                break;
            }
        }
        Ok((removal, removed))
    }

    /// Whether it was removed, and not spared: what is being written now is another one than was planned for.
    async fn let_go(&self, what: &What, object: &Doomed) -> Result<bool, Error> {
        match what {
            What::Unfinished { before } => self.shared.store.remove_unfinished(&object.key, *before).await,
            _ => self.shared.store.delete(&object.key).await.map(|()| true),
        }
    }

    async fn is_committed(&self, cluster: &Name, point: &PointId) -> Result<bool, Error> {
        match self.shared.store.size(&layout::manifest(cluster, point)).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }
}

/// Whether what comes later must not go before: parts before their manifest, evidence before what is older.
fn in_order(what: &What) -> bool {
    matches!(what, What::Point { .. } | What::Evidence { .. })
}

impl Removed {
    fn add(&mut self, other: Self) {
        self.objects += other.objects;
        self.bytes += other.bytes;
        self.locked.extend(other.locked);
        self.spared.extend(other.spared);
        self.held.extend(other.held);
    }
}

fn locked(object: &Doomed, reason: String) -> Locked {
    Locked {
        object: object.key.to_string(),
        bytes: object.bytes,
        until: time_in(&reason),
        reason,
    }
}

/// The first time in what a store said.
fn time_in(text: &str) -> Option<Timestamp> {
    let mut words = text.split(|c: char| c.is_whitespace() || "\"'(),;".contains(c));
    words.find_map(|word| word.trim_end_matches('.').parse().ok())
}
