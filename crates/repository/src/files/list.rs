//! What is there: the snapshots.

use super::Files;
use super::failed::or_damaged;
use super::session::Session;
use crate::Error;
use jiff::Timestamp;
use rustic_core::FileType;
use rustic_core::repofile::{SnapshotFile, SnapshotId};

/// A copy of files at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id, 64 hexadecimal digits: restic's, too.
    pub id: String,
    /// When it was begun, by the clock of who took it.
    pub time: Timestamp,
    /// The host whose files they are.
    pub host: String,
    /// What it was called; empty when it was not.
    pub label: String,
    /// Words that it can be found by, in order.
    pub tags: Vec<String>,
    /// What was copied.
    pub paths: Vec<String>,
}

/// All snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshots {
    /// The newest first.
    pub snapshots: Vec<Snapshot>,
    /// The keys of those that cannot be read, each with the reason.
    pub damaged: Vec<(String, String)>,
}

impl Files {
    /// All snapshots, with those that are damaged named.
    ///
    /// # Errors
    /// Those of [`Files::open`].
    pub async fn list(&self) -> Result<Snapshots, Error> {
        self.opened(|session| session.snapshots().map(|(_files, found)| found)).await
    }
}

impl Session {
    /// Every snapshot that can be read, and what is to be said of them all.
    pub(super) fn snapshots(&self) -> Result<(Vec<SnapshotFile>, Snapshots), Error> {
        let (mut files, mut found) = (Vec::new(), Snapshots::default());
        for (id, _) in self.backend.listed(FileType::Snapshot)? {
            match self.snapshot(SnapshotId::from(id)) {
                Ok(file) => files.push(file),
                Err(Error::Damaged { object, reason }) => found.damaged.push((object, reason)),
                // Removed since it was listed.
                Err(Error::NotFound { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        files.sort_by(|a, b| (&b.time, b.id).cmp(&(&a.time, a.id)));
        found.snapshots = files.iter().map(described).collect();
        found.damaged.sort();
        Ok((files, found))
    }

    /// One snapshot.
    pub(super) fn snapshot(&self, id: SnapshotId) -> Result<SnapshotFile, Error> {
        let read = self.repository.get_file::<SnapshotFile>(&id);
        let key = || self.backend.object(FileType::Snapshot, &id).to_string();
        let mut file = or_damaged(read, key)?;
        file.id = id;
        Ok(file)
    }
}

/// The id that somebody names.
pub(super) fn id(text: &str) -> Result<SnapshotId, Error> {
    let parsed = (text.len() == 64).then(|| text.parse().ok()).flatten();
    parsed.ok_or_else(|| Error::Invalid {
        object: format!("snapshot {:?}", crate::failure::cut(text)),
        reason: "its id is not 64 hexadecimal digits".to_owned(),
    })
}

fn described(file: &SnapshotFile) -> Snapshot {
    Snapshot {
        id: file.id.to_hex().to_string(),
        time: file.time.timestamp(),
        host: file.hostname.clone(),
        label: file.label.clone(),
        tags: file.tags.into_iter().cloned().collect(),
        paths: file.paths.into_iter().cloned().collect(),
    }
}
