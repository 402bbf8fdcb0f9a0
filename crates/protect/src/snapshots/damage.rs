//! Why snapshots of others cannot be listed, or one cannot be used.

use cluster::HostError;
use estate::{Distribution, Kind};
use etcd::import::ImportError;
use etcd::selection::SelectionError;
use std::path::PathBuf;

/// Why a place cannot be looked at, or a snapshot in it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bucket does not give what was asked for: [`repository::Error`] says why, as a wrong key, no right to list, or no bucket.
    #[error(transparent)]
    Store(#[from] repository::Error),
    /// The host does not.
    #[error(transparent)]
    Host(#[from] HostError),
    /// There is no such directory.
    #[error("{place} is not there")]
    Absent {
        /// The directory, and its host.
        place: String,
    },
    /// The directory may not be read.
    #[error("{place} may not be read by who looks there: snapshots belong to root")]
    Refused {
        /// The directory, and its host.
        place: String,
    },
    /// The host lists what cannot be: a clock or a file system that is wrong.
    #[error("{place} has a list that cannot be read: {reason}")]
    Odd {
        /// The directory, and its host.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The distribution makes no snapshots by itself, so there is no directory to look in.
    #[error("{distribution} keeps no snapshots by itself: the estate must say where they are")]
    NoDefault {
        /// The distribution.
        distribution: Distribution,
    },
    /// The snapshot is no longer there: whoever made it keeps only the last few.
    #[error("{snapshot} is no longer in {place}")]
    Gone {
        /// The snapshot's path.
        snapshot: String,
        /// Where it was.
        place: String,
    },
    /// Another file came to stand there while it was fetched.
    #[error("{snapshot} was replaced while it was fetched")]
    Replaced {
        /// The snapshot's path.
        snapshot: String,
    },
    /// It cannot be restored from.
    #[error("{snapshot} is damaged: {reason}")]
    Damaged {
        /// The snapshot's path.
        snapshot: String,
        /// What is wrong, and where in it.
        reason: String,
    },
    /// A newer etcd made it.
    #[error("{snapshot} cannot be read by this version: {reason}")]
    Newer {
        /// The snapshot's path.
        snapshot: String,
        /// What is not known.
        reason: String,
    },
    /// The scratch directory cannot be used: it is full, for example.
    #[error("{} cannot be used to look into snapshots: {reason}", path.display())]
    Scratch {
        /// The directory or the file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Lifeboat itself is wrong.
    #[error("work on {snapshot} broke off: {reason}")]
    Bug {
        /// The snapshot's path.
        snapshot: String,
        /// What happened.
        reason: String,
    },
}

impl Error {
    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Host(error) => error.kind(),
            Self::Absent { .. } | Self::NoDefault { .. } | Self::Newer { .. } => Kind::Invalid,
            Self::Refused { .. } | Self::Scratch { .. } | Self::Odd { .. } => Kind::Person,
            Self::Gone { .. } | Self::Replaced { .. } => Kind::Conflict,
            Self::Damaged { .. } => Kind::Damaged,
            Self::Bug { .. } => Kind::Bug,
        }
    }

    /// What reading the file of `snapshot` met. The file's own name is left out: it may be a copy that nobody knows.
    pub(super) fn of_file(snapshot: &str, error: etcd::FileError) -> Self {
        let snapshot = snapshot.to_owned();
        match error {
            etcd::FileError::Damaged { place, reason, .. } => {
                Self::Damaged { snapshot, reason: format!("{reason} (at {place})") }
            }
            etcd::FileError::Newer { reason, .. } => Self::Newer { snapshot, reason },
            etcd::FileError::Io { file, source, .. } => Self::Scratch { path: file.into(), reason: source.to_string() },
        }
    }

    pub(super) fn of_import(snapshot: &str, error: ImportError) -> Self {
        match error {
            ImportError::File(error) => Self::of_file(snapshot, error),
            other => Self::Bug { snapshot: snapshot.to_owned(), reason: other.to_string() },
        }
    }

    pub(super) fn of_walk(snapshot: &str, error: SelectionError) -> Self {
        match error {
            SelectionError::File(error) => Self::of_file(snapshot, error),
            other => Self::Damaged { snapshot: snapshot.to_owned(), reason: other.to_string() },
        }
    }
}
