//! One cluster's protection: capture, points, proofs, merging and thinning out, by itself, whatever becomes of the others.
//!
//! Start at [`Guard::run`]. While this host may capture and holds the lease, `pointing` makes points (`noticing` when files change),
//! `proving` has etcd's members say that the history is theirs and judges the recovery set, `answering` says which of them do not answer, and `tidying`
//! keeps all of it small; when the capture ends, they end.

mod answering;
mod noticing;
mod pointing;
mod proving;
mod tidying;

pub(crate) use tidying::TIDY;

use crate::Daemon;
use crate::board::Board;
use crate::locking::Locking;
use estate::{Cluster, Distribution, Duty, Epoch, Kind, Name, PointId, Serving};
use etcd::Connection;
use etcd::capture::{Behind, Note, Options, Risk, Tell};
use protect::etcd::{Captured, Found, HistoryLock, Holder};
use protect::files::Files;
use recovery::{Trouble, World};
use repository::Repository;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// Between two looks whether this host may capture.
const LOOK: Duration = Duration::from_millis(500);
/// Before a capture that ended is begun anew: at first, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// A capture that went on for so long was a good one.
const GOOD: Duration = Duration::from_secs(60);
/// A trouble with the repository, which does not take what has changed.
const STORING: &str = "storing";
const SPOOLING: &str = "spool";
/// A trouble with etcd, which does not tell what has changed.
const WATCHING: &str = "etcd";

/// Protects one cluster.
pub(crate) struct Guard {
    pub(crate) world: Arc<World>,
    pub(crate) cluster: Name,
    pub(crate) of: Cluster,
    /// For this cluster alone.
    pub(crate) directory: PathBuf,
    pub(crate) board: Board,
    pub(crate) gate: Gate,
    /// Points that somebody asks for.
    wanted: Mutex<mpsc::Receiver<Wanted>>,
    pub(crate) locking: Mutex<Locking>,
}

/// Whether the cluster may be captured here.
#[derive(Clone)]
pub(crate) enum Gate {
    /// Always: nobody fails it over.
    Open,
    /// Only while this site serves it.
    Site(Arc<Daemon>),
}

/// A point that somebody asks for, and who is told what came of it.
pub(crate) struct Wanted {
    pub(crate) reason: String,
    /// Whether it is held from the start.
    pub(crate) hold: bool,
    pub(crate) told: oneshot::Sender<Result<PointId, Trouble>>,
}

/// What belongs together while a capture goes on.
pub(crate) struct Running {
    repository: Repository,
    connections: Vec<Connection>,
    distribution: Distribution,
    behind: watch::Receiver<Behind>,
    epoch: Epoch,
    /// The files of the newest point.
    files: watch::Sender<Option<Arc<Files>>>,
}

impl Gate {
    /// The epoch in which it may be captured: only what is confirmed is worth copying.
    fn epoch(&self) -> Option<Epoch> {
        match self {
            Self::Open => Some(Epoch::FIRST),
            Self::Site(daemon) => match daemon.state().serving_at(ambient::uptime()) {
                Serving::Serving { epoch, .. } => Some(epoch),
                _ => None,
            },
        }
    }

    /// Points that are known to be proven elsewhere.
    fn proven(&self) -> BTreeSet<PointId> {
        let Self::Site(daemon) = self else {
            return BTreeSet::new();
        };
        let state = daemon.state();
        let heard = state.heard.values().filter_map(|(report, _)| report.proven.as_ref());
        let own = state.proven.as_ref().map(|(proven, _)| proven);
        heard.chain(own).map(|proven| proven.id.clone()).collect()
    }
}

impl Guard {
    /// A guard, and where points are asked for.
    pub(crate) fn new(
        world: Arc<World>,
        (cluster, of): (Name, Cluster),
        directory: PathBuf,
        board: Board,
        gate: Gate,
    ) -> (Arc<Self>, mpsc::Sender<Wanted>) {
        let (ask, wanted) = mpsc::channel(4);
        let guard = Self {
            world,
            cluster,
            of,
            directory,
            board,
            gate,
            wanted: Mutex::new(wanted),
            locking: Mutex::default(),
        };
        (Arc::new(guard), ask)
    }

    /// Protects the cluster until it is dropped, or `stop` is true: then what has arrived is stored, and the lease given back.
    pub(crate) async fn run(self: Arc<Self>, stop: watch::Receiver<bool>) {
        let mut pause = AGAIN.0;
        while !*stop.borrow() {
            let Some(epoch) = self.gate.epoch() else {
                self.rest("this site does not serve it");
                ambient::sleep(LOOK).await;
                continue;
            };
            let begun = ambient::monotonic();
            let ended = Arc::clone(&self).capture(epoch, stop.clone()).await;
            let trouble = ended.err();
            self.board.trouble(&self.cluster, "capture", trouble.as_ref());
            // Nothing is tried any more that could be over.
            for about in [STORING, SPOOLING, WATCHING, "members"] {
                self.board.trouble(&self.cluster, about, None);
            }
            if trouble.is_some() {
                self.rest("it cannot be captured just now");
                let is_good = begun.elapsed() >= GOOD;
                pause = if is_good { AGAIN.0 } else { (pause * 2).min(AGAIN.1) };
                ambient::sleep(pause).await;
            }
        }
    }

    fn rest(&self, why: &str) {
        self.board.change(&self.cluster, |entry| {
            entry.duty = Duty::StandsBy { why: why.to_owned() };
            entry.behind = None;
        });
    }

    /// Captures, and does all that goes with it, until it may no longer, is told to stop, or something is in the way.
    async fn capture(self: Arc<Self>, epoch: Epoch, stop: watch::Receiver<bool>) -> Result<(), Trouble> {
        let found = protect::etcd::source(&self.of, &self.world.directory, Path::new("/"))?;
        let repository = self.world.repository(&self.of.repository)?;
        let spool = self.directory.join("spool");
        made(&spool).await?;
        let (publish, behind) = watch::channel(Risk::default().behind());
        let running = Arc::new(Running {
            repository: repository.clone(),
            connections: found.connections.clone(),
            distribution: self.distribution(&found),
            behind: behind.clone(),
            epoch,
            files: watch::Sender::new(None),
        });
        let mut beside = JoinSet::new();
        beside.spawn(pointing::point(Arc::clone(&self), Arc::clone(&running)));
        beside.spawn(proving::prove(Arc::clone(&self), Arc::clone(&running)));
        beside.spawn(answering::notice(Arc::clone(&self), Arc::clone(&running)));
        beside.spawn(tidying::tidy(Arc::clone(&self), Arc::clone(&running)));
        self.board.change(&self.cluster, |entry| entry.behind = Some(behind));
        let name = self.holder();
        // How far the capture is, is known from the moment at which it has the lease.
        let waiting = |error: &repository::lease::LeaseError| {
            self.board
                .change(&self.cluster, |entry| entry.duty = Duty::StandsBy { why: error.to_string() });
            // To wait for somebody else is what it is for; to wait for a store that does not answer is not.
            let trouble = (error.kind() == Kind::Unreachable).then(|| Trouble::from(error));
            self.board.trouble(&self.cluster, "capture", trouble.as_ref());
        };
        let holder = Holder { name: &name, waiting: &waiting, patient: true };
        let captured = Captured {
            cluster: &self.cluster,
            source: found.members()?,
            options: Options { db_file: found.db_file(), ..Options::new(spool) },
            lock: self.history_lock(&repository).await?,
        };
        let over = self.over(epoch, stop);
        protect::etcd::capture(&repository, captured, &holder, self.tell(), publish, over).await?;
        Ok(())
    }

    /// Waits until it may no longer be captured in `epoch`, or is told to stop.
    async fn over(&self, epoch: Epoch, mut stop: watch::Receiver<bool>) {
        let closed = async {
            while self.gate.epoch() == Some(epoch) {
                ambient::sleep(LOOK).await;
            }
        };
        tokio::select! { () = closed => {} _ = stop.wait_for(|stop| *stop) => {} }
    }

    fn distribution(&self, found: &Found) -> Distribution {
        let said = self.of.distribution.as_deref().copied();
        said.or(found.distribution).unwrap_or(Distribution::Other)
    }

    /// Who holds leases, for people.
    fn holder(&self) -> String {
        let host = self
            .world
            .here
            .as_ref()
            .map_or("a host that the estate does not name", |here| here.as_str());
        format!("lifeboat serve on {host}")
    }

    fn tell(self: &Arc<Self>) -> Tell {
        let guard = Arc::clone(self);
        Arc::new(move |note: Note| {
            let trouble =
                |about, trouble: Option<Trouble>| guard.board.trouble(&guard.cluster, about, trouble.as_ref());
            match &note {
                // What is in the way is said as a trouble, and that it is over.
                Note::Unstored { why, kind } => return trouble(STORING, Some(unstored(why, *kind))),
                Note::Unspooled { .. } => {
                    let full = Trouble::new("LB0308", Kind::Person, note.to_string());
                    return trouble(SPOOLING, Some(full));
                }
                Note::Spooled => return trouble(SPOOLING, None),
                Note::Stored => return trouble(STORING, None),
                Note::Lost { why } => {
                    return trouble(WATCHING, Some(Trouble::new("LB0401", Kind::Unreachable, why.clone())));
                }
                Note::Connected { .. } | Note::Based { .. } => {
                    // Whoever is told something of etcd has the lease.
                    guard.board.change(&guard.cluster, |entry| entry.duty = Duty::Captures);
                    trouble("capture", None);
                    trouble(WATCHING, None);
                }
                _ => {}
            }
            guard.board.say(&guard.cluster, &note.to_string());
        })
    }

    /// How what is captured is locked, where the estate wants that and the bucket can.
    async fn history_lock(
        self: &Arc<Self>,
        repository: &Repository,
    ) -> Result<Option<(HistoryLock, protect::etcd::OnUnlocked)>, Trouble> {
        let mode = self.locking.lock().await.mode(self, repository).await;
        self.board.trouble(&self.cluster, "object lock", mode.as_ref().err());
        let Ok(Some(mode)) = mode else { return Ok(None) };
        let lock = HistoryLock {
            mode,
            window: *self.of.protect.etcd.window,
            base_every: Duration::from_millis(::etcd::merge::Policy::default().base_every_ms),
        };
        let guard = Arc::clone(self);
        let on: protect::etcd::OnUnlocked = Arc::new(move |error| {
            let trouble = error.map(|error| {
                Trouble::new("LB0302", Kind::Person, format!("something of the history is not locked: {error}"))
            });
            guard.board.trouble(&guard.cluster, "locks of the history", trouble.as_ref());
        });
        Ok(Some((lock, on)))
    }
}

/// Why what has arrived waits here.
fn unstored(why: &str, kind: Kind) -> Trouble {
    let code = match kind {
        Kind::Unreachable => "LB0301",
        Kind::Damaged => "LB0306",
        _ => "LB0302",
    };
    Trouble::new(code, kind, format!("what has changed is not stored, and is at risk: {why}")).hint("lifeboat check")
}

/// Makes a directory that only its owner enters.
pub(crate) async fn made(path: &Path) -> Result<(), Trouble> {
    let made = tokio::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).await;
    made.map_err(|reason| {
        let message = format!("{} cannot be made: {reason}", path.display());
        Trouble::new("LB0308", Kind::Person, message)
    })
}
