//! From a sealed object to a local file, whatever its size: pieces come from the store, a few at a time; a thread opens,
//! hashes and writes them.

use crate::keys::{Keys, unreadable};
use crate::partial::Partial;
use crate::seal::{HEADER, Place};
use crate::upload::{PIECE, PIECES, joined};
use crate::{Error, Repository, layout};
use bytes::{Buf, Bytes};
use estate::{Name, Part, Point};
use futures::StreamExt;
use object_store::path::Path as Key;
use sha2::{Digest, Sha256};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

impl Repository {
    /// Fetches a part into the file `into`, whose folder must exist. The file appears when its length and hash are those of
    /// the manifest and it is on the disk; what was there before is replaced. Readable by its owner only.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the manifest has no such part or is of another cluster; [`Error::Damaged`] when the object is
    /// not what the manifest says, or is gone; [`Error::NoIdentity`], [`Error::WrongKey`], [`Error::Misplaced`];
    /// [`Error::File`], and as every request. Whatever happens, `into` is never half written.
    pub async fn fetch(&self, cluster: &Name, point: &Point, part: &str, into: &Path) -> Result<(), Error> {
        let key = layout::part(cluster, &point.id, &layout::part_name(part)?);
        let wanted = point.part(part).filter(|_| point.cluster == *cluster).cloned();
        let wanted = wanted.ok_or_else(|| Error::Invalid {
            object: key.to_string(),
            reason: "the manifest does not name it".to_owned(),
        })?;
        let place = self.place(&key).await?;
        let size = match self.shared.store.size(&key).await {
            Err(Error::NotFound { object, .. }) => {
                let reason = "it is gone, though the manifest names it".to_owned();
                return Err(Error::Damaged { object, reason });
            }
            other => other?,
        };
        let (give, take) = mpsc::channel(1);
        let head = match size {
            0 => Bytes::new(),
            _ => self.shared.store.range(&key, 0..size.min(HEADER as u64)).await?,
        };
        let keys = self.keys_for(&key, &head).await?;
        let target = Target { place, wanted, into: into.to_owned() };
        let opening = tokio::task::spawn_blocking(move || target.open(&keys, Pieces::new(take)));
        let received = self.receive(&key, size, give).await;
        let opened = joined(&key, opening).await;
        // What failed on the way shows at its end as an object that is cut off: the cause first.
        received.and(opened)
    }

    /// Gives `give` the object piece by piece.
    pub(crate) async fn receive(&self, key: &Key, size: u64, give: mpsc::Sender<Bytes>) -> Result<(), Error> {
        let begins = (0..size).step_by(PIECE);
        let pieces = begins.map(|begin| self.shared.store.range(key, begin..size.min(begin + PIECE as u64)));
        let mut pieces = futures::stream::iter(pieces).buffered(PIECES);
        while let Some(piece) = pieces.next().await {
            if give.send(piece?).await.is_err() {
                // The thread has stopped, and says why itself.
                break;
            }
        }
        Ok(())
    }
}

/// What is to become what.
struct Target {
    place: Place,
    wanted: Part,
    into: PathBuf,
}

impl Target {
    fn open(&self, keys: &Keys, pieces: Pieces) -> Result<(), Error> {
        let damaged = |reason: String| Err(Error::Damaged { object: self.place.key.to_string(), reason });
        let (_, mut content) = keys.reader(&self.place, pieces)?;
        let mut file = Partial::begin(&self.into)?;
        let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 256 << 10]);
        loop {
            let read = content.read(&mut buffer).map_err(|error| unreadable(&self.place, &error))?;
            if read == 0 {
                break;
            }
            bytes += read as u64;
            if bytes > self.wanted.bytes {
                return damaged(format!("it has more bytes than the {} of its manifest", self.wanted.bytes));
            }
            hash.update(&buffer[..read]);
            file.write(&buffer[..read])?;
        }
        if bytes != self.wanted.bytes {
            return damaged(format!("it has {bytes} bytes, and its manifest says {}", self.wanted.bytes));
        }
        if format!("{:x}", hash.finalize()) != self.wanted.sha256 {
            return damaged("its hash is not that of its manifest".to_owned());
        }
        file.publish()
    }
}

/// A reader from a channel of pieces.
pub(crate) struct Pieces {
    take: mpsc::Receiver<Bytes>,
    piece: Bytes,
}

impl Pieces {
    pub(crate) fn new(take: mpsc::Receiver<Bytes>) -> Self {
        Self { take, piece: Bytes::new() }
    }
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.take.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let read = into.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut into[..read]);
        Ok(read)
    }
}
