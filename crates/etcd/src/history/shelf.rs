//! Where packs are kept: the few things that a history asks of a store. [`super::Directory`] is one, the repository another.

use super::name::Name;
use crate::FileError;
use std::{
    io::{self, Read},
    sync::Arc,
};

/// A place for packs. Its calls block: from async code, use `spawn_blocking`.
pub trait Shelf: Send + Sync {
    /// Stores an object that must not be there yet. When this returns `Ok`, it is durable, and was read back and found to be
    /// the same; a caller that is killed before leaves the whole object or nothing.
    ///
    /// # Errors
    /// The store refuses, or another object of this name is there.
    fn create(&self, name: &Name, body: &mut dyn Read) -> Result<Put, FileError>;

    /// The names of all objects, in order. What bears no such name is passed over.
    ///
    /// # Errors
    /// The store refuses.
    fn list(&self) -> Result<Vec<Name>, FileError>;

    /// Opens an object for reading.
    ///
    /// # Errors
    /// It is not there, or the store refuses.
    fn open(&self, name: &Name) -> Result<Arc<dyn Object>, FileError>;

    /// Removes an object; one that is not there is removed already.
    ///
    /// # Errors
    /// The store refuses.
    fn remove(&self, name: &Name) -> Result<(), FileError>;
}

/// What became of a stored object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was stored.
    Created,
    /// The very same was there.
    Existed,
}

/// An object that can be read at any place.
#[expect(clippy::len_without_is_empty, reason = "no object of a history is empty")]
pub trait Object: Send + Sync {
    /// Its size in bytes.
    fn len(&self) -> u64;

    /// Fills `into` from `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` beyond its end; `InvalidData` when the store itself knows that it is damaged; or what the store says.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;
}

/// Bytes in memory.
impl Object for bytes::Bytes {
    fn len(&self) -> u64 {
        (**self).len() as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(offset).ok();
        let part = from.and_then(|from| self.get(from..from.checked_add(into.len())?));
        part.map(|part| into.copy_from_slice(part))
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}
