//! The repository as a whole: opened, made, and what its other files share.

use crate::seal::Sealer;
use crate::store::Store;
use crate::{Error, Settings, marker};
use object_store::path::Path;
use std::fmt;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Where copies live. Cheap to clone; clones share connections.
///
/// Guarantees: what a call has reported as stored survives a crash, in a directory too. A small object is read or written
/// within 45 s, or its outcome is unknown (`limits.rs`); a call of many objects takes as long as they do. After
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
    pub(crate) sealer: Arc<Sealer>,
    id: OnceCell<String>,
}

impl Repository {
    /// Opens a repository, without asking the store anything yet.
    ///
    /// # Errors
    /// [`Error::Settings`] when they cannot be used.
    pub fn open(settings: Settings) -> Result<Self, Error> {
        let sealer = Sealer::new(&settings)?;
        Ok(Self::on(Store::new(settings.store)?, sealer))
    }

    pub(crate) fn on(store: Store, sealer: Sealer) -> Self {
        Self {
            shared: Arc::new(Shared { store, sealer: Arc::new(sealer), id: OnceCell::new() }),
        }
    }

    /// Makes the store a repository: a directory and its marker. `false` when it was one already.
    ///
    /// # Errors
    /// [`Error::NoBucket`], [`Error::Refused`], [`Error::Unreachable`]; [`Error::Format`] when a newer Lifeboat made it.
    pub async fn init(&self) -> Result<bool, Error> {
        self.shared.store.make()?;
        marker::create(&self.shared.store).await
    }

    /// The repository's id, which no other has. Asks the store once.
    ///
    /// # Errors
    /// [`Error::Uninitialised`] when the store is no repository, [`Error::Format`] when it is one of a newer Lifeboat's, and
    /// as every request.
    pub async fn id(&self) -> Result<&str, Error> {
        let id = self.shared.id.get_or_try_init(|| marker::read(&self.shared.store));
        id.await.map(String::as_str)
    }

    /// The store's URL or path, without credentials.
    pub fn store(&self) -> &str {
        &self.shared.store.name
    }

    /// Reads and opens a small object.
    pub(crate) async fn opened(&self, key: &Path) -> Result<Vec<u8>, Error> {
        let id = self.id().await?;
        let sealed = self.shared.store.get(key).await?;
        self.shared.sealer.open(id, key, &sealed)
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("store", &self.store())
            .finish_non_exhaustive()
    }
}
