//! Taking copies where the cluster serves, and letting go of old ones.

use crate::Daemon;
use estate::{Epoch, Serving};
use jiff::SignedDuration;
use protect::Source;
use recovery::Trouble;
use repository::{Repository, retain};
use std::sync::Arc;
use std::time::Duration;

/// Between two looks whether it is time.
const LOOK: Duration = Duration::from_millis(500);
/// Parts without a manifest may be a copy that is being stored now; those as old as this are not.
const ORPHAN: SignedDuration = SignedDuration::from_hours(1);
/// Between two looks at what may go.
const PRUNE: Duration = Duration::from_secs(60);

/// Takes copies for as long as the daemon runs.
pub(crate) async fn protect(daemon: Arc<Daemon>) {
    if !daemon.has_stand() {
        return;
    }
    let every = *daemon.of.protect.every;
    let mut repository: Option<Repository> = None;
    let (mut due, mut prune_due) = (Duration::ZERO, Duration::ZERO);
    loop {
        ambient::sleep(LOOK).await;
        let now = ambient::uptime();
        let Some(epoch) = daemon.may_copy() else {
            continue;
        };
        daemon.look_at_revision().await;
        if now < due {
            continue;
        }
        due = now + every;
        let copied = daemon.copy(&mut repository, epoch).await;
        if copied.is_err() {
            // A repository that was opened with old credentials or before its bucket was there is opened anew.
            repository = None;
        }
        daemon.trouble("copies", copied.err().map(|trouble| trouble.to_string()));
        if let Some(repository) = repository.as_ref().filter(|_| now >= prune_due) {
            prune_due = now + PRUNE;
            let pruned = daemon.prune(repository).await;
            daemon.trouble("old copies", pruned.err().map(|trouble| trouble.to_string()));
        }
    }
}

impl Daemon {
    /// The epoch in which this site serves: only what is confirmed is worth copying.
    fn may_copy(&self) -> Option<Epoch> {
        match self.state().serving_at(ambient::uptime()) {
            Serving::Serving { epoch, .. } => Some(epoch),
            _ => None,
        }
    }

    /// The newest revision, so that others can tell what was lost.
    async fn look_at_revision(&self) {
        if let Ok(revision) = protect::etcd::revision(*self.of.distribution).await {
            self.state().revision = Some(revision);
        }
    }

    async fn copy(&self, opened: &mut Option<Repository>, epoch: Epoch) -> Result<(), Trouble> {
        let repository = match opened {
            Some(repository) => repository,
            None => opened.insert(self.world.repository(&self.of.repository)?),
        };
        let host = self.here()?;
        let host_name = self.world.here.clone().unwrap_or_else(|| self.site.clone());
        let source = Source {
            cluster: &self.cluster,
            distribution: *self.of.distribution,
            site: &self.site,
            epoch,
            host: &host,
            host_name: &host_name,
        };
        protect::take(&source, repository, &self.directory.join("spool")).await?;
        Ok(())
    }

    async fn prune(&self, repository: &Repository) -> Result<(), Trouble> {
        let points = repository.points(&self.cluster).await?.points;
        let (protect, now) = (&self.of.protect, ambient::now());
        // Only where copies are opened is it known which was proven last; the newest are kept in any case.
        let proven = self.state().proven.as_ref().map(|(proven, _)| proven.id.clone());
        for id in retain(&points, protect.keep, protect.keep_hourly, proven.as_ref(), now) {
            repository.remove(&self.cluster, &id).await?;
        }
        for id in repository.orphans(&self.cluster).await?.points {
            if id.at().is_some_and(|at| now.duration_since(at) > ORPHAN) {
                repository.remove(&self.cluster, &id).await?;
            }
        }
        Ok(())
    }
}
