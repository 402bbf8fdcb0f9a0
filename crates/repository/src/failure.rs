//! From what a store answers to an [`Error`]: by outcome, short, and without what should not be shown.

use crate::Error;
use object_store::path::Path;
use std::error::Error as _;
use std::io;
use std::path::PathBuf;

/// Characters of a message from outside that are shown at most.
const SHOWN: usize = 200;

/// A text from outside, on one line and not too long.
pub(crate) fn cut(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

/// What `error` means for `key` in the store called `store`; `directory` is where a local one stands.
pub(crate) fn of_store(store: &str, directory: Option<&PathBuf>, key: &Path, error: &object_store::Error) -> Error {
    let (store, object) = (store.to_owned(), key.to_string());
    let told = told(error);
    match error {
        object_store::Error::NotFound { .. } if told.contains("NoSuchBucket") => Error::NoBucket { store },
        object_store::Error::NotFound { .. } => Error::NotFound { store, object },
        object_store::Error::AlreadyExists { .. } => Error::Taken { object },
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            Error::Refused { store, object, reason: told }
        }
        _ => match (directory, io_kind(error)) {
            (Some(_), Some(io::ErrorKind::PermissionDenied)) => Error::Refused { store, object, reason: told },
            (Some(directory), Some(_)) => Error::File { path: directory.join(&object), reason: told },
            _ => Error::Unreachable { store, object, reason: told },
        },
    }
}

/// A local file's error.
pub(crate) fn of_file(path: impl Into<PathBuf>, error: &io::Error) -> Error {
    Error::File { path: path.into(), reason: cut(&error.to_string()) }
}

/// What a caller gave to be stored under `key` cannot be read.
pub(crate) fn of_body(key: &Path, error: &io::Error) -> Error {
    let reason = format!("its content cannot be read: {}", cut(&error.to_string()));
    Error::Invalid { object: key.to_string(), reason }
}

/// What an S3 store said (`CODE: MESSAGE` of its XML), or else the innermost cause: the outer ones repeat it with the whole
/// request around it.
fn told(error: &object_store::Error) -> String {
    let whole = error.to_string();
    if let Some(code) = between(&whole, "<Code>", "</Code>") {
        let message = between(&whole, "<Message>", "</Message>").unwrap_or_default();
        return cut(&format!("{code}: {message}"));
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    cut(&inner.to_string())
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
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
        Some(_) => serde_json::from_value(value).map_err(|error| damaged(cut(&error.to_string()))),
        None => Err(damaged("it names no format".to_owned())),
    }
}
