//! Keeping what is stored small: the history is merged, and points that no rule keeps go.

use super::{Guard, Running};
use estate::PointId;
use etcd::merge::Policy;
use protect::etcd::{HistoryLock, Holder, lock_merged, merge_once};
use recovery::Trouble;
use repository::{Error, Pruning, Retention, Sightings};
use std::sync::Arc;
use std::time::Duration;

/// Between two rounds. Each lists all that there is, which stores are paid for.
pub(crate) const TIDY: Duration = Duration::from_secs(600);
/// Before the first: what has just begun has nothing to be tidied, and who is restarted again and again should not begin with it.
const FIRST: Duration = Duration::from_secs(60);

/// So many points before the newest proof are looked at for one that it covers: those that were made while it was being had.
const LOOKED_AT: usize = 20;

/// Tidies for as long as the capture goes on.
pub(super) async fn tidy(guard: Arc<Guard>, running: Arc<Running>) {
    let (mut seen, mut pause) = (Sightings::default(), FIRST);
    loop {
        ambient::sleep(pause).await;
        pause = TIDY;
        let pruned = guard.prune(&running, &mut seen).await;
        guard.board.trouble(&guard.cluster, "old points", pruned.as_ref().err());
        let merged = guard.merge(&running).await;
        guard.board.trouble(&guard.cluster, "merging", merged.as_ref().err());
    }
}

impl Guard {
    async fn prune(&self, running: &Running, seen: &mut Sightings) -> Result<(), Trouble> {
        let repository = &running.repository;
        let mut proven = self.gate.proven();
        proven.extend(self.proven_point(running).await?);
        let retention = Retention { keep: *self.of.protect.keep, proven, ..Retention::default() };
        let pruning = Pruning {
            clusters: [(self.cluster.clone(), retention)].into(),
            shared: false,
        };
        let plan = repository.prune_plan(&pruning, seen).await?;
        let locked = self.lock_kept(repository, (&plan, &pruning)).await;
        self.board.trouble(&self.cluster, "locks of old points", locked.as_ref().err());
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

    /// The newest point that the newest proof covers.
    async fn proven_point(&self, running: &Running) -> Result<Option<PointId>, Trouble> {
        let Some(proof) = self.board.change(&self.cluster, |entry| entry.proof.clone()) else {
            return Ok(None);
        };
        let is_before = |id: &&PointId| id.at().is_some_and(|at| at <= proof.at);
        for id in running
            .repository
            .points(&self.cluster)
            .await?
            .points
            .iter()
            .filter(is_before)
            .take(LOOKED_AT)
        {
            // One that does not open is no proven one.
            if let Ok(point) = running.repository.point(&self.cluster, id).await
                && proof.covers(point.timeline, point.revision)
            {
                return Ok(Some(id.clone()));
            }
        }
        Ok(None)
    }

    /// Merges once. Every revision of a point that stays can be rebuilt afterwards.
    async fn merge(&self, running: &Running) -> Result<(), Trouble> {
        let scratch = self.directory.join("merging");
        super::made(&scratch).await?;
        let window = *self.of.protect.etcd.window;
        let policy = Policy { window_ms: crate::state::millis(window), ..Policy::default() };
        let name = self.holder();
        let holder = Holder { name: &name, waiting: &|_| {}, patient: false };
        let (repository, now) = (&running.repository, ambient::now());
        let merged = merge_once(repository, &self.cluster, &holder, &policy, now, &scratch).await?;
        if merged.created + merged.removed > 0 {
            let text = format!("merged: {} objects made, {} removed", merged.created, merged.removed);
            self.board.say(&self.cluster, &text);
        }
        let mode = self.locking.lock().await.mode(self, repository).await?;
        if let Some(mode) = mode {
            let base_every = Duration::from_millis(policy.base_every_ms);
            let lock = HistoryLock { mode, window, base_every };
            lock_merged(repository, &self.cluster, &lock, &merged, now).await?;
        }
        Ok(())
    }
}
