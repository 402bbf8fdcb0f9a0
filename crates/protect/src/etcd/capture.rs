//! Capturing a live etcd into a repository.

use super::lock::{HistoryLock, LockingShelf, OnUnlocked};
use super::shelf::RepositoryShelf;
use ::etcd::Members;
use ::etcd::capture::{Behind, CaptureError, Options, Tell};
use ::etcd::history::Shelf;
use estate::Name;
use repository::Repository;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// What is captured from where.
pub struct Captured<'a> {
    /// The cluster whose history it is in the repository.
    pub cluster: &'a Name,
    /// The epoch under which it is stored; 0 where there is none.
    pub epoch: u64,
    /// Its etcd.
    pub source: Members,
    /// How. The base waits in its spool for the repository: a local directory.
    pub options: Options,
    /// How what is stored is locked, and who is told of what could not be.
    pub lock: Option<(HistoryLock, OnUnlocked)>,
}

/// Keeps every change of a live etcd in the repository, until `stop` says so; goes on where the history ends. All else is as
/// [`::etcd::capture::capture`] says, above all that a repository that cannot be reached is waited for: `behind` says how long
/// already. Does not keep others from capturing into the same history, but ends when somebody does.
///
/// # Errors
/// Only what waiting does not mend. The history cannot be read at the beginning; later, etcd's.
pub async fn capture(
    repository: &Repository,
    captured: Captured<'_>,
    tell: Tell,
    behind: watch::Sender<Behind>,
    stop: impl Future<Output = ()>,
) -> Result<(), CaptureError> {
    let Captured { cluster, epoch, source, options, lock } = captured;
    let shelf = RepositoryShelf::new(repository, cluster, epoch);
    let shelf: Arc<dyn Shelf> = match lock {
        None => Arc::new(shelf),
        Some((lock, on)) => Arc::new(LockingShelf {
            shelf,
            repository: repository.clone(),
            cluster: cluster.clone(),
            lock,
            on,
            runtime: Handle::current(),
        }),
    };
    ::etcd::capture::capture(source, shelf, options, tell, behind, stop).await
}
