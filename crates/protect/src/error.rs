//! What can go wrong while a copy is taken or put back.

use crate::files::{BadArchive, BadPattern};
use estate::Kind;
use std::io;
use std::path::PathBuf;

/// Why a copy was not taken or not put back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// etcd did not answer.
    #[error(transparent)]
    Etcd(#[from] ::etcd::Error),
    /// Nothing says how the cluster's etcd is reached.
    #[error("no etcd is known: {why}")]
    NoEtcd {
        /// What was looked for.
        why: String,
    },
    /// The history did not reach the moment in time.
    #[error("the history of {cluster} did not reach revision {revision} within {waited_s} s")]
    Behind {
        /// The cluster.
        cluster: String,
        /// The revision that its etcd has.
        revision: u64,
        /// How long was waited, in seconds.
        waited_s: u64,
    },
    /// The repository did not take or give a part.
    #[error(transparent)]
    Repository(#[from] repository::Error),
    /// A host did not do what was asked.
    #[error(transparent)]
    Host(#[from] cluster::HostError),
    /// A file that a recovery cannot do without is not on the host.
    #[error("{host} has no {path}: {why}")]
    Missing {
        /// The host.
        host: String,
        /// The file.
        path: String,
        /// Why it is needed.
        why: String,
    },
    /// A file on the host is not what it must be.
    #[error("{path} on {host} cannot be used: {reason}")]
    Unusable {
        /// The host.
        host: String,
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Keys were changed while etcd was copied, so the parts may not fit together.
    #[error("the keys on {host} were changed while etcd was copied: {names}")]
    Moved {
        /// The host.
        host: String,
        /// The files that differ.
        names: String,
    },
    /// The spool, where a copy waits for the repository, cannot be written: the disk is full, for example.
    #[error("{} cannot be written", path.display())]
    Spool {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Files that were to be put back are there already and differ from the copy. Nothing was changed.
    #[error("files on {host} differ from the copy, and nothing was changed: {}", paths.join(", "))]
    Differs {
        /// The host.
        host: String,
        /// The files.
        paths: Vec<String>,
    },
    /// An archive of files is none, or holds what no host's files can be.
    #[error("the archive of files cannot be used")]
    Archive(#[from] BadArchive),
    /// A path that files are named by is none.
    #[error(transparent)]
    Pattern(#[from] BadPattern),
    /// The name of the point could not be made.
    #[error(transparent)]
    Id(#[from] estate::InvalidPointId),
}

impl Error {
    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Etcd(error) => error.kind(),
            Self::NoEtcd { .. } => Kind::Invalid,
            Self::Behind { .. } => Kind::Unreachable,
            Self::Repository(error) => error.kind(),
            Self::Host(error) => error.kind(),
            Self::Missing { .. } | Self::Unusable { .. } | Self::Pattern(_) => Kind::Invalid,
            Self::Archive(_) => Kind::Damaged,
            Self::Differs { .. } => Kind::Person,
            Self::Moved { .. } => Kind::Unreachable,
            Self::Spool { .. } => Kind::Person,
            Self::Id(_) => Kind::Bug,
        }
    }
}
