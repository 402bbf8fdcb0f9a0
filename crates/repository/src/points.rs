//! The points of a cluster: which there are, what they say, and their end.

use crate::{Error, Repository, failure, layout, signed};
use estate::{Name, Point, PointId};
use object_store::path::Path;
use std::collections::BTreeSet;

/// The points of a cluster. That a manifest is there does not say that it can be opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Newest first: by epoch, then by the source's clock.
    pub points: Vec<PointId>,
    /// Keys among them that are no point's: ignored, but worth a look.
    pub strange: Vec<String>,
}

/// What was left behind, or is being written now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orphans {
    /// Points that have parts and no manifest, oldest first. One that is young is probably still being stored; the id says
    /// when it was begun. [`Repository::remove`] removes them.
    pub points: Vec<PointId>,
    /// Keys among the parts that are no part's.
    pub strange: Vec<String>,
}

impl Repository {
    /// Lists the points of a cluster.
    ///
    /// # Errors
    /// As every request.
    pub async fn points(&self, cluster: &Name) -> Result<Listing, Error> {
        self.id().await?;
        let mut listing = Listing::default();
        for key in self.shared.store.list(&layout::manifests(cluster)).await? {
            match layout::point_of_manifest(cluster, &key) {
                Some(id) => listing.points.push(id),
                None => listing.strange.push(key.to_string()),
            }
        }
        listing.points.sort_by(|a, b| b.cmp(a));
        Ok(listing)
    }

    /// Reads the manifest of a point.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NoIdentity`], [`Error::WrongKey`], [`Error::Damaged`], [`Error::Misplaced`];
    /// [`Error::Untrusted`] when no trusted writer of the cluster has signed it, and as every request.
    pub async fn point(&self, cluster: &Name, id: &PointId) -> Result<Point, Error> {
        // Where there is no repository, that is what is missing.
        self.id().await?;
        let sealed = self.shared.store.get(&layout::manifest(cluster, id)).await?;
        self.manifest_of(cluster, id, &sealed).await
    }

    /// The same for a point that a person has chosen and accepts even if nobody who is trusted has signed it: why it is not to be
    /// trusted, if so. It is sealed with the cluster's keys and bound to its name all the same. Whatever chooses by itself must not ask
    /// this.
    ///
    /// # Errors
    /// As [`Repository::point`]; [`Error::Untrusted`] when the list of writers itself is not to be trusted.
    pub async fn point_unsigned(&self, cluster: &Name, id: &PointId) -> Result<(Point, Option<String>), Error> {
        self.id().await?;
        let key = layout::manifest(cluster, id);
        let sealed = self.shared.store.get(&key).await?;
        match self.manifest_of(cluster, id, &sealed).await {
            Err(Error::Untrusted { object, reason }) if object == key.as_ref() => {
                let (_, text) = self.open_sealed(&key, &sealed).await?;
                Ok((manifest(&key, cluster, id, signed::unread(&text))?, Some(reason)))
            }
            other => Ok((other?, None)),
        }
    }

    /// What the sealed manifest of a point says.
    pub(crate) async fn manifest_of(&self, cluster: &Name, id: &PointId, sealed: &[u8]) -> Result<Point, Error> {
        let key = layout::manifest(cluster, id);
        let (_, text) = self.open_sealed(&key, sealed).await?;
        let (_, content) = self.judged(&key, &text).await?;
        manifest(&key, cluster, id, &content)
    }

    /// Points with parts and without a manifest.
    ///
    /// # Errors
    /// As every request.
    pub async fn orphans(&self, cluster: &Name) -> Result<Orphans, Error> {
        self.id().await?;
        let (mut found, mut orphans) = (BTreeSet::new(), Orphans::default());
        // The parts before the manifests: a point that is committed in between is then no orphan.
        for key in self.shared.store.list(&layout::parts(cluster)).await? {
            match layout::point_of_part(cluster, &key) {
                Some(id) => drop(found.insert(id)),
                None => orphans.strange.push(key.to_string()),
            }
        }
        for id in self.points(cluster).await?.points {
            found.remove(&id);
        }
        orphans.points = found.into_iter().collect();
        Ok(orphans)
    }

    /// Removes a point, or the parts of one that was never committed. Broken off, it leaves an orphan at most; nothing needs
    /// to be there.
    ///
    /// # Errors
    /// As every request.
    pub async fn remove(&self, cluster: &Name, id: &PointId) -> Result<(), Error> {
        self.id().await?;
        let store = &self.shared.store;
        // First what makes the parts count.
        store.delete(&layout::manifest(cluster, id)).await?;
        let parts = store.list(&layout::parts_of(cluster, id)).await?;
        store.delete_all(parts).await
    }
}

/// What the opened manifest under `key` says, whoever has signed it.
fn manifest(key: &Path, cluster: &Name, id: &PointId, content: &[u8]) -> Result<Point, Error> {
    let damaged = |reason: String| Error::Damaged { object: key.to_string(), reason };
    let point: Point = serde_json::from_slice(content)
        .map_err(|error| damaged(format!("it is no manifest: {}", failure::cut(&error.to_string()))))?;
    if (&point.id, &point.cluster) != (id, cluster) {
        let found = format!("the manifest of point {} of cluster {}", point.id, point.cluster);
        return Err(Error::Misplaced { object: key.to_string(), found });
    }
    let mut names = BTreeSet::new();
    for part in &point.parts {
        if layout::part_name(&part.name).is_err() || !names.insert(&part.name) {
            return Err(damaged(format!("{:?} cannot be a part's name", failure::cut(&part.name))));
        }
    }
    Ok(point)
}
