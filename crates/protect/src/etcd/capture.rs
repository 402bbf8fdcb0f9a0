//! Capturing a live etcd into a repository.

use super::leased::{CapturingError, Holder, writer};
use super::lock::{HistoryLock, LockingShelf, OnUnlocked};
use ::etcd::Members;
use ::etcd::capture::{Behind, Options, Tell};
use ::etcd::history::Shelf;
use estate::Name;
use repository::Repository;
use std::pin::pin;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// What is captured from where.
pub struct Captured<'a> {
    /// The cluster whose history it is in the repository.
    pub cluster: &'a Name,
    /// Its etcd.
    pub source: Members,
    /// How. The base waits in its spool for the repository: a local directory.
    pub options: Options,
    /// How what is stored is locked, and who is told of what could not be.
    pub lock: Option<(HistoryLock, OnUnlocked)>,
}

/// Keeps every change of a live etcd in the repository, until `stop` says so; goes on where the history ends. Waits for the lease
/// `capture` of the cluster, stores under its epoch, and gives it back at the end. All else is as
/// [`::etcd::capture::capture`] says, above all that a repository that cannot be reached is waited for: `behind` says how long
/// already.
///
/// # Errors
/// Only what waiting does not mend. The lease was lost to somebody else, or somebody writes without it; the history cannot be read
/// at the beginning; later, etcd's.
pub async fn capture(
    repository: &Repository,
    captured: Captured<'_>,
    holder: &Holder<'_>,
    tell: Tell,
    behind: watch::Sender<Behind>,
    stop: impl Future<Output = ()>,
) -> Result<(), CapturingError> {
    let Captured { cluster, source, options, lock } = captured;
    let mut stop = pin!(stop);
    let (shelf, kept) = tokio::select! {
        held = writer(repository, cluster, holder) => held.map_err(CapturingError::Lease)?,
        () = &mut stop => return Ok(()),
    };
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
    let mut lost = None;
    let ended = {
        let over = async {
            tokio::select! { () = stop => {} error = kept.lost() => lost = Some(error) }
        };
        ::etcd::capture::capture(source, shelf, options, tell, behind, over).await
    };
    if let Some(error) = lost {
        return Err(CapturingError::Lease(error));
    }
    // A lease that cannot be given back runs out.
    let _ = kept.release().await;
    Ok(ended?)
}
