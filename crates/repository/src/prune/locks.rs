//! Locks of the points that stay, where the bucket has object lock: a point's grows as it outlives others.

use super::{PrunePlan, Pruning};
use crate::hold::point_lock;
use crate::{Error, Repository};
use estate::{LockMode, Name, PointId};
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::HashMap;

/// Points that are locked at once.
const AT_ONCE: usize = 8;

/// A point, and until when it is to be locked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PointLock {
    /// Its cluster.
    pub cluster: Name,
    /// It.
    pub point: PointId,
    /// Until when.
    pub until: Timestamp,
}

/// Locks that were made or found: whoever prunes often keeps them, and asks for each of them once.
#[derive(Debug, Default)]
pub struct Locks(HashMap<(Name, PointId), Timestamp>);

impl PrunePlan {
    /// Until when the points that stay are to be locked, newest first. Those of which nothing says how long they stay are not
    /// among them. `pruning` is what the plan was made with.
    pub fn locks(&self, pruning: &Pruning) -> Vec<PointLock> {
        let mut locks = Vec::new();
        for (cluster, judged) in &self.points {
            let Some(retention) = pruning.clusters.get(cluster) else {
                continue;
            };
            locks.extend(judged.iter().filter_map(|judged| {
                let until = point_lock(judged, &retention.keep, self.made)?;
                Some(PointLock { cluster: cluster.clone(), point: judged.point.clone(), until })
            }));
        }
        locks
    }
}

impl Repository {
    /// Makes these locks, in this mode at least; those that were made now. A point that is gone meanwhile is passed over.
    ///
    /// # Errors
    /// As [`Repository::lock_point`]; what was locked before it stays so.
    pub async fn lock_points(
        &self,
        locks: Vec<PointLock>,
        mode: LockMode,
        known: &mut Locks,
    ) -> Result<Vec<PointLock>, Error> {
        known.forget_all_but(&locks);
        let unknown = locks.into_iter().filter(|lock| !known.knows(lock));
        // Each owns what it needs: a future that borrows from the list could not be sent to another thread.
        let asked = unknown.map(|lock| {
            let repository = self.clone();
            async move {
                match repository.lock_point(&lock.cluster, &lock.point, lock.until, mode).await {
                    Ok(made) => Ok(Some((lock, made))),
                    Err(Error::NotFound { .. }) => Ok(None),
                    Err(other) => Err(other),
                }
            }
        });
        let asked: Vec<_> = asked.collect();
        let mut asked = futures::stream::iter(asked).buffered(AT_ONCE);
        let mut made = Vec::new();
        while let Some(done) = asked.try_next().await? {
            let Some((lock, is_new)) = done else { continue };
            known.learn(&lock);
            made.extend(is_new.then_some(lock));
        }
        Ok(made)
    }
}

impl Locks {
    /// Remembers a lock that was made.
    pub fn learn(&mut self, lock: &PointLock) {
        self.0.insert((lock.cluster.clone(), lock.point.clone()), lock.until);
    }

    fn knows(&self, lock: &PointLock) -> bool {
        let known = self.0.get(&(lock.cluster.clone(), lock.point.clone()));
        known.is_some_and(|until| *until >= lock.until)
    }

    fn forget_all_but(&mut self, locks: &[PointLock]) {
        let wanted =
            |cluster: &Name, point: &PointId| locks.iter().any(|lock| lock.cluster == *cluster && lock.point == *point);
        self.0.retain(|(cluster, point), _| wanted(cluster, point));
    }
}
