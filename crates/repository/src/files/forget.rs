//! Removing snapshots. Their data goes with the next prune.

use super::Files;
use super::failed::or_bug;
use super::list::id;
use crate::Error;
use rustic_core::FileType;
use rustic_core::repofile::SnapshotId;
use std::collections::BTreeSet;

impl Files {
    /// Removes snapshots: all of them are there, or none is removed.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no id, [`Error::NotFound`] for a snapshot that is not there, and those of [`Files::open`].
    pub async fn forget(&self, snapshots: &[String]) -> Result<(), Error> {
        let ids: Vec<SnapshotId> = snapshots.iter().map(|text| id(text)).collect::<Result<_, _>>()?;
        let store = self.shared.store.name.clone();
        self.opened(move |session| {
            let found = session.backend.listed(FileType::Snapshot)?;
            let found: BTreeSet<SnapshotId> = found.into_iter().map(|(id, _)| SnapshotId::from(id)).collect();
            if let Some(absent) = ids.iter().find(|id| !found.contains(id)) {
                let object = session.backend.object(FileType::Snapshot, absent).to_string();
                return Err(Error::NotFound { store, object });
            }
            or_bug(session.repository.delete_snapshots(&ids), || session.backend.at.to_string())
        })
        .await
    }
}
