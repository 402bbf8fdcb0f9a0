//! What a repository's objects are opened and judged with: keyrings and the list of writers, read once and kept for a while.

use crate::keys::{Keyring, Keys};
use crate::layout::{self, Scope};
use crate::seal::{Header, Place};
use crate::writers::{Writer, Writers};
use crate::{Error, PublicKey, Repository, signed};
use bytes::Bytes;
use object_store::path::Path;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How old keys and lists may be before the store is asked for newer ones: a rotation reaches every writer within this time.
const FRESH: Duration = Duration::from_secs(60);

/// What was read, and when by [`ambient::uptime`].
struct Kept<T> {
    what: Arc<T>,
    read: Duration,
}

/// What is remembered.
#[derive(Default)]
pub(crate) struct Trust {
    keys: Mutex<HashMap<Scope, Kept<Keys>>>,
    writers: Mutex<Option<Kept<Writers>>>,
}

impl Repository {
    /// The keys of a scope.
    pub(crate) async fn keys(&self, scope: &Scope) -> Result<Arc<Keys>, Error> {
        self.keys_if(scope, |_any| true).await
    }

    /// The keys of a scope, read anew if they are not `good` or no longer fresh.
    async fn keys_if(&self, scope: &Scope, good: impl Fn(&Keys) -> bool) -> Result<Arc<Keys>, Error> {
        // Held while they are read: many objects that are opened at once then ask once.
        let mut kept = self.shared.trust.keys.lock().await;
        let now = ambient::uptime();
        let known = kept.get(scope).filter(|it| good(&it.what));
        let known = known.map(|it| (Arc::clone(&it.what), now.saturating_sub(it.read) < FRESH));
        if let Some((keys, true)) = &known {
            return Ok(Arc::clone(keys));
        }
        match (self.read_keys(scope).await, known) {
            (Ok(keys), _) => {
                let what = Arc::new(keys);
                kept.insert(scope.clone(), Kept { what: Arc::clone(&what), read: now });
                Ok(what)
            }
            // A store that does not answer now says nothing about the keys.
            (Err(Error::Unreachable { .. }), Some((keys, _))) => Ok(keys),
            (Err(error), _) => Err(error),
        }
    }

    async fn read_keys(&self, scope: &Scope) -> Result<Keys, Error> {
        let (key, keyring) = self.keyring(scope).await?;
        let id = self.id().await?;
        let opened = keyring.open(key.as_ref(), id, &self.shared.identities)?;
        let bug = || Error::Bug {
            object: key.to_string(),
            reason: "an opened keyring is empty".to_owned(),
        };
        Keys::new(opened).ok_or_else(bug)
    }

    /// The newest keyring of a scope, not opened.
    pub(crate) async fn keyring(&self, scope: &Scope) -> Result<(Path, Keyring), Error> {
        let keyrings = layout::keyrings(scope);
        let (key, number, body) = self.newest_of_root(&keyrings).await?;
        let keyring = Keyring::parse(key.as_ref(), &body, scope, number)?;
        Ok((key, keyring))
    }

    /// The list of trusted writers.
    pub(crate) async fn trusted(&self) -> Result<Arc<Writers>, Error> {
        let mut kept = self.shared.trust.writers.lock().await;
        let now = ambient::uptime();
        if let Some(it) = kept.as_ref().filter(|it| now.saturating_sub(it.read) < FRESH) {
            return Ok(Arc::clone(&it.what));
        }
        match (self.read_writers().await, kept.as_ref()) {
            (Ok(list), _) => {
                let what = Arc::new(list);
                *kept = Some(Kept { what: Arc::clone(&what), read: now });
                Ok(what)
            }
            (Err(Error::Unreachable { .. }), Some(it)) => Ok(Arc::clone(&it.what)),
            (Err(error), _) => Err(error),
        }
    }

    async fn read_writers(&self) -> Result<Writers, Error> {
        let (key, number, body) = self.newest_of_root(&layout::writer_lists()).await?;
        Writers::parse(key.as_ref(), &body, number)
    }

    /// The number of a scope's keyring, if it is another one than `known`: then its keys are read anew at their next use, sooner than
    /// within a minute. Asks the store once as long as nothing changed.
    ///
    /// # Errors
    /// As [`Repository::keyring_info`].
    pub async fn keyring_after(&self, scope: &Scope, known: u64) -> Result<Option<u64>, Error> {
        let newest = self.newest(&layout::keyrings(scope)).await?;
        if newest.is_none_or(|(_, number)| number == known) {
            return Ok(None);
        }
        // What stands above the one that counts may be planted.
        let (_, keyring) = self.keyring(scope).await?;
        if keyring.number == known {
            return Ok(None);
        }
        self.shared.trust.keys.lock().await.remove(scope);
        Ok(Some(keyring.number))
    }

    /// Forgets what was read: the next use asks the store.
    pub(crate) async fn forget_trust(&self) {
        self.shared.trust.keys.lock().await.clear();
        *self.shared.trust.writers.lock().await = None;
    }

    /// The object with the highest number below `stream` of those that the root has signed. What stands above it counts for
    /// nothing: whoever could put it there could as well have taken a newer one away, so passing it over gives nothing away.
    async fn newest_of_root(&self, stream: &Path) -> Result<(Path, u64, Vec<u8>), Error> {
        let root = self.marker().await?.root;
        let mut passed_over = None;
        for (key, number) in self.numbers(stream).await? {
            match self.read_of_root(root, &key).await {
                Ok(body) => return Ok((key, number, body)),
                // Replaced since it was listed.
                Err(Error::NotFound { .. }) => {}
                Err(error) if error.is_unsound() => drop(passed_over.get_or_insert(error)),
                Err(other) => return Err(other),
            }
        }
        Err(passed_over.unwrap_or_else(|| Error::NotFound {
            store: self.store().to_owned(),
            object: format!("{stream}/..."),
        }))
    }

    async fn read_of_root(&self, root: PublicKey, key: &Path) -> Result<Vec<u8>, Error> {
        let text = self.shared.store.get(key).await?;
        self.signed_by_root(root, key, &text).await
    }

    /// What stands above a number of a stream though the root did not sign it, and why that counts for nothing.
    pub(crate) async fn unsigned_above(&self, stream: &Path, number: u64) -> Result<Vec<(Path, Error)>, Error> {
        let root = self.marker().await?.root;
        let mut unsigned = Vec::new();
        for (key, _) in self.numbers(stream).await?.into_iter().filter(|(_, found)| *found > number) {
            match self.read_of_root(root, &key).await {
                Ok(_signed) => return Err(Error::Taken { object: key.to_string() }),
                Err(Error::NotFound { .. }) => {}
                Err(error) if error.is_unsound() => unsigned.push((key, error)),
                Err(other) => return Err(other),
            }
        }
        Ok(unsigned)
    }

    /// The body of what the root has signed for the object under `key`.
    pub(crate) async fn signed_by_root(&self, root: PublicKey, key: &Path, text: &[u8]) -> Result<Vec<u8>, Error> {
        let place = self.place(key).await?;
        let (signer, body) = signed::read(&place, text)?;
        if signer != root {
            let reason = format!("the root, {root}, did not sign it: {signer} did");
            return Err(Error::Untrusted { object: key.to_string(), reason });
        }
        Ok(body.to_vec())
    }

    /// Where an object stands.
    pub(crate) async fn place(&self, key: &Path) -> Result<Place, Error> {
        Ok(Place { repository: self.id().await?.to_owned(), key: key.clone() })
    }

    /// Seals a small object under an epoch; 0 where there is none.
    pub(crate) async fn sealed(&self, key: &Path, epoch: u64, content: &[u8]) -> Result<Bytes, Error> {
        let keys = self.keys(&scope_of(key)?).await?;
        keys.seal(&self.place(key).await?, epoch, content)
    }

    /// Reads and opens a small object: its epoch and its content.
    pub(crate) async fn opened(&self, key: &Path) -> Result<(u64, Vec<u8>), Error> {
        let sealed = self.shared.store.get(key).await?;
        self.open_sealed(key, &sealed).await
    }

    /// Opens a small object that was read from under `key`: its epoch and its content.
    pub(crate) async fn open_sealed(&self, key: &Path, sealed: &[u8]) -> Result<(u64, Vec<u8>), Error> {
        let place = self.place(key).await?;
        self.keys_for(key, sealed).await?.open(&place, sealed)
    }

    /// The keys for an object that begins with `bytes`: read anew if they lack the one that it was sealed with.
    pub(crate) async fn keys_for(&self, key: &Path, bytes: &[u8]) -> Result<Arc<Keys>, Error> {
        let scope = scope_of(key)?;
        match Header::parse(bytes) {
            Ok(header) => self.keys_if(&scope, |keys| keys.knows(&header.key)).await,
            Err(_) => self.keys(&scope).await,
        }
    }

    /// Signs a body as this writer, for the object under `key`.
    pub(crate) async fn sign(&self, key: &Path, body: &[u8]) -> Result<Vec<u8>, Error> {
        let signer = self.shared.signer.as_ref();
        let signer = signer.ok_or_else(|| Error::NoSigner { object: key.to_string() })?;
        Ok(signer.sign(&self.place(key).await?, body))
    }

    /// The body of what a trusted writer has signed, and that writer.
    pub(crate) async fn judged(&self, key: &Path, text: &[u8]) -> Result<(Writer, Vec<u8>), Error> {
        let place = self.place(key).await?;
        let (signer, body) = signed::read(&place, text)?;
        let list = self.trusted().await?;
        let writer = list.trusted(&signer, &scope_of(key)?).cloned();
        let writer = writer.ok_or_else(|| Error::Untrusted {
            object: key.to_string(),
            reason: format!("{signer} signed it, who is no trusted writer of it"),
        })?;
        Ok((writer, body.to_vec()))
    }
}

fn scope_of(key: &Path) -> Result<Scope, Error> {
    layout::scope_of(key).ok_or_else(|| Error::Bug {
        object: key.to_string(),
        reason: "it belongs to no scope".to_owned(),
    })
}
