//! A history in a repository: the shelf that the crate `etcd` asks for. Start at [`RepositoryShelf`].
//!
//! A shelf's calls block, and a repository's do not: each call is carried out by the runtime, and its outcome waited for. That is
//! why they may come from any thread but the runtime's own.

use super::failed::{Failed, unreadable};
use ::etcd::FileError;
use ::etcd::history::{Name, Object, Put, Shelf};
use bytes::{Buf, Bytes};
use estate::Name as Cluster;
use repository::lease::{Kept, Standing};
use repository::{Error, OpenedObject, Repository};
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tokio::runtime::Handle;

/// How much of a body is handed on at once.
const CHUNK_BYTES: usize = 256 << 10;

/// Chunks that may wait.
const CHUNKS: usize = 4;

/// The history of one cluster in a repository. Cheap to clone.
#[derive(Clone)]
pub struct RepositoryShelf {
    repository: Repository,
    cluster: Cluster,
    /// The epoch that what is stored bears, and whether it may be; under no lease it bears 0.
    lease: Option<(u64, Standing)>,
    runtime: Handle,
}

impl RepositoryShelf {
    /// The history of `cluster`, for reading. Asks the store nothing. Must be called within a tokio runtime, which carries its calls
    /// out as long as it lives.
    pub fn new(repository: &Repository, cluster: &Cluster) -> Self {
        Self {
            repository: repository.clone(),
            cluster: cluster.clone(),
            lease: None,
            runtime: Handle::current(),
        }
    }

    /// The same for writing under a lease: while that is not believed in, nothing is stored or removed.
    pub fn under(self, kept: &Kept) -> Self {
        Self { lease: Some((kept.epoch().0, kept.standing())), ..self }
    }

    /// Says whether the lease is believed in, if there is one: then nobody has taken it over.
    fn held(&self, failed: &Failed) -> Result<(), FileError> {
        match &self.lease {
            Some((_, standing)) if !standing.holds() => {
                Err(failed.io(io::Error::new(io::ErrorKind::TimedOut, "the lease was not renewed in time")))
            }
            _ => Ok(()),
        }
    }

    /// The whole of it, for errors.
    fn shown(&self) -> String {
        format!("the history of cluster {} in {}", self.cluster, self.repository.store())
    }

    /// What has gone wrong with an object.
    fn failed(&self, name: &Name, doing: &'static str) -> Failed {
        Failed { file: format!("{name} in {}", self.shown()), doing }
    }
}

/// Begins a call.
pub(super) fn begin<T: Send + 'static>(
    runtime: &Handle,
    call: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Receiver<Result<T, Error>> {
    let (tell, told) = sync_channel(1);
    runtime.spawn(async move {
        // Fails where nobody waits any more.
        let _ = tell.send(call.await);
    });
    told
}

/// Waits for the outcome of a call; none comes when the runtime ends before.
fn outcome<T>(told: &Receiver<Result<T, Error>>, failed: &Failed) -> Result<T, FileError> {
    match told.recv() {
        Ok(outcome) => outcome.map_err(|error| failed.by(error)),
        Err(_) => Err(failed.io(io::Error::new(io::ErrorKind::Interrupted, "Lifeboat ends"))),
    }
}

impl Shelf for RepositoryShelf {
    fn create(&self, name: &Name, body: &mut dyn Read) -> Result<Put, FileError> {
        let failed = self.failed(name, "stored");
        self.held(&failed)?;
        let (give, take) = sync_channel(CHUNKS);
        let arriving = Arriving { take, chunk: Bytes::new(), ended: false };
        let (shelf, key) = (self.clone(), name.to_string());
        let told = begin(&self.runtime, async move {
            let epoch = shelf.lease.as_ref().map_or(0, |(epoch, _)| *epoch);
            shelf.repository.put_history(&shelf.cluster, &key, epoch, arriving).await
        });
        let given = hand_over(body, &give);
        drop(give);
        let put = outcome(&told, &failed);
        // A body that fails is the cause of what fails then.
        given.map_err(|error| Failed { doing: "read", file: failed.file.clone() }.io(error))?;
        let put = put?;
        // Written and read back; what nobody else can have taken over before now counts.
        self.held(&failed)?;
        Ok(match put {
            repository::Put::Created => Put::Created,
            repository::Put::Existed => Put::Existed,
        })
    }

    fn list(&self) -> Result<Vec<Name>, FileError> {
        let shelf = self.clone();
        let told = begin(&self.runtime, async move { shelf.repository.list_history(&shelf.cluster).await });
        let listing = outcome(&told, &Failed { file: self.shown(), doing: "listed" })?;
        let mut names: Vec<Name> = listing.objects.iter().filter_map(|it| it.name.parse().ok()).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn open(&self, name: &Name) -> Result<Arc<dyn Object>, FileError> {
        let (shelf, key) = (self.clone(), name.to_string());
        let told = begin(&self.runtime, async move { shelf.repository.open_history(&shelf.cluster, &key).await });
        let opened = outcome(&told, &self.failed(name, "opened"))?;
        Ok(Arc::new(Stored { opened: Arc::new(opened), runtime: self.runtime.clone() }))
    }

    fn remove(&self, name: &Name) -> Result<(), FileError> {
        let failed = self.failed(name, "removed");
        self.held(&failed)?;
        let (shelf, key) = (self.clone(), name.to_string());
        let told = begin(&self.runtime, async move { shelf.repository.remove_history(&shelf.cluster, &key).await });
        outcome(&told, &failed)
    }
}

/// Hands a body over, chunk by chunk, and says when it has ended. Whoever takes it no longer says why itself.
fn hand_over(body: &mut dyn Read, give: &SyncSender<io::Result<Bytes>>) -> io::Result<()> {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        match (&mut *body).take(CHUNK_BYTES as u64).read_to_end(&mut chunk) {
            Ok(read) => {
                if give.send(Ok(chunk.into())).is_err() || read == 0 {
                    return Ok(());
                }
            }
            Err(error) => {
                let _ = give.send(Err(io::Error::new(error.kind(), error.to_string())));
                return Err(error);
            }
        }
    }
}

/// A body as it arrives. Its end is an empty chunk: who gives it may also break off, and half a body must not be taken for one.
struct Arriving {
    take: Receiver<io::Result<Bytes>>,
    chunk: Bytes,
    ended: bool,
}

impl Read for Arriving {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.chunk.is_empty() && !self.ended && !into.is_empty() {
            self.chunk = self.take.recv().map_err(|_| io::ErrorKind::BrokenPipe)??;
            self.ended = self.chunk.is_empty();
        }
        let read = into.len().min(self.chunk.len());
        self.chunk.copy_to_slice(&mut into[..read]);
        Ok(read)
    }
}

/// An object that is there.
struct Stored {
    opened: Arc<OpenedObject>,
    runtime: Handle,
}

impl Object for Stored {
    fn len(&self) -> u64 {
        self.opened.len()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let length = into.len();
        if offset.checked_add(length as u64).is_none_or(|end| end > self.len()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let opened = Arc::clone(&self.opened);
        let told = begin(&self.runtime, async move { opened.read_at(offset, length).await });
        let ended = |_| io::Error::new(io::ErrorKind::Interrupted, "Lifeboat ends");
        let bytes = told.recv().map_err(ended)?.map_err(unreadable)?;
        into.copy_from_slice(&bytes);
        Ok(())
    }
}
