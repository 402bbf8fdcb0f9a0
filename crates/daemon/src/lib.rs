//! What one host does for the estate, all the time: observe, decide, record, act.
//!
//! Start at [`serve()`]. Each cluster that is protected here has a `guard`, by itself; `following` keeps the newest state of a cluster
//! ready, `copying` keeps second repositories, `sealing` watches the estate file and keeps the recovery kit. What is known of all that is
//! on the `board`, and `control` tells it to whoever asks on this host.
//!
//! Where a cluster has a standby, `Daemon` is one site's part in who serves it: `voting` answers the other sites and keeps its word on
//! disk, `keeping` holds the right to serve (`asking` for it) and stops what may not, `observing` probes, `proving` opens points where the
//! cluster could be recovered, `deciding` judges and fails over, `telling` says what was seen in the repository. What they know of each
//! other is in `state`; what is decided from it is decided by `failover`, and what is done is done by `recovery`.
//!
//! Not here: HTTP (`peers`), the terminal (`lifeboat`), deciding (`failover`), the steps of a recovery (`recovery`).

mod asking;
mod board;
mod control;
mod copying;
mod deciding;
mod disk;
mod following;
mod guard;
mod handler;
mod keeping;
mod load;
mod locking;
mod looking;
mod notifying;
mod observing;
mod promoting;
mod proving;
mod say;
mod sealing;
mod serve;
mod state;
mod telling;
mod voting;
mod watchdog;

pub use control::{Answer, CONTROL, Question, ask};
pub use deciding::runner;
pub use load::{Stored, load};
pub use promoting::{Promote, promote};
pub use say::{Level, Line, Say};
pub use serve::{Options, Report, Watch, followed, serve};

use estate::{Cluster, Failover, Manager, Name, SecretRef, Stand};
use futures::StreamExt;
use recovery::{Trouble, World};
use serde::Serialize;
use serde::de::DeserializeOwned;
use state::State;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// Where a site's Lifeboat keeps what must survive it.
pub const DIRECTORY: &str = "/var/lib/lifeboat";

/// Where the cluster can serve, and what serves there.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) primary: Stand,
    pub(crate) standby: Stand,
    pub(crate) manager: Manager,
    pub(crate) dns_secrets: Vec<SecretRef>,
}

impl Pair {
    fn of(failover: &Failover<'_>) -> Self {
        Self {
            primary: failover.primary.clone(),
            standby: failover.standby.clone(),
            manager: failover.manager.clone(),
            dns_secrets: failover.dns.secrets().into_iter().map(|(_, secret)| secret.clone()).collect(),
        }
    }
}

/// One site's Lifeboat, as far as it has a part in who serves the cluster that has a standby.
pub(crate) struct Daemon {
    pub(crate) world: World,
    pub(crate) site: Name,
    pub(crate) cluster: Name,
    pub(crate) of: Cluster,
    pub(crate) pair: Pair,
    pub(crate) directory: PathBuf,
    pub(crate) say: Say,
    /// What is done here for the protection of clusters.
    pub(crate) board: board::Board,
    state: Mutex<State>,
    /// Held from a voter's decision until it is durable: the next one must build on it.
    pub(crate) ballot: tokio::sync::Mutex<failover::Voter>,
    /// Something has happened that the keeper should look at now.
    pub(crate) look: Notify,
    /// There is something to ask the voters now.
    pub(crate) ask_now: Notify,
    keeper: Mutex<failover::Keeper>,
    hands: Mutex<keeping::Hands>,
}

impl Daemon {
    /// Opens a site's Lifeboat: what its voter promised is read first of all.
    ///
    /// # Errors
    /// This host is no site's, the estate has no cluster to keep, or the voter's record is damaged.
    pub(crate) async fn open(
        world: World,
        directory: PathBuf,
        board: board::Board,
        say: Say,
    ) -> Result<Arc<Self>, Trouble> {
        let here = world.here.clone();
        let site = here.as_ref().and_then(|host| world.estate.site_on(host.as_str())).cloned();
        let Some(site) = site else {
            let hosts = world.estate.sites.values().filter_map(|site| site.host.as_ref());
            let known: Vec<String> = hosts.map(ToString::to_string).collect();
            let message =
                format!("this host is none on which a site's Lifeboat runs: the estate names {}", known.join(", "));
            return Err(Trouble::new("LB0204", estate::Kind::Invalid, message).hint("hostname, or --host NAME"));
        };
        let Some(failover) = world.estate.failover() else {
            let message = "the estate has no cluster with a standby".to_owned();
            return Err(Trouble::new("LB0202", estate::Kind::Invalid, message));
        };
        let (cluster, of, pair) = (failover.name.clone(), failover.of.clone(), Pair::of(&failover));
        let voter = voting::open(&world, &site, &cluster, &pair, &directory).await?;
        let post = voting::post(&world, &site, &cluster, &pair)?;
        let mut state = State::new();
        state.standing = voter.standing().cloned();
        Ok(Arc::new(Self {
            board,
            state: Mutex::new(state),
            keeper: Mutex::new(failover::Keeper::new(post)),
            ballot: tokio::sync::Mutex::new(voter),
            look: Notify::new(),
            ask_now: Notify::new(),
            hands: Mutex::default(),
            world,
            site,
            cluster,
            of,
            pair,
            directory,
            say,
        }))
    }

    /// Runs until `stop` is done. Stopping a site's Lifeboat does not stop the cluster there; its lease ends, and the next
    /// start takes it up again.
    ///
    /// # Errors
    /// The peers' key cannot be read, or another program listens at the site's address.
    pub(crate) async fn run(self: Arc<Self>, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), Trouble> {
        let key = self.world.peers_key()?;
        let peer = self.world.peer(&self.site)?;
        let listener = TcpListener::bind(&peer.address).await.map_err(|reason| {
            let message = format!("nobody can be listened to at {}: {reason}", peer.address);
            Trouble::new("LB0602", estate::Kind::Person, message).hint("is another lifeboat serve running here?")
        })?;
        (self.say)(&format!(
            "site {} of estate {} listens at {}",
            self.site, self.world.estate.name, peer.address
        ));
        let mut loops = tokio::task::JoinSet::new();
        loops.spawn(voting::learn(self.clone()));
        self.resume();
        loops.spawn(keeping::watch_served(self.clone()));
        loops.spawn(asking::ask(self.clone()));
        loops.spawn(keeping::keep(self.clone()));
        loops.spawn(watchdog::watch(self.clone()));
        loops.spawn(observing::observe(self.clone()));
        loops.spawn(telling::tell(self.clone()));
        if self.is_standby() {
            loops.spawn(proving::prove(self.clone()));
            for site in self.others().cloned().collect::<Vec<_>>() {
                loops.spawn(deciding::hear(self.clone(), site));
            }
            loops.spawn(deciding::decide(self.clone()));
        }
        let handler = Arc::new(handler::Answers(self.clone()));
        peers::serve(listener, self.site.as_str(), key, handler, stop).await?;
        // Loops hold nothing that a kill would lose.
        loops.shutdown().await;
        self.leave().await;
        Ok(())
    }

    pub(crate) fn keeper(&self) -> MutexGuard<'_, failover::Keeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn hands(&self) -> MutexGuard<'_, keeping::Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // State is replaced field by field, so a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the cluster can stand at this site.
    pub(crate) fn has_stand(&self) -> bool {
        [&self.pair.primary, &self.pair.standby]
            .iter()
            .any(|stand| self.world.estate.site_of(stand) == Some(&self.site))
    }

    pub(crate) fn is_standby(&self) -> bool {
        self.world.estate.site_of(&self.pair.standby) == Some(&self.site)
    }

    /// The other sites.
    pub(crate) fn others(&self) -> impl Iterator<Item = &Name> {
        self.world.estate.voters().filter(|site| **site != self.site)
    }

    /// Asks the other sites the same; the answers of those that gave one.
    pub(crate) async fn ask_others<Q: Serialize + Sync, A: DeserializeOwned + Send>(
        &self,
        path: &str,
        question: &Q,
        limit: Duration,
    ) -> Result<Vec<(Name, A)>, Trouble> {
        let mut asked = recovery::ask_sites(&self.world, self.site.as_str(), self.others(), path, question, limit)?;
        let mut answers = Vec::new();
        while let Some((site, answer)) = asked.next().await {
            answers.extend(answer.ok().map(|answer| (site, answer)));
        }
        Ok(answers)
    }

    pub(crate) fn lease(&self) -> Duration {
        *self.world.estate.monitor.lease
    }

    /// Notes a trouble, or that it is over, and says so when it changes.
    pub(crate) fn trouble(&self, about: &str, trouble: Option<String>) {
        let changed = self.state().trouble(about, trouble.clone());
        match (changed, trouble) {
            (true, Some(trouble)) => self.say.line(Line::warn(trouble).about(about)),
            (true, None) => self.say.line(Line::info("all is well again").about(about)),
            (false, _) => {}
        }
    }
}

#[cfg(test)]
mod tests;
