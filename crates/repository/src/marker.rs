//! The marker: the object that makes a store a repository, and names it.

use crate::layout::{self, FORMAT};
use crate::store::Store;
use crate::{Error, failure};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Letters of a repository's id.
const ID_LENGTH: usize = 16;

#[derive(Serialize, Deserialize)]
struct Marker {
    format: u64,
    repository: String,
}

/// Reads the repository's id.
pub(crate) async fn read(store: &Store) -> Result<String, Error> {
    match store.get(&layout::marker()).await {
        Ok(bytes) => parse(&bytes),
        Err(Error::NotFound { store, .. }) => Err(Error::Uninitialised { store }),
        Err(other) => Err(other),
    }
}

/// Makes the store a repository, unless it is one: whether it was made now.
pub(crate) async fn create(store: &Store) -> Result<bool, Error> {
    let marker = Marker { format: FORMAT, repository: ambient::random_id(ID_LENGTH) };
    let object = layout::MARKER.to_owned();
    let bytes = serde_json::to_vec(&marker).map_err(|error| Error::Bug { object, reason: error.to_string() })?;
    match store.create(&layout::marker(), bytes.into()).await {
        Ok(()) => Ok(true),
        Err(Error::Taken { .. }) => read(store).await.map(|_id| false),
        Err(other) => Err(other),
    }
}

fn parse(bytes: &Bytes) -> Result<String, Error> {
    let object = layout::MARKER.to_owned();
    let damaged = |reason: String| Error::Damaged { object: object.clone(), reason };
    // The format first: a newer marker may have a form of its own beyond it.
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|error| damaged(failure::cut(&error.to_string())))?;
    match value["format"].as_u64() {
        Some(found) if found > FORMAT => return Err(Error::Format { object, found: found.to_string() }),
        Some(_) => {}
        None => return Err(damaged("it names no format".to_owned())),
    }
    let marker: Marker = serde_json::from_value(value).map_err(|error| damaged(failure::cut(&error.to_string())))?;
    let id = marker.repository;
    // It stands in the first line of every object.
    if id.is_empty() || id.len() > 64 || !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(damaged("its repository id is not 1 to 64 letters and digits".to_owned()));
    }
    Ok(id)
}
