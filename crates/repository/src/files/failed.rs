//! From rustic's one kind of error to ours: what the store said if it was the store, and else what the caller knows.

use crate::{Error, failure};
use rustic_core::{ErrorKind, RusticError, RusticResult};

/// Our error in rustic's clothes: [`because`] finds it again.
pub(super) fn carried(error: Error) -> Box<RusticError> {
    RusticError::with_source(ErrorKind::Backend, error.to_string(), error)
}

/// What went wrong: the error that was [`carried`], or what `otherwise` makes of rustic's words.
pub(super) fn because(error: &RusticError, otherwise: impl FnOnce(String) -> Error) -> Error {
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        let boxed = source.downcast_ref::<Box<RusticError>>();
        if let Some(found) = source.downcast_ref::<Error>() {
            return found.clone();
        }
        next = match boxed {
            Some(inner) => std::error::Error::source(&**inner),
            None => source.source(),
        };
    }
    otherwise(told(error))
}

/// Rustic's words on one line: its message and the cause, without its advice.
pub(super) fn told(error: &RusticError) -> String {
    let whole = error.display_log();
    let whole = whole.strip_prefix("Error: ").unwrap_or(&whole);
    match (whole.split_once(" (kind:"), whole.rsplit_once("caused by: ")) {
        (_, Some((_, cause))) => failure::cut(cause),
        (Some((message, _)), None) => failure::cut(message),
        (None, None) => failure::cut(whole),
    }
}

/// [`because`], where an object is not what it should be.
pub(super) fn or_damaged<T>(result: RusticResult<T>, object: impl FnOnce() -> String) -> Result<T, Error> {
    result.map_err(|error| because(&error, |reason| Error::Damaged { object: object(), reason }))
}

/// [`because`], where nothing but the store can be the cause.
pub(super) fn or_bug<T>(result: RusticResult<T>, object: impl FnOnce() -> String) -> Result<T, Error> {
    result.map_err(|error| because(&error, |reason| Error::Bug { object: object(), reason }))
}
