//! The marker: the object that makes a store a repository, and names it.

use crate::layout::{self, FORMAT};
use crate::store::Store;
use crate::{Error, PublicKey, failure};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Letters of a repository's id.
const ID_LENGTH: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    format: u64,
    /// The id.
    pub(crate) repository: String,
    /// Who signs keyrings and the list of writers.
    pub(crate) root: PublicKey,
    /// Set in a copy: an id of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) copy: Option<String>,
}

impl Marker {
    /// The marker of a new repository.
    pub(crate) fn fresh(root: PublicKey) -> Self {
        Self {
            format: FORMAT,
            repository: ambient::random_id(ID_LENGTH),
            root,
            copy: None,
        }
    }

    /// The marker of a copy of this repository.
    pub(crate) fn of_copy(&self) -> Self {
        Self { copy: Some(ambient::random_id(ID_LENGTH)), ..self.clone() }
    }

    /// The marker of the repository that this one is a copy of.
    pub(crate) fn of_original(&self) -> Self {
        Self { copy: None, ..self.clone() }
    }
}

/// Reads the marker.
pub(crate) async fn read(store: &Store) -> Result<Marker, Error> {
    match store.get(&layout::marker()).await {
        Ok(bytes) => parse(&bytes),
        Err(Error::NotFound { store, .. }) => Err(Error::Uninitialised { store }),
        Err(other) => Err(other),
    }
}

/// Makes the store a repository, unless it is one: the marker that is there, and whether it was made now.
pub(crate) async fn create(store: &Store, marker: &Marker) -> Result<(Marker, bool), Error> {
    let object = layout::MARKER.to_owned();
    let bytes = serde_json::to_vec(marker).map_err(|error| Error::Bug { object, reason: error.to_string() })?;
    match store.create(&layout::marker(), bytes.into()).await {
        Ok(()) => Ok((marker.clone(), true)),
        Err(Error::Taken { .. }) => Ok((read(store).await?, false)),
        Err(other) => Err(other),
    }
}

fn parse(bytes: &Bytes) -> Result<Marker, Error> {
    let marker: Marker = failure::json(layout::MARKER, bytes)?;
    let id = &marker.repository;
    // It stands in what every object is bound to.
    if id.is_empty() || id.len() > 64 || !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        let reason = "its repository id is not 1 to 64 letters and digits".to_owned();
        return Err(Error::Damaged { object: layout::MARKER.to_owned(), reason });
    }
    Ok(marker)
}
