//! Asking to go on serving: a round of questions to all voters every fifth of a lease, each question in a task of its own, so
//! that nobody who hangs or is slow holds up the others.

use crate::Daemon;
use crate::state::millis;
use estate::{Name, Renewed, Standing};
use failover::{ASKED_PERCENT, Round};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// In /run, which no boot survives: an uptime means nothing after one.
const RUN: &str = "/run/lifeboat";

/// What a restarted keeper goes on with: until when its predecessor's right lasts.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Confirmed {
    standing: Standing,
    /// The start of the newest round that a majority confirmed, in milliseconds of uptime.
    started_ms: u64,
}

/// Asks for as long as the daemon runs.
pub(crate) async fn ask(daemon: Arc<Daemon>) {
    if !daemon.has_stand() {
        return;
    }
    let pause = daemon.lease() * ASKED_PERCENT / 100;
    loop {
        let (standing, served, revision) = {
            let state = daemon.state();
            (state.standing.clone(), state.served(), state.revision)
        };
        let round = daemon.keeper().ask(standing.as_ref(), served, revision, ambient::uptime());
        if let Some(round) = round {
            tokio::spawn(own(daemon.clone(), round.clone()));
            for site in daemon.others() {
                tokio::spawn(one(daemon.clone(), round.clone(), site.clone(), pause));
            }
        }
        _ = tokio::time::timeout(pause, daemon.ask_now.notified()).await;
    }
}

async fn own(daemon: Arc<Daemon>, round: Round) {
    if daemon.renew(&round.renewal).await.is_ok_and(|answer| answer.granted) {
        daemon.confirmed(&round, &daemon.site);
    }
}

async fn one(daemon: Arc<Daemon>, round: Round, site: Name, limit: Duration) {
    let me = daemon.site.as_str();
    let answer = recovery::ask_site::<_, Renewed>(&daemon.world, me, &site, "renew", &round.renewal, limit).await;
    match answer {
        Ok(answer) if answer.granted => daemon.confirmed(&round, &site),
        Ok(answer) => daemon.refused(&round, site, answer.known).await,
        // A site that cannot be asked is no news; a key that cannot be read is.
        Err(trouble) => {
            let told = (trouble.code == "LB0203").then(|| trouble.to_string());
            daemon.trouble("peers' key", told);
        }
    }
}

impl Daemon {
    fn confirmed(&self, round: &Round, by: &Name) {
        let newest = {
            let mut keeper = self.keeper();
            keeper.confirmed(round, by);
            keeper.newest_majority(&round.renewal.standing)
        };
        self.look.notify_one();
        if let Some(started) = newest {
            let confirmed = Confirmed {
                standing: round.renewal.standing.clone(),
                started_ms: millis(started),
            };
            let path = format!("{RUN}/confirmed-{}", self.cluster);
            // Without it a restart of Lifeboat waits for its first answers, and stops the cluster if there are none.
            let written = serde_json::to_vec(&confirmed).map_err(std::io::Error::other).and_then(|text| {
                std::fs::create_dir_all(RUN)?;
                std::fs::write(format!("{path}.partial"), text)?;
                std::fs::rename(format!("{path}.partial"), &path)
            });
            self.trouble("keeper's note", written.err().map(|reason| format!("{path}: {reason}")));
        }
    }

    /// Takes up what this process's predecessor was confirmed.
    pub(crate) fn resume(&self) {
        let read = std::fs::read(format!("{RUN}/confirmed-{}", self.cluster)).ok();
        let confirmed = read.and_then(|text| serde_json::from_slice::<Confirmed>(&text).ok());
        let started = confirmed.as_ref().map(|confirmed| Duration::from_millis(confirmed.started_ms));
        // One from the future was written before a boot that kept /run, whatever that is.
        if let (Some(confirmed), Some(started)) = (confirmed, started.filter(|started| *started <= ambient::uptime())) {
            self.keeper().resume(confirmed.standing, started);
        }
    }

    /// A voter that knows a newer epoch may have promised it to a run that was never won. Two of them make a majority: then it
    /// was, and this site's voter learns it at once instead of when the new holder asks it.
    async fn refused(&self, round: &Round, site: Name, known: Option<Standing>) {
        let Some(known) = known.filter(|known| known.epoch > round.renewal.standing.epoch) else {
            return;
        };
        let agreed = {
            let mut state = self.state();
            let agreed = state.newer.iter().any(|(other, theirs)| *other != site && *theirs == known);
            state.newer.insert(site, known.clone());
            agreed
        };
        if agreed {
            self.hear(&known).await;
        }
    }
}
