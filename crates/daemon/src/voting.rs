//! This site's voter: its answers, and its word on disk before they are given.

use crate::state::millis;
use crate::{Daemon, Pair, disk, keeping};
use estate::{Kind, LastRenewal, Name, Promised, Renewal, Renewed, Standing, Takeover};
use failover::{Post, Saved, Voter};
use recovery::{Trouble, World};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Between two questions of a voter that knows nothing yet.
const LEARN: Duration = Duration::from_millis(500);

/// Where a site stands.
pub(crate) fn post(world: &World, site: &Name, cluster: &Name, pair: &Pair) -> Result<Post, Trouble> {
    let primary = world.estate.site_of(&pair.primary).ok_or_else(|| {
        Trouble::new("LB0202", Kind::Invalid, format!("the estate does not say at which site {cluster} stands"))
    })?;
    Ok(Post {
        site: site.clone(),
        cluster: cluster.clone(),
        primary: primary.clone(),
        lease: *world.estate.monitor.lease,
    })
}

/// The voter as it was left.
pub(crate) async fn open(
    world: &World,
    site: &Name,
    cluster: &Name,
    pair: &Pair,
    directory: &Path,
) -> Result<Voter, Trouble> {
    let saved = disk::read(&record(directory, cluster))?;
    Ok(Voter::open(post(world, site, cluster, pair)?, saved, ambient::uptime()))
}

fn record(directory: &Path, cluster: &Name) -> PathBuf {
    directory.join(format!("voter-{cluster}.json"))
}

impl Daemon {
    /// Answers a site that asks to go on serving.
    pub(crate) async fn renew(&self, question: &Renewal) -> Result<Renewed, String> {
        let mut voter = self.ballot.lock().await;
        let now = ambient::uptime();
        let answer = voter.renew(question, now);
        self.make_durable(&mut voter, answer.save).await?;
        if answer.reply.granted {
            let renewal = LastRenewal {
                standing: question.standing.clone(),
                ago_ms: 0,
                lease_ms: question.lease_ms,
                revision: question.revision,
            };
            self.state().renewed = Some((renewal, now));
        }
        Ok(answer.reply)
    }

    /// Answers a run that asks for a new epoch. If this site served, it stops before it answers.
    pub(crate) async fn takeover(self: &Arc<Self>, question: &Takeover) -> Result<Promised, String> {
        let mut reply = {
            let mut voter = self.ballot.lock().await;
            let answer = voter.takeover(question, ambient::uptime());
            self.make_durable(&mut voter, answer.save).await?;
            answer.reply
        };
        if reply.promised {
            (self.say)(&format!("promised {} to {}", question.standing, question.run));
            self.look.notify_one();
            if question.standing.holder != self.site && self.has_stand() {
                // When it cannot be stopped in time the lease is waited for, as for a site that does not answer.
                reply.stopped = keeping::stop(self.clone()).await;
            }
        }
        Ok(reply)
    }

    /// Takes in a newer epoch that two other voters know.
    pub(crate) async fn hear(&self, standing: &Standing) {
        let mut voter = self.ballot.lock().await;
        let save = voter.hear(standing);
        _ = self.make_durable(&mut voter, save).await;
        drop(voter);
        self.look.notify_one();
    }

    pub(crate) async fn standing(&self) -> Option<Standing> {
        self.ballot.lock().await.standing().cloned()
    }

    /// No answer leaves before this returned.
    async fn make_durable(&self, voter: &mut Voter, save: Option<Saved>) -> Result<(), String> {
        let Some(saved) = save else { return Ok(()) };
        let (path, to_write) = (record(&self.directory, &self.cluster), saved.clone());
        let written = tokio::task::spawn_blocking(move || disk::write(&path, &to_write)).await;
        let failed = match written {
            Ok(Ok(())) => None,
            Ok(Err(reason)) => Some(reason.to_string()),
            Err(reason) => Some(reason.to_string()),
        };
        if let Some(reason) = failed {
            let told = format!("the voter of {} cannot write its record, so it answers nothing: {reason}", self.site);
            self.trouble("voter", Some(told.clone()));
            return Err(told);
        }
        voter.stored(&saved);
        self.state().standing = Some(saved.standing);
        self.trouble("voter", None);
        Ok(())
    }
}

/// Lets a voter that knows nothing learn from the two others, and then ends.
pub(crate) async fn learn(daemon: Arc<Daemon>) {
    loop {
        if let Some(standing) = daemon.standing().await {
            daemon.state().standing = Some(standing);
            daemon.trouble("voter", None);
            daemon.look.notify_one();
            return;
        }
        match daemon
            .ask_others::<_, Option<Standing>>("standing", &(), Duration::from_secs(2))
            .await
        {
            Ok(answers) => {
                let silent: Vec<&str> = daemon
                    .others()
                    .filter(|site| answers.iter().all(|(answered, _)| answered != *site))
                    .map(Name::as_str)
                    .collect();
                let told = "a new voter learns the epoch from both other sites, and there is no answer from";
                daemon.trouble("voter", (!silent.is_empty()).then(|| format!("{told} {}", silent.join(" and "))));
                let mut voter = daemon.ballot.lock().await;
                let save = voter.learn(&answers);
                _ = daemon.make_durable(&mut voter, save).await;
            }
            Err(trouble) => daemon.trouble("voter", Some(trouble.to_string())),
        }
        ambient::sleep(LEARN).await;
    }
}

/// How old a report of a renewal is.
pub(crate) fn aged(renewed: Option<&(LastRenewal, Duration)>, now: Duration) -> Option<LastRenewal> {
    renewed.map(|(renewal, at)| LastRenewal { ago_ms: millis(now.saturating_sub(*at)), ..renewal.clone() })
}
