//! The marker: the object that makes a store a repository, and names it.

use crate::layout::{self, FORMAT, Scope};
use crate::seal::Place;
use crate::store::Store;
use crate::{Error, PublicKey, failure, signed};
use bytes::Bytes;
use object_store::path::Path;
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

    /// The marker of a repository whose id is known from elsewhere.
    pub(crate) fn with_id(id: &str, root: PublicKey) -> Self {
        Self { repository: id.to_owned(), ..Self::fresh(root) }
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
        Err(Error::NotFound { store, .. }) => Err(Error::Uninitialised { store, known: false }),
        Err(other) => Err(other),
    }
}

/// Reads the marker of what may be a repository, and tells one that has lost it from a store in which there never was one.
pub(crate) async fn known(store: &Store) -> Result<Marker, Error> {
    match read(store).await {
        Err(error @ Error::Uninitialised { .. }) => match trace(store).await {
            // Whoever makes the repository this very moment makes its marker first.
            Ok(Some(object)) => match read(store).await {
                Err(Error::Uninitialised { store, .. }) => Err(Error::MarkerLost { store, object: object.to_string() }),
                other => other,
            },
            _ => Err(error),
        },
        other => other,
    }
}

/// An object that only a repository has.
pub(crate) async fn trace(store: &Store) -> Result<Option<Path>, Error> {
    match looked_for(store).await {
        // Some stores make a bucket when the first object comes: in none there is no object. Where it has to be there, creating says so.
        Err(Error::NoBucket { .. }) => Ok(None),
        other => other,
    }
}

async fn looked_for(store: &Store) -> Result<Option<Path>, Error> {
    if let Some(keyring) = keyrings(store).await?.into_iter().next() {
        return Ok(Some(keyring));
    }
    for place in [layout::writer_lists(), layout::clusters()] {
        let listed = store.list(&place).await?;
        if let Some(object) = listed.into_iter().find(|key| layout::known(key).is_some()) {
            return Ok(Some(object));
        }
    }
    Ok(None)
}

/// Whether a keyring in the store was signed under the id and by the root of this marker.
pub(crate) async fn is_of(store: &Store, marker: &Marker) -> Result<bool, Error> {
    for key in keyrings(store).await? {
        let text = match store.get(&key).await {
            Ok(text) => text,
            Err(Error::NotFound { .. } | Error::Damaged { .. }) => continue,
            Err(other) => return Err(other),
        };
        let place = Place { repository: marker.repository.clone(), key };
        if signed::read(&place, &text).is_ok_and(|(signer, _)| signer == marker.root) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn keyrings(store: &Store) -> Result<Vec<Path>, Error> {
    let clusters = store.folders(&layout::clusters()).await?;
    let clusters = clusters.iter().filter_map(layout::cluster_of).map(Scope::Cluster);
    let mut keyrings = Vec::new();
    for scope in [Scope::Shared].into_iter().chain(clusters) {
        let listed = store.list(&layout::keyrings(&scope)).await?;
        keyrings.extend(listed.into_iter().filter(|key| layout::known(key).is_some()));
    }
    Ok(keyrings)
}

/// Writes the marker, over another one if need be: in one step, so that nobody ever finds none.
pub(crate) async fn write(store: &Store, marker: &Marker) -> Result<(), Error> {
    store.put(&layout::marker(), bytes(marker)?).await
}

/// Makes the store a repository, unless it is one: the marker that is there, and whether it was made now.
pub(crate) async fn create(store: &Store, marker: &Marker) -> Result<(Marker, bool), Error> {
    match store.create(&layout::marker(), bytes(marker)?).await {
        Ok(()) => Ok((marker.clone(), true)),
        Err(Error::Taken { .. }) => Ok((read(store).await?, false)),
        Err(other) => Err(other),
    }
}

fn bytes(marker: &Marker) -> Result<Bytes, Error> {
    let object = layout::MARKER.to_owned();
    let bytes = serde_json::to_vec(marker).map_err(|error| Error::Bug { object, reason: error.to_string() })?;
    Ok(bytes.into())
}

/// Whether this can be a repository's id: it stands in what every object is bound to.
pub(crate) fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn parse(bytes: &Bytes) -> Result<Marker, Error> {
    let marker: Marker = failure::json(layout::MARKER, bytes)?;
    if !is_id(&marker.repository) {
        let reason = "its repository id is not 1 to 64 letters and digits".to_owned();
        return Err(Error::Damaged { object: layout::MARKER.to_owned(), reason });
    }
    Ok(marker)
}
