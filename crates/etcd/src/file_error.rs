//! What can be wrong with a file, be it etcd's or a history's.

use estate::Kind;
use std::io;

/// Why a file cannot be read or written. Every message names the file, and where in it.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The disk or the system refuses.
    #[error("{file} cannot be {doing}: {source}")]
    Io {
        /// The file.
        file: String,
        /// What was being done, as in `read`, `created`, `synced`.
        doing: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// Its content is not what it must be: truncated, changed, or never such a file.
    #[error("{file} is damaged at {place}: {reason}")]
    Damaged {
        /// The file.
        file: String,
        /// Where, as in `page 17`, `byte 4096`, `record 301.0`.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// It is written in a way that this version does not know.
    #[error("{file} cannot be read by this version: {reason}")]
    Newer {
        /// The file.
        file: String,
        /// What is not known.
        reason: String,
    },
}

impl FileError {
    /// An IO error, with what was being done.
    #[allow(dead_code, reason = "used by what comes next")]
    pub(crate) fn io(file: impl ToString, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_string();
        move |source| Self::Io { file, doing, source }
    }

    /// An error of reading, at a place: of a store that checks what it gives, `InvalidData` is damage.
    pub(crate) fn read(file: impl ToString, place: impl ToString) -> impl FnOnce(io::Error) -> Self {
        let (file, place) = (file.to_string(), place.to_string());
        move |source| match source.kind() {
            io::ErrorKind::InvalidData => Self::Damaged { file, place, reason: source.to_string() },
            _ => Self::Io { file: format!("{file}, {place}"), doing: "read", source },
        }
    }

    /// Damage of a file, at a place, and what is wrong there.
    pub fn damaged(file: impl ToString, place: impl ToString, reason: impl ToString) -> Self {
        Self::Damaged {
            file: file.to_string(),
            place: place.to_string(),
            reason: reason.to_string(),
        }
    }

    /// Whether what is wrong is the content of a file, and not how it is reached or who reads it.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }

    /// Whether the file is not there (any more).
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Io { source, .. } if source.kind() == io::ErrorKind::TimedOut => Kind::Unreachable,
            Self::Io { .. } => Kind::Person,
            Self::Damaged { .. } => Kind::Damaged,
            Self::Newer { .. } => Kind::Invalid,
        }
    }
}
