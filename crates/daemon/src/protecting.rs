//! Taking copies where the cluster serves, and letting go of old ones.

use crate::Daemon;
use crate::locking::Locking;
use estate::{Epoch, Point, PointId, Serving};
use protect::Source;
use recovery::Trouble;
use repository::{Error, Pruning, Repository, Retention, Sightings};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks whether it is time.
const LOOK: Duration = Duration::from_millis(500);
/// Between two looks at what may go. Each lists all copies, which stores are paid for.
pub(crate) const PRUNE: Duration = Duration::from_secs(600);

/// Takes copies for as long as the daemon runs.
pub(crate) async fn protect(daemon: Arc<Daemon>) {
    if !daemon.has_stand() {
        return;
    }
    let every = *daemon.of.protect.every;
    let mut repository: Option<Repository> = None;
    let (mut seen, mut locking) = (Sightings::default(), Locking::default());
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
        daemon.trouble("copies", copied.as_ref().err().map(ToString::to_string));
        match (&copied, &repository) {
            (Ok(point), Some(repository)) => {
                daemon.state().copied = Some(point.id.clone());
                daemon.lock_new(repository, &mut locking, point).await;
            }
            // A repository that was opened with old credentials or before its bucket was there is opened anew.
            _ => {
                repository = None;
                locking.look_again();
            }
        }
        if let Some(repository) = repository.as_ref().filter(|_| now >= prune_due) {
            prune_due = now + PRUNE;
            let pruned = daemon.prune(repository, &mut seen, &mut locking).await;
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
        if let Ok(revision) = protect::etcd::revision(self.of.distribution()).await {
            self.state().revision = Some(revision);
        }
    }

    async fn copy(&self, opened: &mut Option<Repository>, epoch: Epoch) -> Result<Point, Trouble> {
        let repository = match opened {
            Some(repository) => repository,
            None => opened.insert(self.world.repository(&self.of.repository)?),
        };
        let host = self.here()?;
        let host_name = self.world.here.clone().unwrap_or_else(|| self.site.clone());
        let source = Source {
            cluster: &self.cluster,
            distribution: self.of.distribution(),
            site: &self.site,
            epoch,
            host: &host,
            host_name: &host_name,
        };
        Ok(protect::take(&source, repository, &self.directory.join("spool")).await?)
    }

    async fn prune(&self, repository: &Repository, seen: &mut Sightings, locking: &mut Locking) -> Result<(), Trouble> {
        // Which was proven last is known where copies are opened, which is at another site; that one says so in its reports.
        let proven: BTreeSet<PointId> = {
            let state = self.state();
            let heard = state.heard.values().filter_map(|(report, _)| report.proven.as_ref());
            let own = state.proven.as_ref().map(|(proven, _)| proven);
            heard.chain(own).map(|proven| proven.id.clone()).collect()
        };
        let retention = Retention { keep: *self.of.protect.keep, proven, ..Retention::default() };
        let pruning = Pruning {
            clusters: [(self.cluster.clone(), retention)].into(),
            shared: false,
        };
        let plan = repository.prune_plan(&pruning, seen).await?;
        let locked = self.lock_kept(repository, locking, (&plan, &pruning)).await;
        self.trouble("locks of old copies", locked.err().map(|trouble| trouble.to_string()));
        let removed = repository.prune(&plan, |_| {}).await?;
        // What is locked until a time goes then. What is merely refused, somebody has to look at.
        match removed.locked.into_iter().find(|locked| locked.until.is_none()) {
            Some(locked) => {
                let store = repository.store().to_owned();
                Err(Error::Refused { store, object: locked.object, reason: locked.reason }.into())
            }
            None => Ok(()),
        }
    }
}
