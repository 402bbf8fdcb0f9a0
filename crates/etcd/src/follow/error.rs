//! Why a history cannot be followed, or what was followed not be promoted.

use crate::FileError;
use crate::history::MomentError;
use crate::rebuild::RebuildError;
use crate::selection::SelectionError;
use estate::Kind;

/// Why a history cannot be followed, or what was followed not be promoted. What is here already stays.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// A file cannot be read or written, here or on the shelf.
    #[error(transparent)]
    File(#[from] FileError),
    /// The newest moment cannot be had.
    #[error(transparent)]
    Moment(#[from] MomentError),
    /// A file cannot be made of it, or no data directory.
    #[error(transparent)]
    Rebuild(#[from] RebuildError),
    /// Another process follows into the directory, or promotes it.
    #[error("another process follows into {path}")]
    Busy {
        /// The directory.
        path: String,
    },
    /// The directory holds something else.
    #[error("{path} holds something else than what follows a history")]
    Occupied {
        /// The directory.
        path: String,
    },
    /// There is nothing to promote.
    #[error("{path} holds no state that can be promoted{}", .why.as_ref().map_or_else(String::new, |why| format!(": {why}")))]
    Nothing {
        /// The directory.
        path: String,
        /// Why not.
        why: Option<String>,
    },
    /// Less is here than has to be promoted.
    #[error(
        "what is followed stands at revision {own} of timeline {own_timeline}, and revision {wanted} of timeline {timeline} has to be in it"
    )]
    Behind {
        /// The revision that is here.
        own: u64,
        /// The timeline that is here.
        own_timeline: u32,
        /// The revision that is wanted.
        wanted: u64,
        /// The timeline that is wanted.
        timeline: u32,
    },
    /// The shelf holds no history that could be followed.
    #[error("there is no history with a base")]
    NoHistory,
    /// The history is of another cluster, or nothing says that it is of the same one. What is here stays.
    #[error("what is followed here is of another cluster: {why}")]
    Stranger {
        /// What says so.
        why: String,
    },
    /// The history ends before what is here: it lost its end, or it is another one. What is here is newer and stays.
    #[error(
        "the history ends at revision {last} of timeline {timeline}, before what is here already: revision {own} of timeline {own_timeline}"
    )]
    Ahead {
        /// The history's youngest timeline.
        timeline: u32,
        /// Its newest revision.
        last: u64,
        /// The timeline that is here.
        own_timeline: u32,
        /// The revision that is here.
        own: u64,
    },
}

impl FollowError {
    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::File(e) => e.kind(),
            Self::Moment(e) => e.kind(),
            Self::Rebuild(e) => e.kind(),
            Self::Busy { .. } => Kind::Conflict,
            Self::Occupied { .. } | Self::Ahead { .. } | Self::Stranger { .. } => Kind::Person,
            Self::Nothing { .. } | Self::NoHistory => Kind::Invalid,
            Self::Behind { .. } => Kind::Unreachable,
        }
    }
}

impl From<SelectionError> for FollowError {
    fn from(error: SelectionError) -> Self {
        Self::Rebuild(error.into())
    }
}
