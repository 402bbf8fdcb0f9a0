//! Capture: keeps a history of a live etcd, change by change, and says at every moment how far it is behind.
//!
//! Start at [`capture`]. Two halves run side by side:
//!
//! ```text
//! etcd -> feed: watch, base, leases -> events -> line: cut, chain, store -> shelf
//! ```
//!
//! The watch begins before the base, and what the base holds already is dropped: nothing can be between them. Every write of etcd
//! takes the next revision, so that a gap would also be seen, twice. What a capture decides is in [`decide`], when it cuts in
//! [`Cutter`], what is at risk in [`Behind`]; these are pure. It can be killed at any moment: what is stored is whole, and the next
//! one goes on where the chain ends.
//!
//! Where etcd's authentication is on, the role `root` is needed, since snapshots are.
//!
//! Not here: what the history is (`history`), whether it is right (`proof`), where it is kept beyond a directory.

mod backlog;
mod backoff;
mod bridge;
mod checks;
mod course;
mod cutter;
mod decide;
mod feed;
mod gauge;
mod identity;
mod leases;
mod line;
mod note;
mod pin;
mod risk;
mod rivals;
mod spool;
mod stores;
mod take;

pub use cutter::{Arrival, Cut, Cutter, Limits, SeenLease, Skipped};
pub use decide::{Facts, Go, Live, Rates, Seen, Why, decide};
pub use note::{Note, Tell, Way};
pub use risk::{Behind, Risk};
pub use spool::{Spool, SpoolWriter};

use crate::history::{History, Name, Shelf, Tail};
use crate::{Error, FileError, Members, Record};
use estate::Kind;
use feed::Feed;
use gauge::Gauge;
use identity::last_put;
use line::Line;
use rivals::Rivals;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Events on their way from one half to the other: each is one response, 2 MiB and seldom more.
const EVENTS: usize = 4;

/// How a capture is done.
#[derive(Clone, Debug)]
pub struct Options {
    /// When to cut.
    pub limits: Limits,
    /// How many segments may be on their way to the shelf.
    pub in_flight: usize,
    /// Bytes of changes that may wait in memory where the spool takes no more; beyond that, the watch is not read, and etcd keeps them.
    /// What is on its way to the shelf, and a few responses of 2 MiB, come on top.
    pub pending_bytes: usize,
    /// A local directory for what has to wait: a base on its way (room for a database, and its pack), and segments while the shelf is away
    /// or slow.
    pub spool: PathBuf,
    /// Bytes of segments that may wait there, compressed.
    pub spool_bytes: u64,
    /// Bytes of that disk that are left to others, on the host of a control plane to etcd; of a small disk, a tenth.
    pub spool_leaves: u64,
    /// The member's own database file, if the first endpoint is on this host: the base is then read from it where that is safe.
    pub db_file: Option<PathBuf>,
    /// Whether a base counts only when the member's `HashKV` agrees with it. Costs the member the time to read its whole database; a
    /// proof against all members, later, shows the same.
    pub prove: bool,
    /// When a base is quicker than catching up.
    pub rates: Rates,
    /// After how much time without the source to give up; `None`: never.
    pub give_up: Option<Duration>,
    /// How often to look whether somebody else adds to the same history, and whether the source's users changed.
    pub look_around: Duration,
}

impl Options {
    /// The defaults, with the directory for the base on its way.
    pub fn new(spool: impl Into<PathBuf>) -> Self {
        Self {
            limits: Limits {
                every: Duration::from_millis(500),
                bytes: 1 << 20,
                quiet: Duration::from_secs(60),
            },
            in_flight: 4,
            pending_bytes: 16 << 20,
            spool: spool.into(),
            spool_bytes: 1 << 30,
            spool_leaves: 10 << 30,
            db_file: None,
            prove: false,
            rates: Rates::default(),
            give_up: None,
            look_around: Duration::from_secs(60),
        }
    }
}

/// Why a capture ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// etcd cannot be asked, in a way that waiting does not mend.
    #[error(transparent)]
    Etcd(#[from] Error),
    /// The history, or a local file, cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The source was silent for longer than was allowed.
    #[error("etcd was silent for {silent_s} s: {why}")]
    GaveUp {
        /// What happened last.
        why: String,
        /// For how long, in seconds.
        silent_s: u64,
    },
    /// Somebody else adds to the same history.
    #[error("somebody else captures into the same history: {name} is not from here")]
    Rival {
        /// What they put there.
        name: String,
    },
    /// A revision was lost between the two halves.
    #[error(transparent)]
    Skipped(#[from] Skipped),
}

impl CaptureError {
    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Etcd(e) => e.kind(),
            Self::File(e) => e.kind(),
            Self::GaveUp { .. } => Kind::Unreachable,
            Self::Rival { .. } => Kind::Conflict,
            Self::Skipped(_) => Kind::Bug,
        }
    }
}

/// Captures every change of the etcd at `source` (a member, and those that it knows) into the history on
/// `shelf`, until `stop` says so: then what has arrived is stored, and it ends. Goes on where the history ends; begins one where
/// there is none. Must be called within a tokio runtime.
///
/// `behind` always holds how far the history is behind; `tell` hears what people may want to know.
///
/// etcd that is away, restarts, elects, is defragmented or out of space, and a shelf that fails, are waited for. Dropping the future
/// is like being killed: nothing is lost but what was not stored yet.
///
/// # Errors
/// Only what waiting does not mend: see [`CaptureError`]. With [`CaptureError::File`] after `stop`, the last changes could not be
/// stored.
pub async fn capture(
    source: Members,
    shelf: Arc<dyn Shelf>,
    options: Options,
    tell: Tell,
    behind: watch::Sender<Behind>,
    stop: impl Future<Output = ()>,
) -> Result<(), CaptureError> {
    let opened = Arc::clone(&shelf);
    let begin = tokio::task::spawn_blocking(move || begin(opened)).await;
    let begin = begin.map_err(|e| FileError::io("the history", "opened")(io::Error::other(e)))??;
    let gauge = Gauge::new(behind);
    let users = match &begin.tail {
        Some(tail) => identity::users(Arc::clone(&shelf), tail.base).await,
        None => None,
    };
    let seen = begin.tail.as_ref().map(|tail| Seen {
        through: tail.through,
        cluster_id: tail.source.cluster_id,
        raft_term: tail.source.raft_term,
        raft_index: tail.source.raft_index,
        base: tail.base.revision,
        seen_ms: tail.seen_ms,
        users,
    });
    let rivals = Rivals::new(Arc::clone(&shelf), options.look_around, begin.names);
    let mut line = Line::new(Arc::clone(&shelf), options.clone(), (tell.clone(), gauge.clone()), begin.tail, rivals);
    begin.gaps.into_iter().for_each(|gap| line.mend(gap));
    let (events, mut arriving) = mpsc::channel(EVENTS);
    let feed = Feed::new((source, shelf), options, (tell, gauge), events, (begin.timeline, seen, begin.last));
    let feed = if begin.is_damaged { feed.distrusting() } else { feed };
    // Ends with this future.
    let mut feeding = JoinSet::new();
    feeding.spawn(feed.run());
    let told_to_stop = line.run(&mut arriving, stop).await?;
    if told_to_stop {
        feeding.abort_all();
        return line.finish(&mut arriving).await;
    }
    let ended = feeding.join_next().await;
    line.finish(&mut arriving).await?;
    match ended {
        Some(Ok(ended)) => ended,
        Some(Err(e)) => Err(FileError::io("the capture", "continued")(io::Error::other(e)).into()),
        None => Ok(()),
    }
}

/// What a capture begins with.
struct Begin {
    names: Vec<Name>,
    /// The number of the youngest timeline, 0 if there is none.
    timeline: u32,
    tail: Option<Tail>,
    /// The last put in it, if it is near the end.
    last: Option<Record>,
    gaps: Vec<bridge::Gap>,
    /// Whether there is a history, but no base to go on from.
    is_damaged: bool,
}

fn begin(shelf: Arc<dyn Shelf>) -> Result<Begin, FileError> {
    let names = shelf.list()?;
    let history = History::open(shelf)?;
    // Damaged segments at its end are captured again; after a damaged base, what was compressed with its dictionary is lost too.
    let tail = history.tail()?;
    let is_damaged = history.damaged().iter().any(|(name, _)| matches!(name, Name::Base(_)));
    let tail = tail.filter(|_| !is_damaged);
    let gaps = match bridge::open_gaps(&history) {
        // What lies further back can wait for whoever mends it.
        Err(e) if e.is_damage() => Vec::new(),
        gaps => gaps?,
    };
    Ok(Begin {
        names,
        timeline: history.next_timeline().saturating_sub(1),
        last: tail.as_ref().and_then(|tail| last_put(&history, tail)),
        gaps: if tail.is_some() { gaps } else { Vec::new() },
        tail,
        is_damaged,
    })
}

#[cfg(test)]
mod tests;
