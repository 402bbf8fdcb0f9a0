//! Storing a recovery point: its parts, then its manifest. Until that is there, the point is not.

use crate::upload::{Content, Source};
use crate::{Error, Repository, Scope, layout, upload};
use bytes::Bytes;
use estate::{Name, Part, Point, PointId};
use std::path::Path;

/// A point that is being stored. Dropped before [`NewPoint::commit`], it leaves parts that count for nothing
/// ([`Repository::orphans`]).
pub struct NewPoint {
    repository: Repository,
    cluster: Name,
    id: PointId,
    parts: Vec<Part>,
    /// The manifest that was sent first. If it has to be sent again it must be the same bytes, to be known as ours.
    sent: Option<(Point, Bytes)>,
}

impl Repository {
    /// Begins to store a point. Asks the store nothing.
    pub fn begin(&self, cluster: &Name, id: &PointId) -> NewPoint {
        let (repository, cluster, id) = (self.clone(), cluster.clone(), id.clone());
        NewPoint { repository, cluster, id, parts: Vec::new(), sent: None }
    }
}

impl NewPoint {
    /// Stores a file as the part called `name`; returns its length and hash as they were while it was read. It is read in
    /// pieces: the memory needed does not grow with it. After an error it can be stored again.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad name or one that is there already, [`Error::File`], and as every request.
    pub async fn part(&mut self, name: &str, from: &Path) -> Result<Part, Error> {
        let key = layout::part(&self.cluster, &self.id, &layout::part_name(name)?);
        if self.parts.iter().any(|part| part.name == name) {
            let reason = "the point has this part already".to_owned();
            return Err(Error::Invalid { object: key.to_string(), reason });
        }
        let keys = self.repository.keys(&Scope::Cluster(self.cluster.clone())).await?;
        let place = self.repository.place(&key).await?;
        let source = Source {
            place,
            epoch: self.id.epoch().0,
            content: Content::File(from.to_owned()),
        };
        let sent = upload::send(&self.repository.shared.store, keys, source).await?;
        let part = Part {
            name: name.to_owned(),
            bytes: sent.bytes,
            sha256: sent.sha256,
        };
        self.parts.push(part.clone());
        Ok(part)
    }

    /// Stores the manifest: from now on the point exists. After [`Error::Unreachable`] it may exist; committing again, with
    /// the same manifest and on this value, tells.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the manifest is of another point or has other parts than were stored, or in another
    /// order; [`Error::Taken`] when a point of this id exists; [`Error::NoSigner`], and as every request.
    pub async fn commit(&mut self, point: &Point) -> Result<(), Error> {
        let key = layout::manifest(&self.cluster, &self.id);
        let wrong = |reason: &str| Error::Invalid { object: key.to_string(), reason: reason.to_owned() };
        if (&point.id, &point.cluster) != (&self.id, &self.cluster) {
            return Err(wrong("its manifest is of another point"));
        }
        if point.parts != self.parts {
            return Err(wrong("its manifest has other parts than were stored"));
        }
        let sealed = match &self.sent {
            Some((sent, sealed)) if sent == point => sealed.clone(),
            _ => {
                let bug = |error: serde_json::Error| Error::Bug { object: key.to_string(), reason: error.to_string() };
                let content = serde_json::to_vec(point).map_err(bug)?;
                let text = self.repository.sign(&key, &content).await?;
                self.repository.sealed(&key, self.id.epoch().0, &text).await?
            }
        };
        self.sent = Some((point.clone(), sealed.clone()));
        self.repository.shared.store.create(&key, sealed).await
    }
}
