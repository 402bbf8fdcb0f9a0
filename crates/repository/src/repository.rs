//! The repository as a whole: opened, made, and what its other files share.

use crate::keys::Identities;
use crate::marker::Marker;
use crate::store::Store;
use crate::trust::Trust;
use crate::{Error, PublicKey, Settings, Signer, marker};
use std::fmt;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Where copies live. Cheap to clone; clones share connections and keys.
///
/// Guarantees: what a call has reported as stored survives a crash, in a directory too, and what it has reported as removed stays
/// removed. A small object is read or written within 45 s, or its outcome is unknown (`limits.rs`); a call of many objects takes as long as they do. After
/// [`Error::Unreachable`] and [`Error::File`] it is unknown whether a change was made; after all other errors it was not. Futures may be dropped: what is then left half done counts
/// for nothing.
///
/// Assumptions: a tokio runtime; a store that passes [`Repository::probe`].
#[derive(Clone)]
pub struct Repository {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) identities: Identities,
    pub(crate) signer: Option<Signer>,
    /// The root key as somebody outside the store knows it.
    root: Option<PublicKey>,
    marker: OnceCell<Marker>,
    pub(crate) trust: Trust,
}

impl Repository {
    /// Opens a repository, without asking the store anything yet.
    ///
    /// # Errors
    /// [`Error::Settings`] when they cannot be used.
    pub fn open(settings: Settings) -> Result<Self, Error> {
        let store = Store::new(settings.store.clone())?;
        Self::on(store, &settings)
    }

    /// A repository on a store of any kind; the store of the settings is not looked at.
    pub(crate) fn on(store: Store, settings: &Settings) -> Result<Self, Error> {
        let mut identities = Identities::parse(settings.identity.as_deref(), settings.passphrase.as_deref())?;
        identities.missing.clone_from(&settings.identity_missing);
        let signer = settings
            .signer
            .as_deref()
            .map(|text| Signer::parse("signer", text))
            .transpose()?;
        let root = settings.root.as_deref().map(str::parse).transpose();
        let root = root.map_err(|error: crate::signed::InvalidPublicKey| Error::Settings {
            what: "root",
            reason: error.to_string(),
        })?;
        let shared = Shared {
            store,
            identities,
            signer,
            root,
            marker: OnceCell::new(),
            trust: Trust::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The repository's id, which no other has but its copies. Asks the store once.
    ///
    /// # Errors
    /// [`Error::Uninitialised`] when the store is no repository, [`Error::MarkerLost`] when it was one, [`Error::Format`] when it is one of a newer Lifeboat's,
    /// [`Error::OtherRoot`] when it is not the one of the settings, and as every request.
    pub async fn id(&self) -> Result<&str, Error> {
        Ok(&self.marker().await?.repository)
    }

    /// Who signs the repository's keyrings and writers, as its marker says; the settings' own word is kept to.
    ///
    /// # Errors
    /// As [`Repository::id`].
    pub async fn root(&self) -> Result<PublicKey, Error> {
        Ok(self.marker().await?.root)
    }

    /// Whether the root key is known from elsewhere than the store itself.
    pub fn is_pinned(&self) -> bool {
        self.shared.root.is_some()
    }

    /// Whether this is a copy of a repository: it carries no leases.
    ///
    /// # Errors
    /// As [`Repository::id`].
    pub async fn is_copy(&self) -> Result<bool, Error> {
        Ok(self.marker().await?.copy.is_some())
    }

    pub(crate) async fn marker(&self) -> Result<&Marker, Error> {
        let read = || async {
            let marker = marker::known(&self.shared.store).await.map_err(|error| self.knows(error))?;
            self.check_root(&marker)?;
            Ok(marker)
        };
        self.shared.marker.get_or_try_init(read).await
    }

    /// Says of a repository that is not there whether there should be one.
    pub(crate) fn knows(&self, error: Error) -> Error {
        match error {
            Error::Uninitialised { store, .. } => Error::Uninitialised { store, known: self.is_pinned() },
            other => other,
        }
    }

    /// Refuses a marker that names another root than is known from elsewhere.
    pub(crate) fn check_root(&self, marker: &Marker) -> Result<(), Error> {
        match self.shared.root {
            Some(wanted) if wanted != marker.root => Err(Error::OtherRoot {
                store: self.store().to_owned(),
                found: marker.root.to_string(),
                wanted: wanted.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// Whether keyrings say that the root of the settings has made what this marker, which names another, stands in.
    pub(crate) async fn was_of_root(&self, marker: &Marker) -> Result<bool, Error> {
        match self.shared.root {
            Some(root) => marker::is_of(&self.shared.store, &Marker::with_id(&marker.repository, root)).await,
            None => Ok(false),
        }
    }

    /// The store's URL or path, without credentials.
    pub fn store(&self) -> &str {
        &self.shared.store.name
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("store", &self.store())
            .finish_non_exhaustive()
    }
}
