//! Takes a base: the whole state of a member, by stream or by pin and read, walked, checked and packed into a local file.
//!
//! Start at [`take`]. The local file has no name, so that nothing is left of it however the process ends.

use super::cutter::Arrival;
use super::decide::Why;
use super::identity::base_put;
use super::note::{Note, Tell, Way};
use super::pin::pin;
use super::spool::{Spool, SpoolWriter};
use crate::bbolt::Pages;
use crate::database::Database;
use crate::history::{self, Began, Dictionary, Name, Object, Pack, Source, Written, take_base};
use crate::selection::{Packs, SelectionError};
use crate::{Client, Error, FileError, Record, Status, proof};
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
    /// Whether the member's own hash has to agree.
    pub(super) prove: bool,
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
    /// Whether a timeline begins with it.
    pub(super) new_timeline: bool,
    /// Whether it is not to be tied to what comes before it, although the timeline goes on: times go back between them, and
    /// along one chain they must not.
    pub(super) stands_alone: bool,
    /// When it was taken.
    pub(super) taken_ms: u64,
    /// The last put in it.
    pub(super) last: Option<Record>,
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
                let taken = packed(order, path.display().to_string(), pages).await;
                // What a page that moved away looks like is anything, also damage: only a pin that held makes it a finding.
                match (pinned.still().await, taken) {
                    (Ok(()), Ok(taken)) => return proven(client, order, taken, Way::Pin).await,
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
    let member = client.clone();
    let receiving = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(FileError::io("the snapshot", "received"))?;
        runtime.block_on(async {
            tokio::select! {
                received = receive(&member, &mut writer) => {
                    match &received {
                        Ok(()) => writer.complete(),
                        Err(e) => writer.broken(e.to_string()),
                    }
                    Ok(received?)
                }
                // Nobody waits any more; the writer's end tells the walk.
                _ = given_up => Ok::<_, TakeError>(()),
            }
        })
    });
    let taken = packed(order, name, Arc::new(spool)).await;
    if taken.is_err() {
        // Only the stream itself knows why there was nothing to walk; but a walk that failed first waits for nothing.
        drop(alive);
        receiving.await.map_err(ended)??;
        return taken;
    }
    // The hash stands at the stream's end: before it is right, nothing counts.
    receiving.await.map_err(ended)??;
    drop(alive);
    proven(client, order, taken?, Way::Stream).await
}

/// Receives a snapshot with one thread, which reads from the network, hashes and writes: nothing is handed over 65,000 times a
/// gigabyte, and whatever else goes on does not hold it up.
async fn receive(member: &Client, writer: &mut SpoolWriter) -> Result<(), Error> {
    member.apart().await?.snapshot(writer).await.map(drop)
}

/// Compares the base with the member by its own hash, if that is wanted.
async fn proven(client: &Client, order: &Order, taken: Taken, way: Way) -> Result<Taken, TakeError> {
    if order.prove {
        match client.hash_kv(taken.revision).await {
            Ok(theirs) => {
                let (pack, name) = (Arc::clone(&taken.pack), taken.written.name);
                let (revision, compaction) = (taken.revision, theirs.compact_revision);
                let ours = tokio::task::spawn_blocking(move || hash(pack, name, revision, compaction))
                    .await
                    .map_err(ended)??;
                if ours != theirs.hash {
                    let reason = format!("its hash is {ours:08x}, and the member's {:08x}", theirs.hash);
                    return Err(FileError::damaged(name, format!("revision {revision}"), reason).into());
                }
            }
            // Compacted meanwhile: the base holds more than the member can tell.
            Err(Error::Compacted { .. }) => {}
            Err(e) => return Err(e.into()),
        }
    }
    (order.tell)(Note::Based {
        timeline: order.timeline,
        revision: taken.revision,
        bytes: taken.written.bytes,
        way,
    });
    Ok(taken)
}

fn hash(pack: Arc<Local>, name: Name, revision: u64, compaction: u64) -> Result<u32, FileError> {
    let base = Packs::new(Arc::new(Pack::open(&name, pack as Arc<dyn Object>)?), Vec::new())?;
    match proof::hash_kv(&base, revision, compaction) {
        Ok(answer) => Ok(answer.hash),
        Err(SelectionError::File(e)) => Err(e),
        Err(e) => Err(FileError::damaged(name, format!("revision {revision}"), e)),
    }
}

async fn packed(order: &Order, name: String, pages: Arc<dyn Pages>) -> Result<Taken, TakeError> {
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
    let (new_timeline, stands_alone) = (order.new_timeline, matches!(order.why, Why::ClockBack { .. }));
    let packing = tokio::task::spawn_blocking(move || pack(&spool, name, pages, header, (new_timeline, stands_alone)));
    Ok(packing.await.map_err(ended)??)
}

fn pack(
    spool: &Path,
    name: String,
    pages: Arc<dyn Pages>,
    header: history::Taken,
    (new_timeline, stands_alone): (bool, bool),
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
    let revision = written.header.base().map_or(0, |it| it.revision);
    Ok(Taken {
        dictionary: opened.dictionaries()?.pop(),
        last: base_put(&opened),
        pack: local,
        revision,
        new_timeline,
        stands_alone,
        taken_ms,
        written,
    })
}

fn began(order: &Order) -> Began {
    match order.why {
        Why::First => Began::First,
        Why::OtherCluster { .. } | Why::Unproven => Began::OtherCluster,
        Why::RevisionBack { .. } | Why::RaftBack { .. } | Why::OtherChange { .. } | Why::Raised { .. } => {
            Began::JumpedBack
        }
        // The chain goes on over it, as over a gap.
        Why::Compacted { .. } | Why::Backlog { .. } | Why::Skipped { .. } | Why::Users { .. } => Began::Gap,
        Why::ClockBack { .. } | Why::Damaged => Began::Distrust,
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
