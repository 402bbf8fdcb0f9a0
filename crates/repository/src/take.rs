//! Storing a recovery point: its parts, then its manifest. Until that is there, the point is not.

use crate::upload::{Content, Source, Stored};
use crate::{Error, Repository, Scope, clock, layout, upload};
use bytes::Bytes;
use estate::{Name, Part, Point, PointId};
use object_store::path::Path as Key;
use std::path::Path;
use std::time::Duration;

/// How long after a part was begun the next one is stored, or the manifest: parts without a manifest are removed when the newest of
/// them is an hour old (`prune.rs`), and what was sent arrives later.
const IN_TIME: Duration = Duration::from_secs(45 * 60);

/// A point that is being stored. Dropped before [`NewPoint::commit`], it leaves parts that count for nothing
/// ([`Repository::orphans`]).
pub struct NewPoint {
    repository: Repository,
    cluster: Name,
    id: PointId,
    parts: Vec<Part>,
    /// When the last of them was begun, by [`ambient::uptime`]: stores date large objects back to that.
    begun: Option<Duration>,
    /// The manifest that was sent first. If it has to be sent again it must be the same bytes, to be known as ours.
    sent: Option<(Point, Bytes)>,
}

impl Repository {
    /// Begins to store a point. Asks the store nothing.
    pub fn begin(&self, cluster: &Name, id: &PointId) -> NewPoint {
        let (repository, cluster, id) = (self.clone(), cluster.clone(), id.clone());
        NewPoint {
            repository,
            cluster,
            id,
            parts: Vec::new(),
            begun: None,
            sent: None,
        }
    }
}

impl NewPoint {
    /// Stores a file as the part called `name`; returns its length and hash as they were while it was read. It is read in
    /// pieces: the memory needed does not grow with it. After an error it can be stored again.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad name or one that is there already, and when it took so long that earlier parts may have been
    /// removed: the point has to be begun anew; [`Error::Clock`] when this machine's clock is not the store's: a point of a time to
    /// come would hide all that are taken until then; [`Error::File`], and as every request.
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
        let (begun, from_here) = (ambient::uptime(), ambient::now());
        let store = &self.repository.shared.store;
        let Stored { sent, written } = upload::send(store, keys, source).await?;
        clock::agree(&store.name, from_here, written, ambient::now())?;
        self.in_time(&key)?;
        self.begun = Some(begun);
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
    /// order, or when the last part was begun so long ago that it may have been removed; [`Error::Taken`] when a point of this
    /// id exists; [`Error::NoSigner`], and as every request.
    pub async fn commit(&mut self, point: &Point) -> Result<(), Error> {
        let key = layout::manifest(&self.cluster, &self.id);
        let wrong = |reason: &str| Error::Invalid { object: key.to_string(), reason: reason.to_owned() };
        if (&point.id, &point.cluster) != (&self.id, &self.cluster) {
            return Err(wrong("its manifest is of another point"));
        }
        if point.parts != self.parts {
            return Err(wrong("its manifest has other parts than were stored"));
        }
        if let Err(late) = self.in_time(&key) {
            return self
                .arrived(&key)
                .await
                .and_then(|arrived| if arrived { Ok(()) } else { Err(late) });
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

    /// Whether the manifest that was sent is there.
    async fn arrived(&self, key: &Key) -> Result<bool, Error> {
        let Some((_, sealed)) = &self.sent else {
            return Ok(false);
        };
        match self.repository.shared.store.get(key).await {
            Ok(found) if found == *sealed => {
                self.repository.shared.store.settle(&layout::manifests(&self.cluster)).await?;
                Ok(true)
            }
            Ok(_) => Ok(false),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    fn in_time(&self, key: &Key) -> Result<(), Error> {
        if is_in_time(self.begun, ambient::uptime()) {
            return Ok(());
        }
        let minutes = IN_TIME.as_secs() / 60;
        let reason = format!("storing it took more than {minutes} minutes, and what was stored may have been removed");
        Err(Error::Invalid { object: key.to_string(), reason })
    }
}

/// Whether what was begun last is sure to be there.
fn is_in_time(begun: Option<Duration>, now: Duration) -> bool {
    begun.is_none_or(|begun| now.saturating_sub(begun) < IN_TIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_stored_while_its_parts_are_sure_to_be_there() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        assert!(is_in_time(None, minutes(500)));
        assert!(is_in_time(Some(minutes(500)), minutes(544)));
        assert!(!is_in_time(Some(minutes(500)), minutes(545)));
        // A quarter of an hour is left for what was sent to arrive.
        let margin = crate::prune::ORPHAN - jiff::SignedDuration::try_from(IN_TIME).unwrap();
        assert_eq!(margin, jiff::SignedDuration::from_mins(15));
    }
}
