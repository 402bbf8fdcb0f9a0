//! A moment of a cluster's history as a snapshot file, which every etcd restores from. Start at [`export`].

use super::RepositoryShelf;
use crate::snapshots::{self, Opened};
use ::etcd::FileError;
use ::etcd::history::{History, MomentError, Timeline};
use ::etcd::rebuild::{Line, Marks, RebuildError, Rebuilt, Request, Target, UnknownLine, rebuild};
use ::etcd::selection::{Packs, SelectionError, Source as _};
use estate::{Kind, Name, Point};
use repository::Repository;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a moment could not be made a file.
#[derive(Debug, thiserror::Error)]
pub enum Unmade {
    /// The history cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The history does not have it.
    #[error(transparent)]
    Moment(#[from] MomentError),
    /// What it consists of cannot be read.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The snapshot that others made cannot be read.
    #[error(transparent)]
    Snapshot(#[from] snapshots::Error),
    /// It could not be built.
    #[error(transparent)]
    Rebuild(#[from] RebuildError),
    /// It comes from an etcd that nothing is built for.
    #[error(transparent)]
    Line(#[from] UnknownLine),
}

impl Unmade {
    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::File(error) => error.kind(),
            // Of a point, what is missing is damage.
            Self::Moment(MomentError::NoMoment(_)) => Kind::Damaged,
            Self::Moment(MomentError::File(error)) => error.kind(),
            Self::Selection(error) => error.kind(),
            Self::Snapshot(error) => error.kind(),
            Self::Rebuild(error) => error.kind(),
            Self::Line(_) => Kind::Invalid,
        }
    }
}

/// Makes the state of etcd that `point` of `cluster` holds a snapshot file at `into`, as `etcdctl snapshot save` would have made it
/// then. Every byte that it is made of is checked. For an etcd of the version that it comes from. With `bump`, revisions go on so much
/// higher: for who restores it with a tool that cannot do that.
///
/// # Errors
/// [`Unmade`]; then nothing is at `into`.
pub async fn export(
    repository: &Repository,
    cluster: &Name,
    point: &Point,
    bump: Option<u64>,
    into: &Path,
) -> Result<Rebuilt, Unmade> {
    let shelf = Arc::new(RepositoryShelf::new(repository, cluster));
    let (timeline, revision) = (point.timeline, u64::try_from(point.revision).unwrap_or(0));
    let line = point.etcd_version.parse()?;
    let path = into.to_owned();
    apart(into, move || {
        let history = History::open(shelf)?;
        let source = Packs::of(&history.moment(timeline, revision)?)?;
        Ok(rebuild(&source, &request(revision, line, bump, path))?)
    })
    .await
}

/// The same of a snapshot that others made.
///
/// # Errors
/// [`Unmade`]; then nothing is at `into`.
pub async fn export_snapshot(opened: &Opened, bump: Option<u64>, into: &Path) -> Result<Rebuilt, Unmade> {
    let source = opened.source()?;
    // One that does not say by which etcd it was made is for the oldest that there is: newer ones take it.
    let line = match &opened.verified.etcd {
        Some(version) => version.parse()?,
        None => Line::V3_5,
    };
    let path = into.to_owned();
    apart(into, move || {
        let revision = source.last_revision();
        Ok(rebuild(&source, &request(revision, line, bump, path))?)
    })
    .await
}

/// The newest revision of a timeline of `cluster` that is stored; `None` where it has none.
///
/// # Errors
/// The history cannot be listed.
pub async fn newest(repository: &Repository, cluster: &Name, timeline: u32) -> Result<Option<u64>, Unmade> {
    let shelf = Arc::new(RepositoryShelf::new(repository, cluster));
    let looked = tokio::task::spawn_blocking(move || {
        let history = History::open(shelf)?;
        Ok(history.timeline(timeline).and_then(Timeline::newest))
    });
    looked
        .await
        .unwrap_or_else(|reason| Err(broken_off("the history".to_owned(), reason).into()))
}

fn request(revision: u64, line: Line, bump: Option<u64>, path: PathBuf) -> Request {
    Request {
        revision,
        line,
        marks: bump.map_or(Marks::Current, Marks::Bump),
        target: Target::Snapshot { path },
    }
}

async fn apart(
    into: &Path,
    make: impl FnOnce() -> Result<Rebuilt, Unmade> + Send + 'static,
) -> Result<Rebuilt, Unmade> {
    let shown = into.display().to_string();
    let making = tokio::task::spawn_blocking(make);
    making.await.unwrap_or_else(|reason| Err(broken_off(shown, reason).into()))
}

fn broken_off(file: String, reason: tokio::task::JoinError) -> FileError {
    FileError::Io { file, doing: "made", source: io::Error::other(reason) }
}
