//! How much a repository holds, of what and of whom.

use crate::layout::{self, Kind, Scope};
use crate::store::Listed;
use crate::{Error, Repository};
use estate::PointId;
use object_store::path::Path;
use serde::Serialize;
use std::collections::BTreeMap;

/// Objects, and their bytes as they are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// How many.
    pub objects: u64,
    /// Their bytes, sealing included.
    pub bytes: u64,
}

/// What a repository holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Everything.
    pub all: Amount,
    /// By scope.
    pub scopes: BTreeMap<Scope, ScopeStats>,
    /// What belongs to no scope: the marker, probes, what is strange.
    pub others: BTreeMap<Kind, Amount>,
}

/// What one scope holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScopeStats {
    /// Everything.
    pub all: Amount,
    /// By kind.
    pub kinds: BTreeMap<Kind, Amount>,
    /// Its newest point, by epoch, then time. That its manifest is there does not say that it can be opened.
    pub newest: Option<PointId>,
    /// Its oldest.
    pub oldest: Option<PointId>,
}

impl Amount {
    /// With one more object.
    fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes += bytes;
    }
}

impl Repository {
    /// Counts every object. Lists the whole store, a page at a time, and opens nothing.
    ///
    /// # Errors
    /// As every request.
    pub async fn stats(&self) -> Result<Stats, Error> {
        self.id().await?;
        let (mut stats, everything) = (Stats::default(), Path::default());
        self.shared.store.for_each(&everything, |listed| stats.count(&listed)).await?;
        Ok(stats)
    }
}

impl Stats {
    fn count(&mut self, listed: &Listed) {
        self.all.add(listed.bytes);
        match layout::kind_of(&listed.key) {
            (None, kind) => self.others.entry(kind).or_default().add(listed.bytes),
            (Some(scope), kind) => {
                let point = match (&scope, kind) {
                    (Scope::Cluster(cluster), Kind::Points) => layout::point_of_manifest(cluster, &listed.key),
                    _ => None,
                };
                let of = self.scopes.entry(scope).or_default();
                of.all.add(listed.bytes);
                of.kinds.entry(kind).or_default().add(listed.bytes);
                if let Some(point) = point {
                    of.newest = of.newest.take().max(Some(point.clone()));
                    of.oldest = Some(of.oldest.take().map_or(point.clone(), |oldest| oldest.min(point)));
                }
            }
        }
    }
}
