//! Files in a restic-format repository: those of nodes, volumes and image layers. Start at [`Files`].
//!
//! It stands in the same store as everything else, below `clusters/CLUSTER/files`, with restic's own layout and sealing, so
//! that any `restic` opens it where Lifeboat is gone. All work goes through `rustic_core`, which no other folder knows; what
//! it would swallow or panic at is done here instead: `source.rs` notices every file that could not be read, `restore.rs`
//! writes files, `check.rs` checks.

mod backend;
mod check;
mod failed;
mod forget;
mod list;
mod metadata;
mod place;
mod progress;
mod prune;
mod restore;
mod session;
mod source;
mod take;
mod trees;
mod writers;

pub use check::{Checked, Finding, Harmed, Read};
pub use list::{Snapshot, Snapshots};
pub use progress::{OnProgress, Progress};
pub use prune::Pruned;
pub use restore::{Restored, Restoring};
pub use take::{Taken, Taking, Unread};

use crate::repository::Shared;
use crate::{Error, Repository, Scope, layout};
use estate::Name;
use object_store::path::Path;
use rustic_core::repofile::MasterKey;
use std::fmt;
use std::sync::{Arc, OnceLock};
use zeroize::Zeroizing;

/// The files of one cluster. Cheap to clone.
///
/// Guarantees: what a call has reported as stored survives a crash, and until its snapshot is stored, a copy counts for
/// nothing; what a broken one leaves, [`Files::prune`] removes. Blobs are compared with their hashes when they are read. A
/// future that is dropped stops its work at the next request. The memory needed does not grow with a file's size.
///
/// Assumptions: a tokio runtime; nobody runs `restic prune` or `restic forget --prune` beside.
#[derive(Clone)]
pub struct Files {
    pub(crate) shared: Arc<Shared>,
    at: Path,
    password: Arc<Zeroizing<String>>,
    /// Known after it was opened for the first time: finding it takes a tenth of a second of CPU each time.
    key: Arc<OnceLock<MasterKey>>,
    progress: Option<OnProgress>,
}

impl Repository {
    /// The files of a cluster, opened with the password in its keyring.
    ///
    /// # Errors
    /// As opening a keyring, and as every request.
    pub async fn files(&self, cluster: &Name) -> Result<Files, Error> {
        let keys = self.keys(&Scope::Cluster(cluster.clone())).await?;
        Ok(self.files_with(cluster, &keys.files))
    }

    /// The same with a password. Asks the store nothing.
    pub(crate) fn files_with(&self, cluster: &Name, password: &str) -> Files {
        Files {
            shared: self.shared.clone(),
            at: layout::files(cluster),
            password: Arc::new(Zeroizing::new(password.to_owned())),
            key: Arc::default(),
            progress: None,
        }
    }
}

impl Files {
    /// The same, telling how far its work is. `on_progress` is called from several threads and must return at once.
    #[must_use]
    pub fn watched(&self, on_progress: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        Self { progress: Some(Arc::new(on_progress)), ..self.clone() }
    }

    /// Makes the repository if there is none; `false` when there is one that this password opens. Of two that do it at once,
    /// one makes it.
    ///
    /// # Errors
    /// [`Error::WrongPassword`] when there is one with another password, and as every request.
    pub async fn init(&self) -> Result<bool, Error> {
        self.shared.store.make()?;
        let files = self.clone();
        self.working(move |backend| files.make(backend)).await
    }

    /// Sees whether the repository is there and the password opens it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, [`Error::WrongPassword`], [`Error::Damaged`], and as every request.
    pub async fn open(&self) -> Result<(), Error> {
        self.opened(|_session| Ok(())).await
    }

    /// Where it stands in the store.
    pub fn key(&self) -> &str {
        self.at.as_ref()
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files")
            .field("store", &self.shared.store.name)
            .field("at", &self.key())
            .finish_non_exhaustive()
    }
}
