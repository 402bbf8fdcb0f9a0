//! From a local file, or whatever else can be read, to a sealed object of any size: a thread reads, hashes and seals; pieces go
//! to the store as they come, a few at a time.

use crate::keys::Keys;
use crate::seal::Place;
use crate::store::Store;
use crate::{Error, failure};
use bytes::Bytes;
use jiff::Timestamp;
use object_store::WriteMultipart;
use object_store::path::Path;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Bytes in a piece: the least that S3 takes, so that a slow line carries one within a request's time. 10,000 of them is the
/// most that S3 takes, so objects end at 48 GiB.
pub(crate) const PIECE: usize = 5 << 20;

/// Pieces under way at once.
pub(crate) const PIECES: usize = 3;

/// What went through.
pub(crate) struct Sent {
    /// The content's length.
    pub(crate) bytes: u64,
    /// The content's SHA-256, in hexadecimal digits.
    pub(crate) sha256: String,
    /// The sealed object's length.
    sealed: u64,
}

/// What was sent, and when the store has it.
pub(crate) struct Stored {
    pub(crate) sent: Sent,
    /// When it was begun or completed, by the store's clock.
    pub(crate) written: Timestamp,
}

/// What is sent where.
pub(crate) struct Source {
    pub(crate) place: Place,
    pub(crate) epoch: u64,
    pub(crate) content: Content,
}

/// Where the content comes from.
pub(crate) enum Content {
    /// A local file.
    File(PathBuf),
    /// What the caller gives.
    Body(Box<dyn Read + Send>),
}

/// Seals the content into the object. On success the store has it, in the length that was sent.
pub(crate) async fn send(store: &Store, keys: Arc<Keys>, source: Source) -> Result<Stored, Error> {
    let key = source.place.key.clone();
    let (give, take) = mpsc::channel(1);
    let sealing = tokio::task::spawn_blocking(move || seal(&keys, source, Pieces { give, piece: Vec::new() }));
    let sent = transfer(store, &key, take, sealing).await?;
    let stored = store.look(&key).await?;
    if stored.bytes != sent.sealed {
        let reason = format!("{} bytes were sent, and the store has {}", sent.sealed, stored.bytes);
        return Err(Error::Damaged { object: key.to_string(), reason });
    }
    Ok(Stored { sent, written: stored.written })
}

/// An object that could not be sealed to its end must not appear: it is completed only after the thread has said that all
/// went well.
async fn transfer(
    store: &Store,
    key: &Path,
    mut pieces: mpsc::Receiver<Bytes>,
    sealing: JoinHandle<Result<Sent, Error>>,
) -> Result<Sent, Error> {
    let first = pieces.recv().await.unwrap_or_default();
    let Some(second) = pieces.recv().await else {
        let sent = joined(key, sealing).await?;
        store.put(key, first).await?;
        return Ok(sent);
    };
    let mut upload = WriteMultipart::new_with_chunk_size(store.multipart(key).await?, PIECE);
    upload.put(first);
    let mut next = Some(second);
    while let Some(piece) = next {
        if let Err(error) = upload.wait_for_capacity(PIECES).await {
            let _leftover = upload.abort().await;
            return Err(store.failed(key, &error));
        }
        upload.put(piece);
        next = pieces.recv().await;
    }
    match joined(key, sealing).await {
        Ok(sent) => upload
            .finish()
            .await
            .map(|_done| sent)
            .map_err(|error| store.failed(key, &error)),
        Err(error) => {
            let _leftover = upload.abort().await;
            Err(error)
        }
    }
}

/// What a thread returned.
pub(crate) async fn joined<T>(key: &Path, thread: JoinHandle<Result<T, Error>>) -> Result<T, Error> {
    thread
        .await
        .unwrap_or_else(|error| Err(Error::Bug { object: key.to_string(), reason: error.to_string() }))
}

fn seal(keys: &Keys, source: Source, pieces: Pieces) -> Result<Sent, Error> {
    let Source { place, epoch, content } = source;
    let (mut from, path): (Box<dyn Read>, _) = match content {
        Content::File(path) => {
            let file = File::open(&path).map_err(|error| failure::of_file(&path, &error))?;
            (Box::new(file), Some(path))
        }
        Content::Body(body) => (body, None),
    };
    let of_content = |error: io::Error| match &path {
        Some(path) => failure::of_file(path, &error),
        None => failure::of_body(&place.key, &error),
    };
    // Of a writer: either nobody takes the pieces any more, and then this error is not heard, or the sealing itself failed.
    let of_sealing = |error: io::Error| Error::Bug { object: place.key.to_string(), reason: error.to_string() };
    let mut counted = Counted { out: pieces, bytes: 0 };
    let mut sealed = keys.writer(&place, epoch, &mut counted).map_err(of_sealing)?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 256 << 10]);
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(of_content(error)),
        };
        hash.update(&buffer[..read]);
        bytes += read as u64;
        sealed.write_all(&buffer[..read]).map_err(of_sealing)?;
    }
    sealed.finish().map_err(of_sealing)?;
    counted.out.flush().map_err(of_sealing)?;
    Ok(Sent {
        bytes,
        sha256: format!("{:x}", hash.finalize()),
        sealed: counted.bytes,
    })
}

struct Counted<W> {
    out: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        let written = self.out.write(from)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A writer into a channel of pieces, all of them [`PIECE`] long but the last.
struct Pieces {
    give: mpsc::Sender<Bytes>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        if self.piece.len() == PIECE {
            self.flush()?;
        }
        let taken = from.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&from[..taken]);
        Ok(taken)
    }

    /// To be called at the end only, since it cuts a piece.
    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::take(&mut self.piece);
        self.give
            .blocking_send(piece.into())
            .map_err(|_gone| io::ErrorKind::BrokenPipe.into())
    }
}
