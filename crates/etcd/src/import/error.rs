//! Why something cannot be imported.

use crate::FileError;
use estate::Kind;

/// Why a database from elsewhere cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read, or is not what it must be; or a copy cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The member runs: its files change while they are read.
    #[error("an etcd runs on {path}")]
    Running {
        /// The data directory.
        path: String,
    },
    /// The etcd that was started on the copy did not do what it should.
    #[error("etcd could not apply the member's log: {reason}")]
    Etcd {
        /// What it said last, or what it did not do.
        reason: String,
    },
}

impl ImportError {
    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::File(e) => e.kind(),
            Self::Running { .. } => Kind::Conflict,
            Self::Etcd { .. } => Kind::Person,
        }
    }
}
