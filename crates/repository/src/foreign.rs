//! What others have stored: a bucket or a directory that is no repository, and is only ever read.
//!
//! Start at [`Foreign::open`]. Its clients, limits and errors are those of a repository's store; nothing in here can write.

use crate::partial::Partial;
use crate::store::{Listed, Store};
use crate::upload::{PIECE, PIECES};
use crate::{Error, StoreSettings, limits};
use bytes::Bytes;
use futures::StreamExt;
use jiff::Timestamp;
use object_store::Attribute;
use object_store::path::Path as Key;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Objects that a list may have: far more than anybody keeps of snapshots. Whoever names a bucket with more of them has named
/// the wrong folder.
pub const MOST_OBJECTS: usize = 100_000;

/// A place that others write to. Cheap to clone.
#[derive(Clone)]
pub struct Foreign {
    pub(crate) store: Arc<Store>,
}

/// An object as a list has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its key, from where the place begins.
    pub key: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// When it was written, by the store's clock.
    pub written: Timestamp,
}

/// An object, and what was noted with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The object.
    pub object: Object,
    /// What whoever wrote it noted in the store: names in lower case, without the store's own beginning, as in `k3s-node-name`.
    pub notes: BTreeMap<String, String>,
    /// What the store calls this version of it; another one when it is replaced.
    version: Option<String>,
}

impl std::fmt::Debug for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Foreign").field(&self.store.name).finish()
    }
}

impl Foreign {
    /// The place with these settings. Asks nothing yet.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub fn open(settings: StoreSettings) -> Result<Self, Error> {
        Ok(Self { store: Store::new(settings)?.into() })
    }

    /// Its URL or path, without credentials.
    pub fn place(&self) -> &str {
        &self.store.name
    }

    /// All objects whose keys begin with the folders `prefix` (empty: all), in the order of their keys.
    ///
    /// # Errors
    /// [`Error::NoBucket`], [`Error::Refused`] without the right to list, [`Error::Unreachable`]; [`Error::Invalid`] for more
    /// than [`MOST_OBJECTS`], or a prefix that is no folder.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Object>, Error> {
        let (mut all, mut more) = (Vec::new(), false);
        let each = |listed: Listed| {
            if all.len() < MOST_OBJECTS {
                all.push(object(listed));
            } else {
                more = true;
            }
        };
        match self.store.for_each(&key(prefix)?, each).await {
            Ok(()) => {}
            // A bucket that is not there may be told of as of an object.
            Err(Error::NotFound { store, .. }) => return Err(Error::NoBucket { store }),
            Err(other) => return Err(other),
        }
        if more {
            let reason = format!("there are more than {MOST_OBJECTS} objects: name a folder");
            return Err(Error::Invalid { object: self.place().to_owned(), reason });
        }
        all.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(all)
    }

    /// The object, and what is noted with it.
    ///
    /// # Errors
    /// [`Error::NotFound`], and as [`Foreign::list`].
    pub async fn head(&self, key_of: &str) -> Result<Noted, Error> {
        let key = key(key_of)?;
        let asked = || {
            let (store, key) = (Arc::clone(&self.store), key.clone());
            async move { store.noted(&key).await }
        };
        let (meta, attributes) = again(asked).await?;
        let notes = attributes.iter().filter_map(|(name, value)| match name {
            Attribute::Metadata(name) => Some((name.to_ascii_lowercase(), value.as_ref().to_owned())),
            _ => None,
        });
        Ok(Noted {
            notes: notes.collect(),
            version: meta.e_tag.clone(),
            object: object(crate::store::listed(meta)),
        })
    }

    /// A small object's bytes: 16 MiB at most.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Damaged`] for one that is larger; and as [`Foreign::list`].
    pub async fn read(&self, key_of: &str) -> Result<Bytes, Error> {
        let key = key(key_of)?;
        let asked = || {
            let (store, key) = (Arc::clone(&self.store), key.clone());
            async move { store.get(&key).await }
        };
        again(asked).await
    }

    /// Fetches the object into the file `into`, whose folder must exist; the file appears when it is whole and on the disk,
    /// readable by its owner only. `on_progress` is told how many bytes are there. A piece that the store does not give is
    /// asked for again, so what has arrived need not come twice.
    ///
    /// # Errors
    /// [`Error::Taken`] when the object is replaced meanwhile; [`Error::NotFound`]; [`Error::File`]; and as [`Foreign::list`].
    pub async fn fetch(&self, key_of: &str, into: &Path, on_progress: &(dyn Fn(u64) + Sync)) -> Result<Noted, Error> {
        let noted = self.head(key_of).await?;
        let (key, size) = (key(key_of)?, noted.object.bytes);
        let mut file = Partial::begin(into)?;
        let (begins, version) = ((0..size).step_by(PIECE), noted.version.clone());
        let pieces = begins.map(|begin| {
            let range = begin..size.min(begin + PIECE as u64);
            piece(Arc::clone(&self.store), key.clone(), range, version.clone())
        });
        let mut pieces = futures::stream::iter(pieces).buffered(PIECES);
        let mut there = 0;
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            file.write(&piece)?;
            there += piece.len() as u64;
            on_progress(there);
        }
        file.publish()?;
        Ok(noted)
    }
}

/// What comes of `range`; owns all that it needs, so that it can be sent to another thread.
async fn piece(store: Arc<Store>, key: Key, range: Range<u64>, version: Option<String>) -> Result<Bytes, Error> {
    let asked = || {
        let (store, key, range, version) = (Arc::clone(&store), key.clone(), range.clone(), version.clone());
        async move { store.range_of(&key, range, version.as_deref()).await }
    };
    again(asked).await
}

/// What `ask` answers, asked again while the store does not answer: only what reads can be.
async fn again<T, F: Future<Output = Result<T, Error>>>(ask: impl Fn() -> F) -> Result<T, Error> {
    for number in 1..limits::READS {
        match ask().await {
            Err(Error::Unreachable { .. }) => ambient::sleep(limits::pause(number)).await,
            other => return other,
        }
    }
    ask().await
}

fn object(listed: Listed) -> Object {
    Object {
        key: listed.key.to_string(),
        bytes: listed.bytes,
        written: listed.written,
    }
}

fn key(text: &str) -> Result<Key, Error> {
    Key::parse(text.trim_matches('/')).map_err(|_bad| Error::Invalid {
        object: text.to_owned(),
        reason: "it is not a sequence of names with '/' between".to_owned(),
    })
}
