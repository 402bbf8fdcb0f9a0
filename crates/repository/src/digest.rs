//! What an object holds, without keeping it: opened to its last byte and hashed, whatever its size.

use crate::fetch::Pieces;
use crate::keys::{Keys, unreadable};
use crate::seal::{HEADER, Place};
use crate::store::Store;
use crate::upload::joined;
use crate::{Error, Repository};
use bytes::Bytes;
use futures::StreamExt;
use object_store::path::Path;
use sha2::{Digest, Sha256};
use std::io::Read;
use tokio::sync::mpsc;

/// Objects up to this length, in bytes, are opened where they are; larger ones on a thread, in pieces of this length.
const PIECE: u64 = 1 << 20;

/// Pieces under way at once.
const PIECES: usize = 3;

/// What was found in a sealed object.
#[derive(Debug)]
pub(crate) struct Content {
    /// Its length, in bytes.
    pub(crate) bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub(crate) sha256: String,
}

impl Content {
    /// Why it is not what a manifest says; `None` if it is.
    pub(crate) fn differs(&self, bytes: u64, sha256: &str) -> Option<String> {
        if self.bytes != bytes {
            return Some(format!("it has {} bytes, and its manifest says {bytes}", self.bytes));
        }
        (self.sha256 != sha256).then(|| "its hash is not that of its manifest".to_owned())
    }
}

/// The SHA-256 of bytes, in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

impl Repository {
    /// Opens the object of `size` bytes under `key` in `store`, which is this repository's or one of the same id, to its last
    /// byte.
    pub(crate) async fn content(&self, store: &Store, key: &Path, size: u64) -> Result<Content, Error> {
        if size <= PIECE {
            let sealed = store.get(key).await?;
            let (_, content) = self.open_sealed(key, &sealed).await?;
            return Ok(Content { bytes: content.len() as u64, sha256: sha256(&content) });
        }
        let place = self.place(key).await?;
        let head = store.range(key, 0..HEADER as u64).await?;
        let keys = self.keys_for(key, &head).await?;
        let (give, take) = mpsc::channel(1);
        let pieces = Pieces::new(take);
        let opening = tokio::task::spawn_blocking(move || opened(&keys, &place, pieces));
        let received = receive(store, key, size, give).await;
        let opened = joined(key, opening).await;
        received.and(opened)
    }
}

/// The SHA-256 of an object as it is stored, in hexadecimal digits.
pub(crate) async fn stored(store: &Store, key: &Path, size: u64) -> Result<String, Error> {
    let mut hash = Sha256::new();
    let mut pieces = futures::stream::iter(ranges(size))
        .map(|range| store.range(key, range))
        .buffered(PIECES);
    while let Some(piece) = pieces.next().await {
        hash.update(&piece?);
    }
    Ok(format!("{:x}", hash.finalize()))
}

fn ranges(size: u64) -> impl Iterator<Item = std::ops::Range<u64>> {
    let count = size.div_ceil(PIECE);
    (0..count).map(move |number| number * PIECE..size.min((number + 1) * PIECE))
}

async fn receive(store: &Store, key: &Path, size: u64, give: mpsc::Sender<Bytes>) -> Result<(), Error> {
    let mut pieces = futures::stream::iter(ranges(size))
        .map(|range| store.range(key, range))
        .buffered(PIECES);
    while let Some(piece) = pieces.next().await {
        if give.send(piece?).await.is_err() {
            // The thread has stopped, and says why itself.
            break;
        }
    }
    Ok(())
}

fn opened(keys: &Keys, place: &Place, pieces: Pieces) -> Result<Content, Error> {
    let (_, mut content) = keys.reader(place, pieces)?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 256 << 10]);
    loop {
        let read = content.read(&mut buffer).map_err(|error| unreadable(place, &error))?;
        if read == 0 {
            let sha256 = format!("{:x}", hash.finalize());
            return Ok(Content { bytes, sha256 });
        }
        bytes += read as u64;
        hash.update(&buffer[..read]);
    }
}
