//! Why something cannot be rebuilt.

use crate::FileError;
use crate::selection::SelectionError;
use estate::Kind;

/// Why a member, a seed or a snapshot could not be made. Whatever it is, nothing that an etcd could start on is at the target.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// A file cannot be read or written; the disk may be full.
    #[error(transparent)]
    File(#[from] FileError),
    /// The records cannot be had, or not at that revision.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// There is something at the target already. It was not touched.
    #[error("{path} is not empty")]
    Occupied {
        /// The target.
        path: String,
    },
    /// Another rebuild into the same target is running.
    #[error("{path} is being rebuilt by another process")]
    Busy {
        /// The target.
        path: String,
    },
    /// The members are described wrongly.
    #[error("the members cannot be: {reason}")]
    Members {
        /// What is wrong.
        reason: String,
    },
    /// The current revision would be more than etcd can count to.
    #[error("revision {revision} with {bump} added is more than etcd can count to")]
    Bump {
        /// The revision that was asked for.
        revision: u64,
        /// What was to be added.
        bump: u64,
    },
}

impl RebuildError {
    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::File(e) => e.kind(),
            Self::Selection(e) => e.kind(),
            Self::Occupied { .. } => Kind::Person,
            Self::Busy { .. } => Kind::Conflict,
            Self::Members { .. } | Self::Bump { .. } => Kind::Invalid,
        }
    }
}
