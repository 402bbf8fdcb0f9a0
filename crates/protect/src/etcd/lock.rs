//! Locking a history where its bucket has object lock: what is captured as it is stored, and what is merged from it afterwards.
//! Start at [`HistoryLock`].
//!
//! What cannot be locked counts all the same: a history with a hole in it would be worse. So it is told, and nothing else.

use super::merge::Merged;
use super::shelf::{RepositoryShelf, begin};
use ::etcd::FileError;
use ::etcd::history::{Name as Object, Object as Stored, Put, Shelf};
use estate::{LockMode, Name};
use jiff::Timestamp;
use repository::{Error, Repository, history_lock};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// How the objects of a history are locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLock {
    /// Who may remove them before their time.
    pub mode: LockMode,
    /// For how long every revision stays rebuildable.
    pub window: Duration,
    /// After how much time a new base takes the place of one.
    pub base_every: Duration,
}

/// Who is told that something was stored and not locked, and why; or, with `None`, that all is well.
pub type OnUnlocked = Arc<dyn Fn(Option<&Error>) + Send + Sync>;

impl HistoryLock {
    /// Until when an object is locked whose last change, or whose state, was seen at `at`.
    pub fn until(&self, name: &Object, at: Timestamp) -> Timestamp {
        let needed = match name {
            Object::Base(_) => at.checked_add(self.base_every).unwrap_or(Timestamp::MAX),
            Object::Segment(_) => at,
        };
        history_lock(needed, self.window, [])
    }
}

/// Locks what a merging has left to stay: bases, and merged segments; how many of them were not locked for so long yet.
///
/// # Errors
/// As [`Repository::lock_history`]; the next merging does what is left.
pub async fn lock_merged(
    repository: &Repository,
    cluster: &Name,
    lock: &HistoryLock,
    merged: &Merged,
    now: Timestamp,
) -> Result<u64, Error> {
    let mut made = 0;
    for (name, seen_ms) in &merged.stays {
        let at = i64::try_from(*seen_ms).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
        let until = at.map(|at| lock.until(name, at)).filter(|until| *until > now);
        let Some(until) = until else { continue };
        match repository.lock_history(cluster, &name.to_string(), until, lock.mode).await {
            Ok(is_new) => made += u64::from(is_new),
            // Merged anew by somebody else.
            Err(Error::NotFound { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(made)
}

/// A shelf that locks what is captured into it, from now on.
pub(super) struct LockingShelf {
    pub(super) shelf: RepositoryShelf,
    pub(super) repository: Repository,
    pub(super) cluster: Name,
    pub(super) lock: HistoryLock,
    pub(super) on: OnUnlocked,
    pub(super) runtime: Handle,
}

impl Shelf for LockingShelf {
    fn create(&self, name: &Object, body: &mut dyn Read) -> Result<Put, FileError> {
        let put = self.shelf.create(name, body)?;
        let (repository, cluster) = (self.repository.clone(), self.cluster.clone());
        let (until, mode, key) = (self.lock.until(name, ambient::now()), self.lock.mode, name.to_string());
        let told = begin(&self.runtime, async move { repository.lock_history(&cluster, &key, until, mode).await });
        // None comes when Lifeboat ends.
        if let Ok(locked) = told.recv() {
            (self.on)(locked.err().as_ref());
        }
        Ok(put)
    }

    fn list(&self) -> Result<Vec<Object>, FileError> {
        self.shelf.list()
    }

    fn open(&self, name: &Object) -> Result<Arc<dyn Stored>, FileError> {
        self.shelf.open(name)
    }

    fn remove(&self, name: &Object) -> Result<(), FileError> {
        self.shelf.remove(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::etcd::history::{BaseName, Kept, Mark, SegmentName};

    #[test]
    fn what_is_needed_for_the_window_is_locked_for_it() {
        let hours = Duration::from_hours;
        let lock = HistoryLock {
            mode: LockMode::Governance,
            window: hours(7 * 24),
            base_every: hours(24),
        };
        let mark = Mark([0; 8]);
        let base = BaseName { timeline: 1, revision: 3, chain: mark, link: mark };
        let segment = SegmentName {
            timeline: 1,
            after: 3,
            through: 4,
            prev: mark,
            chain: mark,
            link: mark,
            kept: Kept::Captured,
        };
        let until = |name: Object| lock.until(&name, "2026-11-01T00:00:00Z".parse().unwrap()).to_string();
        assert_eq!(until(Object::Segment(segment)), "2026-11-08T00:00:00Z");
        // Until the next base has taken its place, what comes after it is rebuilt from it.
        assert_eq!(until(Object::Base(base)), "2026-11-09T00:00:00Z");
    }
}
