//! The right to serve: renewed while a majority confirms it, and enforced on this host when none does.

use crate::state::millis;
use crate::{Daemon, voting};
use estate::{Epoch, Renewed, Serving};
use failover::{Duty, Keeper, Round};
use futures::StreamExt;
use recovery::{Trouble, control_plane};
use std::sync::Arc;
use std::time::Duration;

/// What does not stop by itself within this is killed: the lease does not wait.
const GRACE: Duration = Duration::from_millis(500);
/// How long stopping may take in all.
const STOP: Duration = Duration::from_secs(20);
/// A file of a few bytes; a disk that takes longer keeps no lease waiting.
const READ: Duration = Duration::from_secs(1);
/// How often a site that must not serve looks whether somebody has started something.
const ENFORCE: Duration = Duration::from_secs(5);

/// What the keeper has done to this host's control plane last.
#[derive(Debug, Default)]
pub(crate) struct Hands {
    stopped: bool,
    /// When that was last made sure of.
    at: Duration,
}

/// Keeps the right to serve for as long as the daemon runs.
pub(crate) async fn keep(daemon: Arc<Daemon>) {
    if !daemon.has_stand() {
        daemon.state().serving = Serving::Never;
        return;
    }
    let post = match voting::post(&daemon.world, &daemon.site, &daemon.cluster, &daemon.of) {
        Ok(post) => post,
        Err(trouble) => return daemon.trouble("keeper", Some(trouble.to_string())),
    };
    let mut keeper = Keeper::new(post);
    let pause = daemon.lease() / 5;
    let mut serves_before = false;
    // Until it was read once, the safe assumption: something was started here that no voter knows of.
    let mut served = Some(Epoch(u64::MAX));
    loop {
        // What cannot be read now is as it was: a lease must run out whatever the disk does.
        if let Some(read) = daemon.served().await {
            served = read;
        }
        let standing = daemon.standing().await;
        let revision = daemon.state().revision;
        if let Some(round) = keeper.ask(standing.as_ref(), served, revision, ambient::uptime()) {
            daemon.ask_round(&mut keeper, round, pause).await;
        }
        // The voter may have learnt of a newer epoch meanwhile.
        let standing = daemon.standing().await;
        let duty = keeper.duty(standing.as_ref(), served, ambient::uptime());
        daemon.note(&duty, standing.as_ref());
        let serves = matches!(duty, Duty::Serve { .. });
        daemon.enforce(&duty, serves && !serves_before).await;
        serves_before = serves;
        if serves && served.is_none() {
            daemon.note_first(standing.map(|standing| standing.epoch)).await;
        }
        // A promise given here changes the duty at once.
        _ = tokio::time::timeout(pause, daemon.look.notified()).await;
    }
}

impl Daemon {
    /// In which epoch the cluster was started on this host last; `None` while that cannot be read.
    async fn served(&self) -> Option<Option<Epoch>> {
        let read = match self.here() {
            Ok(host) => tokio::time::timeout(READ, control_plane::served(&host, &self.cluster)).await,
            Err(trouble) => Ok(Err(trouble)),
        };
        let read = read
            .map_err(|_| format!("it could not be read within {READ:?} in which epoch the cluster was started here"));
        let read = read.and_then(|read| read.map_err(|trouble| trouble.to_string()));
        self.trouble("served", read.as_ref().err().cloned());
        read.ok()
    }

    /// The host of the control plane at this site: this one.
    pub(crate) fn here(&self) -> Result<cluster::Host, Trouble> {
        let host = self.world.estate.sites.get(&self.site).map(|site| &*site.host);
        let host = host.ok_or_else(|| Trouble::new("LB0204", estate::Kind::Invalid, "this site has no host"))?;
        self.world.host(host)
    }

    /// Asks all voters, this site's own among them.
    async fn ask_round(&self, keeper: &mut Keeper, round: Round, limit: Duration) {
        if self.renew(&round.renewal).await.is_ok_and(|answer| answer.granted) {
            keeper.confirmed(&round, &self.site);
        }
        let me = self.site.as_str();
        let Ok(mut asked) =
            recovery::ask_sites::<_, Renewed>(&self.world, me, self.others(), "renew", &round.renewal, limit)
        else {
            return;
        };
        // One more makes a majority; a dead site would hold up whoever waits for all.
        while let Some((site, answer)) = asked.next().await {
            if answer.is_ok_and(|answer| answer.granted) {
                keeper.confirmed(&round, &site);
                return;
            }
        }
    }

    fn note(&self, duty: &Duty, standing: Option<&estate::Standing>) {
        let serving = duty.serving(standing);
        let mut state = self.state();
        let changed = std::mem::discriminant(&state.serving) != std::mem::discriminant(&serving);
        state.serving = serving;
        drop(state);
        if changed {
            let text = match duty {
                Duty::Serve { left } => format!("this site serves; confirmed for {} ms more", millis(*left)),
                Duty::Stop { reason, .. } => format!("this site may not serve: {reason}"),
                Duty::Fenced { standing } => format!("this site is fenced: {standing} is newer"),
                Duty::StandBy => "this site stands by".to_owned(),
                Duty::Learn => "this site is new, and learns who serves".to_owned(),
                Duty::HandsOff { epoch } => format!("a run is bringing the cluster up here in epoch {epoch}"),
            };
            (self.say)(&text);
        }
    }

    /// Does on this host what the duty demands.
    async fn enforce(&self, duty: &Duty, begins: bool) {
        let done = match duty {
            Duty::Serve { .. } if begins => self.start().await,
            Duty::Serve { .. } | Duty::StandBy | Duty::Learn | Duty::HandsOff { .. } => return,
            Duty::Stop { .. } | Duty::Fenced { .. } => self.stop().await,
        };
        self.trouble("keeper", done.err().map(|trouble| trouble.to_string()));
    }

    async fn start(&self) -> Result<(), Trouble> {
        let mut hands = self.hands.lock().await;
        let host = self.here()?;
        control_plane::start(&host, *self.of.distribution, STOP).await?;
        hands.stopped = false;
        control_plane::start_manager(&host, &self.of.manager.start, STOP).await
    }

    async fn stop(&self) -> Result<(), Trouble> {
        let mut hands = self.hands.lock().await;
        let now = ambient::uptime();
        if hands.stopped && now.saturating_sub(hands.at) < ENFORCE {
            return Ok(());
        }
        let first = !hands.stopped;
        control_plane::stop(&self.here()?, *self.of.distribution, &self.of.manager.stop, GRACE, STOP).await?;
        *hands = Hands { stopped: true, at: ambient::uptime() };
        if first {
            (self.say)("the manager and the control plane have stopped");
        }
        Ok(())
    }

    /// Stops at once because another site was promised the next epoch; whether it has.
    pub(crate) async fn stop_for_good(&self) -> bool {
        let stopped = self.stop().await;
        self.trouble("keeper", stopped.as_ref().err().map(Trouble::to_string));
        stopped.is_ok()
    }

    /// At the primary the cluster was there before Lifeboat: from now on it is written down.
    async fn note_first(&self, epoch: Option<Epoch>) {
        if let (Ok(host), Some(epoch)) = (self.here(), epoch) {
            let noted = control_plane::note_served(&host, &self.cluster, epoch).await;
            self.trouble("served", noted.err().map(|trouble| trouble.to_string()));
        }
    }
}
