//! Making a repository, and changing who can open it and who may write it. Needs the root's signing key.

use crate::error::counting;
use crate::keys::{Identities, Keyring, Opened, Recipient};
use crate::layout::{self, Scope};
use crate::marker::{self, Marker};
use crate::seal::Place;
use crate::writers::{Writer, Writers};
use crate::{Error, PublicKey, Repository, Signer};
use object_store::path::Path;
use serde::Serialize;

/// What a new repository is made of.
#[derive(Debug)]
pub struct Founding<'a> {
    /// Signs what this makes. Its file must be safe on a disk before.
    pub root: &'a Signer,
    /// The scopes that get keys; [`Scope::Shared`] is always among them.
    pub scopes: Vec<Scope>,
    /// Who can open which scopes: those that do not name a scope open all.
    pub recipients: Vec<Grant>,
    /// Who may write.
    pub writers: Vec<Writer>,
}

/// A recipient, and what it may open.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Who.
    pub recipient: Recipient,
    /// Which scopes; `None` for all.
    pub scopes: Option<Vec<Scope>>,
}

impl Grant {
    /// Whether it opens this scope.
    pub fn opens(&self, scope: &Scope) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.contains(scope))
    }
}

/// A keyring, as far as everybody may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyringInfo {
    /// Whose keys it holds.
    pub scope: Scope,
    /// How often it has been changed, from 1.
    pub number: u64,
    /// The ids of its keys, oldest first: the last one seals.
    pub keys: Vec<String>,
    /// Who can open it.
    pub recipients: Vec<Recipient>,
}

impl Repository {
    /// Makes the directory of a repository in a directory, so that it can be probed; a bucket has to be there.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn prepare(&self) -> Result<(), Error> {
        self.shared.store.make()
    }

    /// Makes the store a repository, or makes one complete: the marker, a keyring for each scope that has none, a list of
    /// writers if there is none. What was made: nothing when all was there. May be repeated, also after a crash in the middle.
    ///
    /// # Errors
    /// [`Error::MarkerLost`] when there are a repository's objects and no marker: under a new one, nothing of them would open;
    /// [`Error::OtherRoot`] when it is a repository of another root already; [`Error::Settings`] for a recipient that is none;
    /// [`Error::NoBucket`], [`Error::Refused`], and as every request; [`Error::Format`] when a newer Lifeboat made it.
    pub async fn found(&self, founding: &Founding<'_>) -> Result<Vec<String>, Error> {
        founding.recipients.iter().try_for_each(|grant| grant.recipient.check())?;
        let root = founding.root.public();
        let fresh = Marker::fresh(root);
        self.check_root(&fresh)?;
        self.shared.store.make()?;
        let (there, is_new) = match marker::known(&self.shared.store).await {
            Err(Error::Uninitialised { .. }) => marker::create(&self.shared.store, &fresh).await?,
            other => (other?, false),
        };
        self.same_root(&there, root)?;
        let mut made = Vec::new();
        if is_new {
            made.push(layout::MARKER.to_owned());
        }
        made.extend(self.complete(founding).await?);
        Ok(made)
    }

    /// Makes the marker of a repository that has lost it, under the id that is known from elsewhere; `false` when it is there.
    /// Whether the id is the right one is told by a keyring, which the root has signed under it.
    ///
    /// # Errors
    /// [`Error::Settings`] when no keyring was signed under that id by that root, or the marker names another;
    /// [`Error::OtherRoot`], and as every request.
    pub async fn mark_anew(&self, root: &Signer, id: &str) -> Result<bool, Error> {
        let refused = |reason: String| Err(Error::Settings { what: "id", reason });
        if !marker::is_id(id) {
            return refused("it is not 1 to 64 letters and digits".to_owned());
        }
        let marker = Marker::with_id(id, root.public());
        self.check_root(&marker)?;
        match marker::known(&self.shared.store).await {
            Ok(there) if there.repository == id => return self.same_root(&there, marker.root).map(|()| false),
            Ok(there) => return refused(format!("{} is repository {}", self.store(), there.repository)),
            Err(Error::Uninitialised { .. } | Error::MarkerLost { .. }) => {}
            Err(other) => return Err(other),
        }
        if !marker::is_of(&self.shared.store, &marker).await? {
            return refused(format!("no keyring in {} was signed under it by the root {}", self.store(), marker.root));
        }
        let (there, is_new) = marker::create(&self.shared.store, &marker).await?;
        self.same_root(&there, marker.root)?;
        Ok(is_new)
    }

    /// Makes a repository complete: a keyring for each scope that has none, a list of writers if there is none. What was made.
    ///
    /// # Errors
    /// As [`Repository::found`]; [`Error::Uninitialised`] when there is no repository.
    pub async fn complete(&self, founding: &Founding<'_>) -> Result<Vec<String>, Error> {
        founding.recipients.iter().try_for_each(|grant| grant.recipient.check())?;
        self.same_root(self.marker().await?, founding.root.public())?;
        let mut made = Vec::new();
        let mut scopes = founding.scopes.clone();
        scopes.push(Scope::Shared);
        scopes.sort();
        scopes.dedup();
        for scope in &scopes {
            let keyrings = layout::keyrings(scope);
            if self.newest(&keyrings).await?.is_some() {
                self.shared.store.settle(&keyrings).await?;
            } else {
                let recipients = founding.recipients.iter().filter(|grant| grant.opens(scope));
                let recipients = recipients.map(|grant| grant.recipient.clone()).collect();
                let key = self.put_keyring(founding.root, scope, 1, &Opened::random(), recipients).await?;
                made.push(key.to_string());
            }
        }
        if self.newest(&layout::writer_lists()).await?.is_some() {
            self.shared.store.settle(&layout::writer_lists()).await?;
        } else {
            made.push(self.put_writers(founding.root, 1, founding.writers.clone()).await?.to_string());
        }
        self.forget_trust().await;
        Ok(made)
    }

    /// The keyring of a scope: whose it is and who can open it. Needs no identity.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Untrusted`], [`Error::Damaged`], and as every request.
    pub async fn keyring_info(&self, scope: &Scope) -> Result<KeyringInfo, Error> {
        let (_, keyring) = self.keyring(scope).await?;
        Ok(KeyringInfo {
            scope: scope.clone(),
            number: keyring.number,
            keys: keyring.keys,
            recipients: keyring.recipients,
        })
    }

    /// The scopes that an identity does not open: its text, and the passphrase that an ssh key may be encrypted with.
    ///
    /// # Errors
    /// [`Error::Settings`] for what is no identity, and as every request.
    pub async fn closed_to(&self, identity: &str, passphrase: Option<&str>) -> Result<Vec<Scope>, Error> {
        let mut alone = Identities::parse(Some(identity), passphrase)?;
        if !alone.is_ssh() {
            // It may be a recipient itself, and is not what is asked about.
            alone.passphrase = None;
        }
        let (id, mut closed) = (self.id().await?, Vec::new());
        for scope in self.scopes().await? {
            let opened = match self.keyring(&scope).await {
                Ok((key, keyring)) => keyring.open(key.as_ref(), id, &alone).map(drop),
                Err(error) => Err(error),
            };
            match opened {
                Ok(()) => {}
                Err(error) if error.is_unsound() => closed.push(scope),
                Err(Error::WrongKey { .. } | Error::NotFound { .. }) => closed.push(scope),
                Err(other) => return Err(other),
            }
        }
        Ok(closed)
    }

    /// The scopes that have keys, in order.
    ///
    /// # Errors
    /// As every request.
    pub async fn scopes(&self) -> Result<Vec<Scope>, Error> {
        self.id().await?;
        let mut scopes = Vec::new();
        let clusters = self.shared.store.folders(&layout::clusters()).await?;
        let clusters = clusters.iter().filter_map(layout::cluster_of).map(Scope::Cluster);
        for scope in clusters.chain([Scope::Shared]) {
            if self.newest(&layout::keyrings(&scope)).await?.is_some() {
                scopes.push(scope);
            }
        }
        scopes.sort();
        Ok(scopes)
    }

    /// Wraps a scope's keys for `recipients` and nobody else, with a new key that seals from now on if `rotate`. No data is
    /// written anew. Returns the new keyring's number.
    ///
    /// # Errors
    /// [`Error::Taken`] when somebody else changed it at the same time; [`Error::OtherRoot`]; [`Error::Settings`] for a
    /// recipient that is none; [`Error::Untrusted`] when something that the root did not sign stands above the newest: it may be
    /// a later keyring that was harmed, see [`Repository::remove_unsigned`]; as opening a keyring, and as every request.
    pub async fn rewrap(
        &self,
        root: &Signer,
        scope: &Scope,
        recipients: Vec<Recipient>,
        rotate: bool,
    ) -> Result<u64, Error> {
        self.same_root(self.marker().await?, root.public())?;
        recipients.iter().try_for_each(Recipient::check)?;
        let (key, keyring) = self.keyring(scope).await?;
        self.none_above(&layout::keyrings(scope), keyring.number).await?;
        let mut opened = keyring.open(key.as_ref(), self.id().await?, &self.shared.identities)?;
        if rotate {
            opened = opened.rotated();
        }
        let number = keyring.number + 1;
        self.put_keyring(root, scope, number, &opened, recipients).await?;
        self.forget_trust().await;
        // Only once the new one is known to be whole: what nobody can open is lost with all that it seals.
        let (_, there) = self.keyring(scope).await?;
        if there.number == number {
            self.remove_below(&layout::keyrings(scope), number).await?;
        }
        Ok(number)
    }

    /// Who may write, as the root has signed.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Untrusted`], [`Error::Damaged`], and as every request.
    pub async fn writers(&self) -> Result<Vec<Writer>, Error> {
        Ok(self.trusted().await?.writers.clone())
    }

    /// Replaces the list of who may write.
    ///
    /// # Errors
    /// [`Error::Taken`] when somebody else changed it at the same time; [`Error::OtherRoot`]; [`Error::Untrusted`] as for
    /// [`Repository::rewrap`], and as every request.
    pub async fn set_writers(&self, root: &Signer, writers: Vec<Writer>) -> Result<u64, Error> {
        self.same_root(self.marker().await?, root.public())?;
        self.forget_trust().await;
        let number = self.trusted().await?.number + 1;
        self.none_above(&layout::writer_lists(), number - 1).await?;
        self.put_writers(root, number, writers).await?;
        self.forget_trust().await;
        if self.trusted().await?.number == number {
            self.remove_below(&layout::writer_lists(), number).await?;
        }
        Ok(number)
    }

    /// Removes what stands above the newest keyrings and the newest list of writers, and was not signed by the root: because
    /// somebody knows that it was planted, and is no later one that was harmed. What was removed.
    ///
    /// # Errors
    /// [`Error::OtherRoot`], and as every request.
    pub async fn remove_unsigned(&self, root: &Signer) -> Result<Vec<String>, Error> {
        self.same_root(self.marker().await?, root.public())?;
        self.forget_trust().await;
        let mut above = Vec::new();
        for scope in self.scopes().await? {
            if let Some((_, keyring)) = counting(self.keyring(&scope).await)? {
                above.extend(self.unsigned_above(&layout::keyrings(&scope), keyring.number).await?);
            }
        }
        if let Some(list) = counting(self.trusted().await)? {
            above.extend(self.unsigned_above(&layout::writer_lists(), list.number).await?);
        }
        let mut removed = Vec::new();
        for (key, _) in above {
            self.shared.store.delete(&key).await?;
            removed.push(key.to_string());
        }
        Ok(removed)
    }

    async fn none_above(&self, stream: &Path, number: u64) -> Result<(), Error> {
        let unsigned = self.unsigned_above(stream, number).await?;
        unsigned.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
    }

    fn same_root(&self, marker: &Marker, root: PublicKey) -> Result<(), Error> {
        if marker.root == root {
            return Ok(());
        }
        Err(Error::OtherRoot {
            store: self.store().to_owned(),
            found: marker.root.to_string(),
            wanted: root.to_string(),
        })
    }

    async fn put_keyring(
        &self,
        root: &Signer,
        scope: &Scope,
        number: u64,
        opened: &Opened,
        recipients: Vec<Recipient>,
    ) -> Result<Path, Error> {
        let (id, identities) = (self.id().await?, &self.shared.identities);
        let keyring = Keyring::make(id, scope, number, opened, recipients, identities)?;
        self.put_signed(root, layout::keyring(scope, number)?, &keyring).await
    }

    async fn put_writers(&self, root: &Signer, number: u64, writers: Vec<Writer>) -> Result<Path, Error> {
        self.put_signed(root, layout::writer_list(number)?, &Writers::new(number, writers))
            .await
    }

    async fn put_signed(&self, root: &Signer, key: Path, body: &impl Serialize) -> Result<Path, Error> {
        let body = serde_json::to_vec_pretty(body);
        let body = body.map_err(|error| Error::Bug { object: key.to_string(), reason: error.to_string() })?;
        let place = Place { repository: self.id().await?.to_owned(), key: key.clone() };
        self.shared.store.create(&key, root.sign(&place, &body).into()).await?;
        Ok(key)
    }
}
