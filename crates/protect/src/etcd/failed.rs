//! A repository's errors as the crate `etcd` knows them: what is damaged, what is not there, and what cannot be reached must not
//! be taken for each other, since it takes another object for the first, looks again after the second, and waits after the third.

use ::etcd::FileError;
use repository::Error;
use std::{fmt, io};

/// What was being done with what.
pub(super) struct Failed {
    pub(super) file: String,
    pub(super) doing: &'static str,
}

impl Failed {
    /// Failed by the repository.
    pub(super) fn by(&self, error: Error) -> FileError {
        let file = self.file.clone();
        match error {
            Error::Damaged { reason, .. } | Error::Untrusted { reason, .. } => {
                FileError::Damaged { file, place: "its seal".to_owned(), reason }
            }
            Error::Misplaced { found, .. } => FileError::Damaged {
                file,
                place: "its seal".to_owned(),
                reason: format!("it is {found}"),
            },
            Error::Taken { .. } => FileError::Damaged {
                file,
                place: "byte 0".to_owned(),
                reason: "an object of this name with other content is there already".to_owned(),
            },
            Error::Format { found, .. } => FileError::Newer { file, reason: format!("it has format {found}") },
            error => self.io(error_of(error)),
        }
    }

    pub(super) fn io(&self, source: io::Error) -> FileError {
        FileError::Io { file: self.file.clone(), doing: self.doing, source }
    }
}

/// Of reading an object that is open. What is damaged is [`io::ErrorKind::InvalidData`].
pub(super) fn unreadable(error: Error) -> io::Error {
    match error {
        Error::Damaged { reason, .. } => io::Error::new(io::ErrorKind::InvalidData, reason),
        error => error_of(error),
    }
}

/// Why a shelf failed, if the repository is the reason; the error itself otherwise.
///
/// # Errors
/// What has another reason.
pub fn repository_error(error: FileError) -> Result<Error, FileError> {
    match error {
        FileError::Io { file, doing, source } => match source.downcast::<Told>() {
            Ok(told) => Ok(told.0),
            Err(source) => Err(FileError::Io { file, doing, source }),
        },
        other => Err(other),
    }
}

fn error_of(error: Error) -> io::Error {
    let kind = match &error {
        Error::Unreachable { .. } => io::ErrorKind::TimedOut,
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        Error::Refused { .. } => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, Told(error))
}

/// The reason alone, where the object has been named already.
#[derive(Debug)]
struct Told(Error);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Error::Unreachable { reason, .. } => write!(f, "the store did not answer: {reason}"),
            Error::Refused { reason, .. } => write!(f, "the store refuses: {reason}"),
            // Names are known from a list.
            Error::NotFound { object, .. } if object.contains("/history/") => {
                f.write_str("it is no longer there: the history was merged or thinned out meanwhile; do the same again")
            }
            other => fmt::Display::fmt(other, f),
        }
    }
}

impl std::error::Error for Told {}
