//! What writers have seen: signed, numbered statements, so that a store that was set back contradicts somebody.
//!
//! Start at [`Repository::tell`] and [`Repository::told`]; whoever tells often goes by [`Repository::survey`]. The form is in
//! docs/repository-format.md, "Evidence".

mod survey;

pub use survey::Survey;

use crate::digest::sha256;
use crate::error::counting;
use crate::inventory::{InScope, Inventory};
use crate::seen::Seen;
use crate::{Error, Repository, Scope, failure, layout, numbers};
use estate::Name;
use jiff::Timestamp;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How many statements before the newest are kept.
pub(crate) const KEPT: u64 = 100;

/// How often a number is tried: a writer that runs twice competes with itself.
const TRIES: usize = 4;

/// What a writer has seen as the newest in a scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    format: u64,
    /// When, by the writer's clock.
    pub at: Timestamp,
    /// The number of the list of writers.
    pub writers: u64,
    /// The newest of the scope.
    pub seen: Seen,
}

/// A statement that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// Whose it is.
    pub writer: Name,
    /// Its number.
    pub number: u64,
    /// What it says.
    pub head: Head,
}

/// What all writers of a scope have said last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tellings {
    /// The newest statement of each writer that counts.
    pub told: Vec<Told>,
    /// Newer ones that do not count, by key, and why.
    pub refused: BTreeMap<String, String>,
}

impl Head {
    /// A statement.
    pub fn new(at: Timestamp, writers: u64, seen: Seen) -> Self {
        Self { format: 1, at, writers, seen }
    }
}

impl Repository {
    /// What is the newest in a scope now, as a statement: what [`Repository::tell`] is given. Only what opens is seen: whoever
    /// plants something newer is not believed, and not told of by others.
    ///
    /// # Errors
    /// [`Error::NoIdentity`], [`Error::WrongKey`], and as every request.
    pub async fn head(&self, scope: &Scope) -> Result<Head, Error> {
        self.id().await?;
        // What a writer that was killed has left is not to be vouched for before it is sure to stay.
        self.shared.store.settle_all().await?;
        let inventory = self.inventory(Some(&BTreeSet::from([scope.clone()]))).await?;
        let writers = counting(self.trusted().await)?.map_or(0, |list| list.number);
        let seen = match inventory.scopes.get(scope) {
            Some(found) => self.seen_in(scope, found).await?,
            None => Seen::default(),
        };
        Ok(Head::new(ambient::now(), writers, seen))
    }

    /// The newest of everything that opens.
    async fn seen_in(&self, scope: &Scope, found: &InScope) -> Result<Seen, Error> {
        let (mut hashes, mut sound, mut bad) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        if let Scope::Cluster(cluster) = scope {
            for (id, _) in found.points.iter().rev().filter(|(_, it)| it.manifest.is_some()) {
                let read = match self.shared.store.get(&layout::manifest(cluster, id)).await {
                    Ok(sealed) => self.manifest_of(cluster, id, &sealed).await.map(|_point| sha256(&sealed)),
                    Err(error) => Err(error),
                };
                if let Some(hash) = counting(read)? {
                    hashes.insert(id.clone(), hash);
                    break;
                }
            }
        }
        loop {
            let seen = found.seen(scope, &hashes, &bad);
            let unproven: Vec<Path> = seen.objects(scope).into_iter().filter(|key| !sound.contains(key)).collect();
            if unproven.is_empty() {
                return Ok(seen);
            }
            for key in unproven {
                let known = layout::known(&key);
                let read = match &known {
                    Some(known) => counting(self.opens(&key, known).await)?,
                    None => None,
                };
                match read {
                    Some(()) => drop(sound.insert(key)),
                    None => drop(bad.insert(key.to_string())),
                }
            }
        }
    }

    /// Says, signed, what this writer has seen; the statement's number. Statements that are long past are removed.
    ///
    /// # Errors
    /// [`Error::NoSigner`]; [`Error::Untrusted`] when this writer's signature does not count in the scope; [`Error::Taken`] when
    /// another process of the same writer is always faster; as opening, and as every request.
    pub async fn tell(&self, scope: &Scope, head: &Head) -> Result<u64, Error> {
        let writer = self.own_name(scope).await?;
        let stream = layout::evidence(scope, &writer);
        let mut taken = Error::Taken { object: stream.to_string() };
        for _ in 0..TRIES {
            let numbers = self.numbers(&stream).await?;
            let number = numbers::next(&numbers, self.newest_head(&numbers, &writer).await?);
            match self.put_head(&stream, number, head).await {
                Ok(()) => {
                    self.remove_below(&stream, (number + 1).saturating_sub(KEPT)).await?;
                    return Ok(number);
                }
                Err(error @ Error::Taken { .. }) => taken = error,
                Err(other) => return Err(other),
            }
        }
        Err(taken)
    }

    /// The newest statement of each trusted writer of a scope. One that does not count is named, and the one before it is taken.
    ///
    /// # Errors
    /// [`Error::NoIdentity`], [`Error::WrongKey`], and as every request.
    pub async fn told(&self, scope: &Scope) -> Result<Tellings, Error> {
        self.id().await?;
        let inventory = self.inventory(Some(&BTreeSet::from([scope.clone()]))).await?;
        self.told_in(scope, &inventory).await
    }

    async fn told_in(&self, scope: &Scope, inventory: &Inventory) -> Result<Tellings, Error> {
        let mut tellings = Tellings::default();
        let writers = inventory.scopes.get(scope).map(|it| &it.evidence);
        for (writer, stream) in writers.into_iter().flatten() {
            for &number in stream.keys().rev() {
                let key = layout::numbered(&layout::evidence(scope, writer), "evidence", number)?;
                let read = self.shared.store.get(&key).await;
                let read = match read {
                    Ok(sealed) => self.head_in(&key, writer, &sealed).await,
                    Err(error) => Err(error),
                };
                match read {
                    Ok(head) => {
                        let writer = writer.clone();
                        tellings.told.push(Told { writer, number, head });
                        break;
                    }
                    // Pruned meanwhile.
                    Err(Error::NotFound { .. }) => {}
                    Err(error) if error.is_unsound() => {
                        tellings.refused.insert(key.to_string(), error.to_string());
                    }
                    Err(other) => return Err(other),
                }
            }
        }
        Ok(tellings)
    }

    /// The number of the newest statement of a writer that counts.
    async fn newest_head(&self, numbers: &[(Path, u64)], writer: &Name) -> Result<Option<u64>, Error> {
        for (key, number) in numbers {
            let read = match self.shared.store.get(key).await {
                Ok(sealed) => self.head_in(key, writer, &sealed).await,
                Err(error) => Err(error),
            };
            if counting(read)?.is_some() {
                return Ok(Some(*number));
            }
        }
        Ok(None)
    }

    /// The statement that was read from under `key`, of this writer.
    pub(crate) async fn head_in(&self, key: &Path, writer: &Name, sealed: &[u8]) -> Result<Head, Error> {
        let (_, text) = self.open_sealed(key, sealed).await?;
        let (signer, body) = self.judged(key, &text).await?;
        if signer.name != *writer {
            let found = format!("evidence of {}", signer.name);
            return Err(Error::Misplaced { object: key.to_string(), found });
        }
        failure::json(key.as_ref(), &body)
    }

    /// The name under which this one's signature counts.
    pub(crate) async fn own_name(&self, scope: &Scope) -> Result<Name, Error> {
        let object = format!("what is signed in {scope}");
        let signer = self.shared.signer.as_ref().map(crate::Signer::public);
        let signer = signer.ok_or_else(|| Error::NoSigner { object: object.clone() })?;
        let list = self.trusted().await?;
        let writer = list.trusted(&signer, scope).map(|writer| writer.name.clone());
        writer.ok_or_else(|| Error::Untrusted {
            object,
            reason: format!("{signer} would sign it, who is no trusted writer of it"),
        })
    }

    async fn put_head(&self, stream: &Path, number: u64, head: &Head) -> Result<(), Error> {
        let key = layout::numbered(stream, "evidence", number)?;
        let body = serde_json::to_vec(head);
        let body = body.map_err(|error| Error::Bug { object: key.to_string(), reason: error.to_string() })?;
        let text = self.sign(&key, &body).await?;
        let sealed = self.sealed(&key, 0, &text).await?;
        self.shared.store.create(&key, sealed).await
    }
}
