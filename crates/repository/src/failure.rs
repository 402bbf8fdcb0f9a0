//! From what a store answers to an [`Error`]: by outcome, short, and without what should not be shown.

use crate::Error;
use object_store::path::Path;
use std::error::Error as _;
use std::io;
use std::path::{Path as FilePath, PathBuf};

/// Characters of a message from outside that are shown at most.
const SHOWN: usize = 200;

/// The services of the clouds that hand out credentials.
const METADATA: [&str; 4] = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "metadata.google.internal",
];

/// What stores answer who do not let in: S3 and those that speak as it does, and Azure. Of a list that is refused, the client says
/// only that it failed.
const REFUSALS: [&str; 9] = [
    "AccessDenied",
    "AuthenticationFailed",
    "AuthorizationFailure",
    "AuthorizationPermissionMismatch",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
];

/// A text from outside, on one line and not too long.
pub(crate) fn cut(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

/// What `error` means for `key` in the store called `store`; `directory` is where a local one stands. That an object exists
/// already means nothing by itself: who creates asks what is there.
pub(crate) fn of_store(store: &str, directory: Option<&PathBuf>, key: &Path, error: &object_store::Error) -> Error {
    let (store, object) = (store.to_owned(), key.to_string());
    let told = told(error);
    let code = told.split(':').next().unwrap_or_default();
    match error {
        _ if matches!(code, "NoSuchBucket" | "ContainerNotFound") => Error::NoBucket { store },
        _ if code == "RequestTimeTooSkewed" => Error::Clock { store, reason: told },
        _ if REFUSALS.contains(&code) => Error::Refused { store, object, reason: told },
        object_store::Error::NotFound { .. } => Error::NotFound { store, object },
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            Error::Refused { store, object, reason: told }
        }
        _ => match (directory, io_kind(error)) {
            (Some(directory), Some(kind)) => of_io(&store, directory.join(&object), object, kind, told),
            _ => Error::Unreachable { store, object, reason: told },
        },
    }
}

/// A local file's error.
pub(crate) fn of_file(path: impl Into<PathBuf>, error: &io::Error) -> Error {
    Error::File { path: path.into(), reason: cut(&error.to_string()) }
}

/// The error of a file in the store that is the directory `store`.
pub(crate) fn of_directory(store: &FilePath, path: &FilePath, error: &io::Error) -> Error {
    let object = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    of_io(
        &store.display().to_string(),
        path.to_owned(),
        object,
        error.kind(),
        cut(&error.to_string()),
    )
}

fn of_io(store: &str, path: PathBuf, object: String, kind: io::ErrorKind, reason: String) -> Error {
    match kind {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Error::Refused { store: store.to_owned(), object, reason }
        }
        _ => Error::File { path, reason },
    }
}

/// What a caller gave to be stored under `key` cannot be read.
pub(crate) fn of_body(key: &Path, error: &io::Error) -> Error {
    let reason = format!("its content cannot be read: {}", cut(&error.to_string()));
    Error::Invalid { object: key.to_string(), reason }
}

/// What an S3 store said (`CODE: MESSAGE` of its XML), or else the innermost cause: the outer ones repeat it with the whole
/// request around it.
pub(crate) fn told(error: &object_store::Error) -> String {
    let whole = error.to_string();
    if let Some(code) = between(&whole, "<Code>", "</Code>") {
        let message = between(&whole, "<Message>", "</Message>").unwrap_or_default();
        return cut(&format!("{code}: {message}"));
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let inner = cut(&without_queries(&inner.to_string()));
    // Where machines are given credentials: it was asked because there are none.
    if METADATA.iter().any(|address| whole.contains(address)) {
        return cut(&format!("no credentials are given, and the cloud hands out none: {inner}"));
    }
    inner
}

/// URLs without what may sign them.
fn without_queries(text: &str) -> String {
    let words = text.split(' ').map(|word| match word.split_once('?') {
        Some((url, _)) if url.contains("://") => url,
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// What stands between two texts, first.
pub(crate) fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    rest.split_once(end).map(|(found, _)| found)
}

fn io_kind(error: &object_store::Error) -> Option<io::ErrorKind> {
    let mut next = error.source();
    while let Some(source) = next {
        if let Some(found) = source.downcast_ref::<io::Error>() {
            return Some(found.kind());
        }
        next = source.source();
    }
    None
}

/// Reads a body of JSON whose `format` is one that is known: that is looked at first, since a newer one may have another form.
pub(crate) fn json<T: serde::de::DeserializeOwned>(object: &str, body: &[u8]) -> Result<T, Error> {
    let damaged = |reason: String| Error::Damaged { object: object.to_owned(), reason };
    let value: serde_json::Value = serde_json::from_slice(body).map_err(|error| damaged(cut(&error.to_string())))?;
    match value["format"].as_u64() {
        Some(found) if found > crate::layout::FORMAT => {
            Err(Error::Format { object: object.to_owned(), found: found.to_string() })
        }
        // There was no format below it, and what is read must have one meaning only.
        Some(0) => Err(damaged("it names format 0, which there is not".to_owned())),
        Some(_) => serde_json::from_value(value).map_err(|error| damaged(cut(&error.to_string()))),
        None => Err(damaged("it names no format".to_owned())),
    }
}
#[cfg(test)]
mod tests;
