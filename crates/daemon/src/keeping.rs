//! The right to serve, enforced on this host. The duty is looked at several times a second, and nothing here waits for the
//! network, a voter's disk, or a script: what takes time runs in a task.

use crate::Daemon;
use crate::state::millis;
use estate::{Epoch, Serving, Standing};
use failover::Duty;
use recovery::{Trouble, control_plane};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Between two looks at the duty.
const TICK: Duration = Duration::from_millis(200);
/// What does not stop by itself within this is killed: the lease does not wait.
const GRACE: Duration = Duration::from_millis(500);
/// How long stopping or starting may take in all.
const LIMIT: Duration = Duration::from_secs(20);
/// How often a site that must not serve looks whether somebody has started something, and one that may tries to start again.
const AGAIN: Duration = Duration::from_secs(5);
/// Between two looks at the note in which epoch the cluster was started here.
const SERVED: Duration = Duration::from_millis(500);

/// What the keeper has done to this host's control plane last.
#[derive(Debug, Default)]
pub(crate) struct Hands {
    /// Everything has stopped, and nothing was started since.
    stopped: bool,
    /// When that was last made sure of.
    at: Duration,
    /// Counts starts: a stop that overlaps with one proves nothing.
    starts: u64,
}

/// Keeps the right to serve for as long as the daemon runs.
pub(crate) async fn keep(daemon: Arc<Daemon>) {
    if !daemon.has_stand() {
        daemon.state().serving = (Serving::Never, ambient::uptime());
        return;
    }
    let mut begun = ambient::uptime();
    let mut started = false;
    let mut next_start = begun;
    let mut starting: Option<JoinHandle<bool>> = None;
    let mut stopping: Option<JoinHandle<bool>> = None;
    loop {
        let now = ambient::uptime();
        let (standing, served) = {
            let state = daemon.state();
            (state.standing.clone(), state.served())
        };
        let duty = daemon.keeper().duty(standing.as_ref(), served, now);
        daemon.note(&duty, standing.as_ref(), now);
        match &duty {
            Duty::Serve { .. } => {
                if starting.as_ref().is_some_and(JoinHandle::is_finished)
                    && let Some(task) = starting.take()
                {
                    started = task.await.unwrap_or(false);
                    next_start = now + AGAIN;
                }
                if !started && starting.is_none() && now >= next_start {
                    starting = Some(tokio::spawn(start(daemon.clone())));
                }
                if served.is_none() {
                    daemon.note_first(standing.as_ref().map(|standing| standing.epoch));
                }
            }
            // A run starts what serves, in its own order and once it is confirmed. Stopping while the first answers are on their
            // way would only take away what the run has just started.
            Duty::HandsOff { .. } => (started, begun) = (true, now),
            Duty::StandBy | Duty::Learn => {}
            Duty::Stop { .. } | Duty::Fenced { .. } => {
                // Restarting Lifeboat is no reason to stop a cluster before the first answers can be there; neither is a run.
                let waits = matches!(duty, Duty::Stop { .. }) && !daemon.knows_better(begun, now);
                if !waits {
                    if let Some(task) = starting.take() {
                        task.abort();
                    }
                    started = false;
                    let busy = stopping.as_ref().is_some_and(|task| !task.is_finished());
                    if !busy && !daemon.surely_stopped(now) {
                        stopping = Some(tokio::spawn(stop(daemon.clone())));
                    }
                }
            }
        }
        // A promise given here, or an answer, changes the duty at once.
        _ = tokio::time::timeout(TICK, daemon.look.notified()).await;
    }
}

/// Reads, for as long as the daemon runs, in which epoch the cluster was started here. What cannot be read now stays as it
/// was: a lease runs out whatever the disk does.
pub(crate) async fn watch_served(daemon: Arc<Daemon>) {
    while daemon.has_stand() {
        daemon.read_served().await;
        ambient::sleep(SERVED).await;
    }
}

/// Starts what serves; whether all of it was.
async fn start(daemon: Arc<Daemon>) -> bool {
    {
        let mut hands = daemon.hands();
        hands.stopped = false;
        hands.starts += 1;
    }
    let started = async {
        let host = daemon.here()?;
        control_plane::start(&host, daemon.of.distribution(), false, LIMIT).await?;
        control_plane::start_manager(&host, &daemon.pair.manager.start, LIMIT).await
    };
    let started = started.await;
    let done = started.is_ok();
    daemon.trouble("starting", started.err().map(|trouble| trouble.to_string()));
    done
}

/// Stops what serves; whether nothing of it runs any more.
pub(crate) async fn stop(daemon: Arc<Daemon>) -> bool {
    let starts = daemon.hands().starts;
    let stopped = async {
        let host = daemon.here()?;
        let limits = control_plane::Limits { grace: GRACE, all: LIMIT, alone: false };
        control_plane::stop(&host, daemon.of.distribution(), Some(&daemon.pair.manager.stop), limits).await
    };
    match stopped.await {
        Ok(note) => {
            daemon.trouble("stopping", note.filter(|note| !note.contains(control_plane::NOTHING_RAN)));
            let mut hands = daemon.hands();
            if hands.starts != starts {
                return false;
            }
            let first = !hands.stopped;
            (hands.stopped, hands.at) = (true, ambient::uptime());
            drop(hands);
            if first {
                (daemon.say)("the manager and the control plane have stopped");
            }
            true
        }
        Err(trouble) => {
            daemon.hands().stopped = false;
            daemon.trouble("stopping", Some(format!("not all of it has stopped: {trouble}")));
            false
        }
    }
}

impl Daemon {
    /// Whether a duty to stop rests on knowledge, or only on this process having just begun.
    fn knows_better(&self, begun: Duration, now: Duration) -> bool {
        let confirmed_once = self.keeper().was_confirmed();
        let learnt = { self.state().standing.is_some() && self.state().served_is_read() };
        (confirmed_once && learnt) || now.saturating_sub(begun) >= self.lease() * 3 / 5
    }

    fn surely_stopped(&self, now: Duration) -> bool {
        let hands = self.hands();
        hands.stopped && now.saturating_sub(hands.at) < AGAIN
    }

    /// Looks in which epoch the cluster was started here last.
    pub(crate) async fn read_served(&self) {
        let cluster = self.cluster.clone();
        let read = tokio::task::spawn_blocking(move || control_plane::served_here(&cluster)).await;
        let read = read
            .map_err(|reason| reason.to_string())
            .and_then(|read| read.map_err(|trouble| trouble.to_string()));
        self.trouble("served", read.as_ref().err().cloned());
        if let Ok(served) = read {
            self.state().set_served(served);
        }
    }

    /// The host of the control plane at this site: this one.
    pub(crate) fn here(&self) -> Result<cluster::Host, Trouble> {
        let host = self.world.estate.sites.get(&self.site).and_then(|site| site.host.as_deref());
        let host = host.ok_or_else(|| Trouble::new("LB0204", estate::Kind::Invalid, "this site has no host"))?;
        self.world.host(host)
    }

    fn note(&self, duty: &Duty, standing: Option<&Standing>, now: Duration) {
        let serving = duty.serving(standing);
        let mut state = self.state();
        let changed = std::mem::discriminant(&state.serving.0) != std::mem::discriminant(&serving);
        state.serving = (serving, now);
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

    /// At the primary the cluster was there before Lifeboat: from now on it is written down.
    fn note_first(self: &Arc<Self>, epoch: Option<Epoch>) {
        let Some(epoch) = epoch else { return };
        let daemon = self.clone();
        // Read back by the next look; until then it is only written again.
        tokio::spawn(async move {
            let noted = match daemon.here() {
                Ok(host) => control_plane::note_served(&host, &daemon.cluster, epoch).await,
                Err(trouble) => Err(trouble),
            };
            daemon.trouble("served", noted.err().map(|trouble| trouble.to_string()));
        });
    }
}
