//! What an object looks like: a header, and chunks sealed with AES-256-GCM under a key of the object's own.
//!
//! The form is in docs/repository-format.md, "Sealed objects". Repository, key name and epoch are associated data of every
//! chunk, so that an object that was moved, replayed under another name or given another epoch does not open. Start at
//! [`Keys`](crate::keys::Keys), which opens and seals; [`Chunks`] is the arithmetic below it.
//!
//! It works on readers and writers and blocks; whoever has much to seal does it on a thread for that.

mod chunks;
mod reader;
mod window;
mod writer;

pub(crate) use chunks::{CHUNK, Chunks, HEADER, Header, Lie, sealed_length};
pub(crate) use reader::SealReader;
pub(crate) use window::Window;
pub(crate) use writer::SealWriter;

use crate::keys::KeyId;
use object_store::path::Path;
use std::io;

/// Where an object stands, as it is sealed into it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The repository's id.
    pub(crate) repository: String,
    /// The object's key, without the prefix of a bucket.
    pub(crate) key: Path,
}

/// Why sealed bytes do not open.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unopened {
    /// It does not begin as sealed objects do.
    #[error("it was not sealed by Lifeboat")]
    Foreign,
    /// It was sealed by a later version.
    #[error("it has version {0}")]
    Version(u8),
    /// None of the scope's keys has the id in its header.
    #[error("it was sealed with key {0}, which is in no keyring here")]
    UnknownKey(KeyId),
    /// It ends before its last chunk does.
    #[error("it is cut off")]
    CutOff,
    /// A chunk does not open.
    #[error("its bytes were changed, it is cut off, or it belongs elsewhere")]
    Changed,
}

impl From<Unopened> for io::Error {
    fn from(error: Unopened) -> Self {
        Self::new(io::ErrorKind::InvalidData, error.to_string())
    }
}
