//! The store as rustic wants it: calls that wait, from threads that are none of the runtime's.

use super::failed::carried;
use crate::repository::Shared;
use crate::upload::{PIECE, PIECES};
use crate::{Error, layout};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};
use object_store::WriteMultipart;
use object_store::path::Path;
use rustic_core::{BytesList, FileType, Id, ReadBackend, RusticResult, WriteBackend};
use sha2::{Digest, Sha256};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// The largest object that is read whole, in bytes: restic's packs have 128 MiB at most.
const LARGEST: u64 = 160 << 20;

/// How long a copy may take. A prune that runs meanwhile may mark what the copy builds on, and the prune after it removes that
/// when it has been marked for longer ([`super::prune::KEEP_MARKED`]).
const LONGEST: Duration = Duration::from_hours(6 * 24);

/// One piece of work's view of the store.
pub(super) struct Backend {
    shared: Arc<Shared>,
    /// Where the repository stands.
    pub(super) at: Path,
    runtime: Handle,
    begun: Instant,
    /// Nobody waits for the work any more.
    stopped: AtomicBool,
    /// Why nothing is written any more: rustic goes on after some errors, and a snapshot must not hide them.
    spoilt: Mutex<Option<Error>>,
    /// The keys that were written.
    keys: Mutex<Vec<Id>>,
}

impl Backend {
    pub(super) fn new(shared: Arc<Shared>, at: Path, runtime: Handle) -> Self {
        Self {
            shared,
            at,
            runtime,
            begun: ambient::monotonic(),
            stopped: AtomicBool::new(false),
            spoilt: Mutex::new(None),
            keys: Mutex::new(Vec::new()),
        }
    }

    /// The same, without a past.
    pub(super) fn anew(&self) -> Self {
        Self::new(self.shared.clone(), self.at.clone(), self.runtime.clone())
    }

    /// The keys that were written.
    pub(super) fn keys_written(&self) -> Vec<Id> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the work at its next request.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// From now on nothing is written.
    pub(super) fn spoil(&self, error: Error) {
        self.spoilt.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// Why nothing is written any more.
    pub(super) fn spoilt(&self) -> Option<Error> {
        if self.stopped.load(Ordering::Relaxed) {
            return Some(self.given_up());
        }
        self.spoilt.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The store's name.
    pub(super) fn store(&self) -> String {
        self.shared.store.name.clone()
    }

    /// The key of an object.
    pub(super) fn object(&self, kind: FileType, id: &Id) -> Path {
        match kind {
            FileType::Config => layout::in_files(&self.at, kind.dirname()),
            _ => layout::of_files(&self.at, kind.dirname(), &id.to_hex()),
        }
    }

    /// Whether a repository has been made.
    pub(super) fn made(&self) -> Result<bool, Error> {
        match self.wait(self.shared.store.size(&self.object(FileType::Config, &Id::default()))) {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Makes sure that the repository that was found stays.
    pub(super) fn settle(&self) -> Result<(), Error> {
        self.wait(self.shared.store.settle(&self.at))
    }

    /// Every object of a kind, with its length.
    pub(super) fn listed(&self, kind: FileType) -> Result<Vec<(Id, u64)>, Error> {
        let folder = layout::in_files(&self.at, kind.dirname());
        if matches!(kind, FileType::Config) {
            return match self.wait(self.shared.store.size(&folder)) {
                Ok(length) => Ok(vec![(Id::default(), length)]),
                Err(Error::NotFound { .. }) => Ok(Vec::new()),
                Err(other) => Err(other),
            };
        }
        let found = self.wait(self.shared.store.sizes(&folder))?;
        // What is left are unfinished objects of restic's own.
        let ours = |(key, length): (Path, u64)| {
            let id: Id = key.filename()?.parse().ok()?;
            (self.object(kind, &id) == key).then_some((id, length))
        };
        Ok(found.into_iter().filter_map(ours).collect())
    }

    /// The locks that restic holds.
    pub(super) fn locks(&self) -> Result<Vec<Path>, Error> {
        self.wait(self.shared.store.list(&layout::in_files(&self.at, "locks")))
    }

    /// Removes the object; it need not be there.
    pub(super) fn removed(&self, kind: FileType, id: &Id) -> Result<(), Error> {
        self.wait(self.shared.store.delete(&self.object(kind, id)))
    }

    /// A whole object. All but the configuration are called by their hash, so a changed one is known.
    pub(super) fn whole(&self, kind: FileType, id: &Id) -> Result<Bytes, Error> {
        let key = self.object(kind, id);
        let length = self.wait(self.shared.store.size(&key))?;
        if length > LARGEST {
            let reason = format!("it has {length} bytes, and {LARGEST} is the most that it can have");
            return Err(Error::Damaged { object: key.to_string(), reason });
        }
        let mut whole = BytesMut::with_capacity(usize::try_from(length).unwrap_or_default());
        self.each(&key, 0..length, |bytes| whole.extend_from_slice(bytes))?;
        if !matches!(kind, FileType::Config) && !is_named(id, Sha256::new_with_prefix(&whole)) {
            return Err(changed(&key));
        }
        Ok(whole.freeze())
    }

    /// Reads a whole object and compares its hash with its name, without holding it.
    pub(super) fn proven(&self, kind: FileType, id: &Id, length: u64) -> Result<(), Error> {
        let key = self.object(kind, id);
        let mut hash = Sha256::new();
        self.each(&key, 0..length, |bytes| hash.update(bytes))?;
        if is_named(id, hash) { Ok(()) } else { Err(changed(&key)) }
    }

    /// Reads a range in pieces: each must travel within a request's time.
    fn each(&self, key: &Path, range: Range<u64>, mut take: impl FnMut(&[u8])) -> Result<(), Error> {
        let starts = range.clone().step_by(PIECE);
        let pieces = starts.map(|start| start..range.end.min(start + PIECE as u64));
        let read = self.wait(async {
            let read = pieces.map(|piece| self.shared.store.range(key, piece));
            let mut read = futures::stream::iter(read).buffered(PIECES);
            while let Some(bytes) = read.try_next().await? {
                take(&bytes);
            }
            Ok(())
        });
        match read {
            // What is beyond the end is answered as if the store were at fault.
            Err(Error::Unreachable { .. } | Error::File { .. }) => match self.wait(self.shared.store.size(key)) {
                Ok(length) if length < range.end => Err(short(key, length, range.end)),
                _ => read,
            },
            _ => read,
        }
    }

    fn write(&self, kind: FileType, id: &Id, pieces: Vec<Bytes>) -> Result<(), Error> {
        if let Some(error) = self.spoilt() {
            return Err(error);
        }
        let key = self.object(kind, id);
        if matches!(kind, FileType::Snapshot) && self.begun.elapsed() > LONGEST {
            let reason = "the copy took longer than six days: what it builds on may be gone".to_owned();
            return Err(Error::Invalid { object: key.to_string(), reason });
        }
        if matches!(kind, FileType::Snapshot) {
            // It builds on packs that others have named.
            let indexes = layout::in_files(&self.at, FileType::Index.dirname());
            self.wait(self.shared.store.settle(&indexes))?;
        }
        if matches!(kind, FileType::Key) {
            self.keys.lock().unwrap_or_else(PoisonError::into_inner).push(*id);
        }
        let store = &self.shared.store;
        let length: usize = pieces.iter().map(Bytes::len).sum();
        self.wait(async {
            if length > PIECE {
                self.upload(&key, pieces).await?;
            } else if matches!(kind, FileType::Config) {
                // Two that make a repository at once must not both believe that it is theirs.
                return store.create(&key, pieces.concat().into()).await;
            } else {
                store.put(&key, pieces.concat().into()).await?;
            }
            let stored = store.size(&key).await?;
            if stored != length as u64 {
                let reason = format!("{length} bytes were sent, and the store has {stored}");
                return Err(Error::Damaged { object: key.to_string(), reason });
            }
            Ok(())
        })
    }

    async fn upload(&self, key: &Path, pieces: Vec<Bytes>) -> Result<(), Error> {
        let store = &self.shared.store;
        let mut upload = WriteMultipart::new_with_chunk_size(store.multipart(key).await?, PIECE);
        for piece in pieces {
            if let Err(error) = upload.wait_for_capacity(PIECES).await {
                let _leftover = upload.abort().await;
                return Err(store.failed(key, &error));
            }
            upload.put(piece);
        }
        upload.finish().await.map(drop).map_err(|error| store.failed(key, &error))
    }

    fn wait<T>(&self, request: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(self.given_up());
        }
        self.runtime.block_on(request)
    }

    fn given_up(&self) -> Error {
        Error::Unreachable {
            store: self.shared.store.name.clone(),
            object: self.at.to_string(),
            reason: "nobody waits for it any more".to_owned(),
        }
    }
}

/// An object that ends too early.
pub(super) fn short(key: &Path, length: u64, wanted: u64) -> Error {
    let reason = format!("it has {length} of {wanted} bytes");
    Error::Damaged { object: key.to_string(), reason }
}

fn changed(key: &Path) -> Error {
    let reason = "its bytes are not those that its name is the hash of".to_owned();
    Error::Damaged { object: key.to_string(), reason }
}

/// Whether a hash is what the object is called by.
fn is_named(id: &Id, hash: Sha256) -> bool {
    format!("{:x}", hash.finalize()) == *id.to_hex()
}

impl ReadBackend for Backend {
    fn location(&self) -> String {
        format!("{}/{}", self.shared.store.name, self.at)
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        let found = self.listed(kind).map_err(carried)?;
        let short = |(id, length)| (id, u32::try_from(length).unwrap_or(u32::MAX));
        Ok(found.into_iter().map(short).collect())
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        self.whole(kind, id).map_err(carried)
    }

    fn read_partial(&self, kind: FileType, id: &Id, _cacheable: bool, offset: u32, length: u32) -> RusticResult<Bytes> {
        let mut bytes = BytesMut::with_capacity(length as usize);
        let range = u64::from(offset)..u64::from(offset) + u64::from(length);
        let read = self.each(&self.object(kind, id), range, |piece| bytes.extend_from_slice(piece));
        read.map_err(carried)?;
        Ok(bytes.freeze())
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        self.object(kind, id).to_string()
    }
}

impl WriteBackend for Backend {
    fn write_bytes(&self, kind: FileType, id: &Id, _cacheable: bool, content: BytesList) -> RusticResult<()> {
        self.write(kind, id, content.into_vec()).map_err(|error| {
            self.spoil(error.clone());
            carried(error)
        })
    }

    fn remove(&self, kind: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        self.removed(kind, id).map_err(carried)
    }
}
