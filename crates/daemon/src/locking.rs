//! Locking what is stored, where the estate wants it and the bucket can: a point at once, for as long as it is sure to stay, and
//! longer as it outlives others.

use crate::guard::Guard;
use estate::{LockMode, Point};
use recovery::Trouble;
use repository::{LockState, Locks, PointLock, PrunePlan, Pruning, Repository, first_lock};

/// What is known of the locks of a repository.
#[derive(Default)]
pub(crate) struct Locking {
    /// What the estate wants and the bucket has, once that was asked.
    state: Option<LockState>,
    known: Locks,
}

impl Locking {
    /// How what is stored is locked, if it is.
    pub(crate) async fn mode(&mut self, guard: &Guard, repository: &Repository) -> Result<Option<LockMode>, Trouble> {
        let wanted = guard.world.repository_of(&guard.of.repository)?.lock.as_deref().copied();
        if wanted.is_none() {
            return Ok(None);
        }
        let state = match self.state {
            Some(state) => state,
            None => *self.state.insert(repository.lock_state(wanted).await?),
        };
        match state.is_lacking() {
            true => {
                let message = format!("{}: {state}", repository.store());
                Err(Trouble::new("LB0302", estate::Kind::Person, message))
            }
            false => Ok(state.mode()),
        }
    }
}

impl Guard {
    /// Locks a point that was just made. One that could not be locked counts all the same: it is better than none.
    pub(crate) async fn lock_new(&self, repository: &Repository, point: &Point) {
        let keep = *self.of.protect.keep;
        let mut locking = self.locking.lock().await;
        let locked = async {
            let until = first_lock(&point.id, &keep, ambient::now());
            if let (Some(mode), Some(until)) = (locking.mode(self, repository).await?, until) {
                repository.lock_point(&self.cluster, &point.id, until, mode).await?;
                let (cluster, point) = (self.cluster.clone(), point.id.clone());
                locking.known.learn(&PointLock { cluster, point, until });
            }
            Ok::<_, Trouble>(())
        };
        let locked = locked.await;
        self.board.trouble(&self.cluster, "object lock", locked.as_ref().err());
    }

    /// Makes the locks longer of what is to stay longer than was known.
    pub(crate) async fn lock_kept(
        &self,
        repository: &Repository,
        (plan, pruning): (&PrunePlan, &Pruning),
    ) -> Result<(), Trouble> {
        let mut locking = self.locking.lock().await;
        // That the store has no object lock was told of the point before.
        if locking.state.is_some_and(|state| state.is_lacking()) {
            return Ok(());
        }
        if let Some(mode) = locking.mode(self, repository).await? {
            repository.lock_points(plan.locks(pruning), mode, &mut locking.known).await?;
        }
        Ok(())
    }
}
