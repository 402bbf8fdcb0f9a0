//! The leases under which histories are written: one who captures a cluster, one who merges its history. Start at [`writer`].
//!
//! What a history holds is what its etcd had, whoever wrote it down; its readers need no epoch. The lease keeps two hosts from doing
//! the same work, and a host that was cut off from beginning a timeline, or removing what was merged, when somebody else has gone on.

use super::shelf::RepositoryShelf;
use ::etcd::capture::CaptureError;
use ::etcd::selection::SelectionError;
use estate::Name;
use repository::lease::{Kept, LeaseError, Terms, patience};
use repository::{Repository, Scope};
use std::sync::Arc;
use std::time::Duration;

/// What is done under a lease of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Capture,
    Merge,
}

/// Who does it, for people, and what they are told while they wait.
pub struct Holder<'a> {
    /// At least the host.
    pub name: &'a str,
    /// Hears now and then why the lease is not had yet.
    pub waiting: &'a (dyn Fn(&LeaseError) + Sync),
    /// Whether to wait for as long as it takes. Otherwise only until whoever held the lease last would have lost it if they were dead.
    pub patient: bool,
}

/// Why a capture into a repository ended.
#[derive(Debug, thiserror::Error)]
pub enum CapturingError {
    /// The lease was not had, or was lost.
    #[error(transparent)]
    Lease(Arc<LeaseError>),
    /// The capture itself.
    #[error(transparent)]
    Capture(#[from] CaptureError),
}

/// Why a merging ended.
#[derive(Debug, thiserror::Error)]
pub enum MergingError {
    /// The lease was not had, or was lost.
    #[error(transparent)]
    Lease(Arc<LeaseError>),
    /// Which points there are could not be learnt, and so what must stay.
    #[error(transparent)]
    Points(#[from] repository::Error),
    /// The merging itself.
    #[error(transparent)]
    Merge(#[from] SelectionError),
}

impl Work {
    fn name(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Merge => "merge",
        }
    }

    /// How long others leave it alone. Whoever comes after a host that died waits for it and a quarter.
    fn ttl(self) -> Duration {
        match self {
            Self::Capture => Duration::from_secs(8),
            Self::Merge => Duration::from_secs(60),
        }
    }
}

/// A cluster's history, to be written by whoever is the one that captures it, as long as the lease is kept.
///
/// # Errors
/// The lease is not had.
pub async fn writer(
    repository: &Repository,
    cluster: &Name,
    holder: &Holder<'_>,
) -> Result<(RepositoryShelf, Kept), Arc<LeaseError>> {
    let kept = hold(repository, cluster, Work::Capture, holder).await?;
    Ok((RepositoryShelf::new(repository, cluster).under(&kept), kept))
}

/// Waits for the lease of this work on a cluster's history.
pub(super) async fn hold(
    repository: &Repository,
    cluster: &Name,
    work: Work,
    holder: &Holder<'_>,
) -> Result<Kept, Arc<LeaseError>> {
    let name = work.name().parse().map_err(|_no_name| bug(work))?;
    let terms = Terms { holder: holder.name.to_owned(), ttl: work.ttl() };
    let since = ambient::uptime();
    let longest = patience(work.ttl()) + work.ttl() / 4;
    let waiting = |error: &LeaseError| {
        if !holder.patient && is_of_the_disk(error) {
            return false;
        }
        (holder.waiting)(error);
        holder.patient || ambient::uptime().saturating_sub(since) < longest
    };
    let scope = Scope::Cluster(cluster.clone());
    repository.keep(&scope, &name, terms, waiting).await.map_err(Arc::new)
}

/// Whether this machine's own disk is in the way, which does not pass by waiting.
fn is_of_the_disk(error: &LeaseError) -> bool {
    matches!(error, LeaseError::Unknown { source: Some(repository::Error::File { .. }), .. })
}

fn bug(work: Work) -> Arc<LeaseError> {
    let (object, reason) = (work.name().to_owned(), "it is no name of a lease".to_owned());
    Arc::new(repository::Error::Bug { object, reason }.into())
}
