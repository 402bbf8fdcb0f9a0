//! What there is: listed, and read where a name alone must not be believed.

use super::Pruning;
use crate::error::counting;
use crate::layout::{self, Kind, Scope};
use crate::store::Listed;
use crate::{Error, Repository, kit};
use estate::{Name, PointId};
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use object_store::path::Path;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Manifests that are read at once.
const READS: usize = 8;

/// Manifests that were read and found sound. Names are not enough: who can only write to the store could plant so many of them that
/// every rule would keep these, and nothing else.
#[derive(Debug, Default)]
pub struct Sightings(HashMap<Path, (u64, Timestamp)>);

/// What there is.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) clusters: BTreeMap<Name, FoundCluster>,
    pub(super) replaced: Vec<Replaced>,
    pub(super) evidence: BTreeMap<(Scope, Name), Vec<(u64, Listed)>>,
    pub(super) probes: Vec<Listed>,
    /// What has been begun, and is no object.
    pub(super) unfinished: Vec<Listed>,
    /// The store's own clock showed this time at least: something was written then.
    pub(super) clock: Option<Timestamp>,
}

#[derive(Debug, Default)]
pub(super) struct FoundCluster {
    pub(super) points: BTreeMap<PointId, FoundPoint>,
    /// Parts whose manifest is not there.
    pub(super) orphans: BTreeMap<PointId, Vec<Listed>>,
    /// Those of both that somebody holds.
    pub(super) held: BTreeSet<PointId>,
}

#[derive(Debug)]
pub(super) struct FoundPoint {
    pub(super) manifest: Listed,
    pub(super) parts: Vec<Listed>,
    pub(super) sound: bool,
}

/// Objects of a numbered stream of which only later ones count.
#[derive(Debug)]
pub(super) struct Replaced {
    pub(super) stream: Stream,
    /// The newest, which was read and is sound.
    pub(super) newest: u64,
    /// The first that counts.
    pub(super) first: u64,
    pub(super) objects: Vec<(u64, Listed)>,
}

#[derive(Clone, Debug)]
pub(super) enum Stream {
    Keyrings(Scope),
    Writers,
    Kits,
}

pub(super) async fn gather(repository: &Repository, pruning: &Pruning, seen: &mut Sightings) -> Result<Found, Error> {
    repository.id().await?;
    let mut found = Found::default();
    for cluster in pruning.clusters.keys() {
        found.points_of(repository, cluster, seen).await?;
        found.of_scope(repository, Scope::Cluster(cluster.clone())).await?;
        if !pruning.shared {
            found.unfinished(repository, &Scope::Cluster(cluster.clone()).path()).await?;
        }
    }
    if pruning.shared {
        found.of_scope(repository, Scope::Shared).await?;
        if let Some(newest) = counting(repository.trusted().await)?.map(|list| list.number) {
            found.replaced(repository, Stream::Writers, newest, newest).await?;
        }
        if let Some((newest, _, _)) = counting(repository.kit().await)? {
            let first = newest.saturating_sub(kit::KEPT as u64);
            found.replaced(repository, Stream::Kits, newest, first).await?;
        }
        found.probes = found.listed(repository, &layout::all_probes()).await?;
        found.probes.retain(|it| layout::kind_of(&it.key).1 == Kind::Probe);
        found.unfinished(repository, &Path::default()).await?;
    }
    for (cluster, of) in &mut found.clusters {
        look_again(repository, cluster, &mut of.orphans).await?;
    }
    Ok(found)
}

/// Looks at what seems to have no manifest, after the store's clock was read: first at its parts, then for its manifest. If all
/// parts are an hour old by that clock, their writer stored the manifest before now, or it never will. It cannot be told from the
/// lists before: they may be much older than the clock, and they may lack something.
async fn look_again(
    repository: &Repository,
    cluster: &Name,
    orphans: &mut BTreeMap<PointId, Vec<Listed>>,
) -> Result<(), Error> {
    let store = &repository.shared.store;
    for (id, parts) in std::mem::take(orphans) {
        let mut parts_now = store.list_with_sizes(&layout::parts_of(cluster, &id)).await?;
        parts_now.retain(|part| layout::point_of_part(cluster, &part.key).as_ref() == Some(&id));
        let known: BTreeSet<&Path> = parts.iter().map(|part| &part.key).collect();
        match store.size(&layout::manifest(cluster, &id)).await {
            // A list that lacks what another one has is not to be gone by.
            Err(Error::NotFound { .. })
                if parts_now.iter().filter(|it| known.contains(&it.key)).count() == known.len() =>
            {
                orphans.insert(id, parts_now);
            }
            Err(Error::NotFound { .. }) | Ok(_) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

impl Found {
    async fn points_of(&mut self, repository: &Repository, cluster: &Name, seen: &mut Sightings) -> Result<(), Error> {
        let mut parts: BTreeMap<PointId, Vec<Listed>> = BTreeMap::new();
        for part in self.listed(repository, &layout::parts(cluster)).await? {
            if let Some(id) = layout::point_of_part(cluster, &part.key) {
                parts.entry(id).or_default().push(part);
            }
        }
        let mut manifests = BTreeMap::new();
        for manifest in self.listed(repository, &layout::manifests(cluster)).await? {
            if let Some(id) = layout::point_of_manifest(cluster, &manifest.key) {
                manifests.insert(id, manifest);
            }
        }
        let mut of = FoundCluster::default();
        seen.forget_all_but(cluster, &manifests);
        for (id, sound) in judge(repository, cluster, &manifests, seen).await? {
            let parts = parts.remove(&id).unwrap_or_default();
            let Some(manifest) = manifests.remove(&id) else {
                continue;
            };
            // `None`: it was removed meanwhile, and who did so is about to remove its parts.
            if let Some(sound) = sound {
                of.points.insert(id, FoundPoint { manifest, parts, sound });
            }
        }
        of.orphans = parts;
        let there = of.points.keys().chain(of.orphans.keys()).cloned().collect();
        of.held = repository.held_of(cluster, Some(&there)).await?.into_keys().collect();
        self.clusters.insert(cluster.clone(), of);
        Ok(())
    }

    /// What every scope has.
    async fn of_scope(&mut self, repository: &Repository, scope: Scope) -> Result<(), Error> {
        if let Some(newest) = counting(repository.keyring(&scope).await)?.map(|(_, keyring)| keyring.number) {
            self.replaced(repository, Stream::Keyrings(scope.clone()), newest, newest)
                .await?;
        }
        for seen in self.listed(repository, &layout::evidences(&scope)).await? {
            if let Some((writer, number)) = layout::witness(&scope, &seen.key) {
                let of = self.evidence.entry((scope.clone(), writer)).or_default();
                of.push((number, seen));
            }
        }
        Ok(())
    }

    async fn replaced(
        &mut self,
        repository: &Repository,
        stream: Stream,
        newest: u64,
        first: u64,
    ) -> Result<(), Error> {
        let at = match &stream {
            Stream::Keyrings(scope) => layout::keyrings(scope),
            Stream::Writers => layout::writer_lists(),
            Stream::Kits => layout::kits(),
        };
        let listed = self.listed(repository, &at).await?.into_iter();
        let own = listed.filter(|it| it.key.parts_count() == at.parts_count() + 1);
        let objects = own.filter_map(|it| Some((layout::number(&it.key)?, it))).collect();
        self.replaced.push(Replaced { stream, newest, first, objects });
        Ok(())
    }

    async fn unfinished(&mut self, repository: &Repository, prefix: &Path) -> Result<(), Error> {
        let found = repository.shared.store.unfinished(prefix).await?;
        self.clock = self.clock.max(found.iter().map(|it| it.written).max());
        self.unfinished.extend(found);
        Ok(())
    }

    async fn listed(&mut self, repository: &Repository, prefix: &Path) -> Result<Vec<Listed>, Error> {
        let listed = repository.shared.store.list_with_sizes(prefix).await?;
        self.clock = self.clock.max(listed.iter().map(|it| it.written).max());
        Ok(listed)
    }
}

impl Sightings {
    fn knows(&self, manifest: &Listed) -> bool {
        self.0.get(&manifest.key) == Some(&(manifest.bytes, manifest.written))
    }

    fn forget_all_but(&mut self, cluster: &Name, there: &BTreeMap<PointId, Listed>) {
        let manifests = layout::manifests(cluster);
        self.0.retain(|key, _| {
            let id = layout::point_of_manifest(cluster, key);
            !key.prefix_matches(&manifests) || id.is_some_and(|id| there.contains_key(&id))
        });
    }
}

/// Of each manifest, whether it is sound; `None` for one that is gone.
async fn judge(
    repository: &Repository,
    cluster: &Name,
    manifests: &BTreeMap<PointId, Listed>,
    seen: &mut Sightings,
) -> Result<Vec<(PointId, Option<bool>)>, Error> {
    let (known, unknown): (Vec<_>, Vec<_>) = manifests.iter().partition(|(_, manifest)| seen.knows(manifest));
    let mut judged: Vec<_> = known.into_iter().map(|(id, _)| (id.clone(), Some(true))).collect();
    // Each owns what it needs: a future that borrows from the list could not be sent to another thread.
    let reads = unknown.into_iter().map(|(id, _)| {
        let (repository, cluster, id) = (repository.clone(), cluster.clone(), id.clone());
        async move {
            match repository.point(&cluster, &id).await {
                Err(Error::NotFound { .. }) => Ok((id, None)),
                read => counting(read).map(|point| (id, Some(point.is_some()))),
            }
        }
    });
    let reads: Vec<_> = reads.collect();
    let read: Vec<(PointId, Option<bool>)> = futures::stream::iter(reads).buffered(READS).try_collect().await?;
    for (id, _) in read.iter().filter(|(_, sound)| *sound == Some(true)) {
        if let Some(manifest) = manifests.get(id) {
            seen.0.insert(manifest.key.clone(), (manifest.bytes, manifest.written));
        }
    }
    judged.extend(read);
    Ok(judged)
}
