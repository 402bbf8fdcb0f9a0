//! Takes a base: the whole state of a member, by stream or by pin and read, walked, checked and packed into a local file.
//!
//! Start at [`take`]. The local file has no name, so that nothing is left of it however the process ends.

use super::cutter::Arrival;
use super::decide::Why;
use super::note::{Note, Tell, Way};
use super::pin::pin;
use super::spool::Spool;
use crate::bbolt::Pages;
use crate::database::Database;
use crate::history::{self, Began, Dictionary, Object, Pack, Source, Written, take_base};
use crate::{Client, Error, FileError, Status};
use std::fs::File;
use std::io::{self, BufWriter};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot;

/// What is to be taken.
pub(super) struct Order {
    /// The timeline that it belongs to.
    pub(super) timeline: u32,
    /// Whether the timeline begins with it.
    pub(super) new_timeline: bool,
    /// Why.
    pub(super) why: Why,
    /// Where local files go.
    pub(super) spool: PathBuf,
    /// The member's database file, if it is on this host.
    pub(super) db_file: Option<PathBuf>,
    /// What the member said of itself.
    pub(super) status: Status,
    /// Who is told.
    pub(super) tell: Tell,
}

/// A base, packed and ready to be stored.
pub(super) struct Taken {
    /// What was written, its header included.
    pub(super) written: Written,
    /// The pack.
    pub(super) pack: Arc<Local>,
    /// What segments after it are compressed with.
    pub(super) dictionary: Option<Arc<Dictionary>>,
    /// Its revision.
    pub(super) revision: u64,
    /// The revision below which versions are missing in it.
    pub(super) compaction: u64,
    /// Whether a timeline begins with it.
    pub(super) new_timeline: bool,
    /// When it was taken.
    pub(super) taken_ms: u64,
}

/// Why a base could not be taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum TakeError {
    #[error(transparent)]
    Etcd(#[from] Error),
    #[error(transparent)]
    File(#[from] FileError),
}

/// A local file without a name.
pub(super) struct Local {
    file: File,
    bytes: u64,
}

/// Takes a base from the member that `client` is connected to.
pub(super) async fn take(client: &Client, order: &Order) -> Result<Taken, TakeError> {
    if let Some(path) = &order.db_file {
        match pin(client, path).await {
            Ok((pinned, pages)) => {
                let taken = packed(order, path.display().to_string(), pages, Way::Pin).await;
                // What a page that moved away looks like is anything, also damage: only a pin that held makes it a finding.
                match (pinned.still().await, taken) {
                    (Ok(()), Ok(taken)) => return Ok(taken),
                    (Ok(()), Err(e)) => streams(order, e.to_string()),
                    (Err(e), _) => streams(order, e.to_string()),
                }
            }
            Err(why) => streams(order, why),
        }
    }
    streamed(client, order).await
}

fn streams(order: &Order, why: String) {
    (order.tell)(Note::Streaming { why });
}

/// By stream: received by one thread, walked by another, as the bytes come.
async fn streamed(client: &Client, order: &Order) -> Result<Taken, TakeError> {
    let shown = order.spool.display();
    let (spool, mut writer) = Spool::create(&order.spool).map_err(FileError::io(shown, "written to"))?;
    let name = format!("the snapshot of etcd at {}", client.endpoint());
    let (alive, given_up) = oneshot::channel::<()>();
    let (runtime, client) = (tokio::runtime::Handle::current(), client.clone());
    let receiving = tokio::task::spawn_blocking(move || {
        runtime.block_on(async {
            tokio::select! {
                received = client.snapshot(&mut writer) => {
                    match &received {
                        Ok(_) => writer.complete(),
                        Err(e) => writer.broken(e.to_string()),
                    }
                    received.map(drop)
                }
                // Nobody waits any more; the writer's end tells the walk.
                _ = given_up => Ok(()),
            }
        })
    });
    let taken = packed(order, name, Arc::new(spool), Way::Stream).await;
    if taken.is_err() {
        // Only the stream itself knows why there was nothing to walk; but a walk that failed first waits for nothing.
        drop(alive);
        receiving.await.map_err(ended)??;
        return taken;
    }
    // The hash stands at the stream's end: before it is right, nothing counts.
    receiving.await.map_err(ended)??;
    drop(alive);
    taken
}

async fn packed(order: &Order, name: String, pages: Arc<dyn Pages>, way: Way) -> Result<Taken, TakeError> {
    let spool = order.spool.clone();
    let header = history::Taken {
        timeline: order.timeline,
        taken_ms: Arrival::now().wall_ms,
        source: Source {
            cluster_id: order.status.cluster_id,
            member_id: order.status.member_id,
            raft_term: order.status.raft_term,
            raft_index: order.status.applied_index,
        },
        etcd_version: order.status.version.clone(),
        began: began(order),
        note: order.why.to_string(),
    };
    let new_timeline = order.new_timeline;
    let packing = tokio::task::spawn_blocking(move || pack(&spool, name, pages, header, new_timeline));
    let taken = packing.await.map_err(ended)??;
    (order.tell)(Note::Based {
        timeline: order.timeline,
        revision: taken.revision,
        bytes: taken.written.bytes,
        way,
    });
    Ok(taken)
}

fn pack(
    spool: &Path,
    name: String,
    pages: Arc<dyn Pages>,
    header: history::Taken,
    new_timeline: bool,
) -> Result<Taken, FileError> {
    let fail = |doing| FileError::io(spool.display(), doing);
    let taken_ms = header.taken_ms;
    let database = Database::from_pages(name, pages)?;
    let file = tempfile::tempfile_in(spool).map_err(fail("written to"))?;
    let out = BufWriter::with_capacity(1 << 20, file);
    let (written, out) = take_base(&database, header, spool, out, &mut |_| Ok(()))?;
    let file = out.into_inner().map_err(|e| fail("written to")(e.into_error()))?;
    let bytes = file.metadata().map_err(fail("read"))?.len();
    let local = Arc::new(Local { file, bytes });
    let opened = Pack::open(&written.name, Arc::clone(&local) as Arc<dyn Object>)?;
    let (revision, compaction) = written.header.base().map_or((0, 0), |it| (it.revision, it.compaction));
    Ok(Taken {
        dictionary: opened.dictionaries()?.pop(),
        pack: local,
        revision,
        compaction,
        new_timeline,
        taken_ms,
        written,
    })
}

fn began(order: &Order) -> Began {
    match order.why {
        Why::First => Began::First,
        Why::OtherCluster { .. } => Began::OtherCluster,
        Why::RevisionBack { .. } | Why::RaftBack { .. } | Why::OtherChange { .. } => Began::JumpedBack,
        Why::Compacted { .. } | Why::Backlog { .. } | Why::Skipped { .. } => Began::Gap,
    }
}

/// A task that was stopped, as the runtime ends.
fn ended(e: tokio::task::JoinError) -> FileError {
    FileError::io("the new base", "written")(io::Error::other(e))
}

impl Local {
    /// Reads it from its beginning.
    pub(super) fn reader(self: &Arc<Self>) -> impl io::Read + use<> {
        LocalReader { local: Arc::clone(self), at: 0 }
    }
}

impl Object for Local {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(into, offset)
    }
}

struct LocalReader {
    local: Arc<Local>,
    at: u64,
}

impl io::Read for LocalReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = FileExt::read_at(&self.local.file, into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
