//! Making a repository's history smaller, from time to time, beside whoever captures into it and reads from it. Start at
//! [`merge_once`].
//!
//! Readers have listed names, and come for them later. So what a merged segment replaces stays until the next merging: who
//! began to read before this one finds everything. What is before the window goes at once: nobody was promised it.
//!
//! It may be stopped anywhere. What is new is stored before what it replaces goes, and what was left over is found by the next
//! merging.

use super::leased::{Holder, MergingError, Work, hold};
use super::shelf::RepositoryShelf;
use ::etcd::FileError;
use ::etcd::history::{History, Kept, Name as Object, Object as Stored, Put, SegmentName, Shelf};
use ::etcd::merge::{Action, Facts, Held, Policy, apply, held, plan};
use ::etcd::selection::SelectionError;
use estate::{Name, PointId};
use jiff::Timestamp;
use repository::{Error, Repository};
use std::collections::HashSet;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// More rounds than any history needs: levels, and what becomes possible after them.
const ROUNDS: usize = 12;

/// A point counts as before the window so long before it is: it may become so while a merging goes on.
const EARLY: Duration = Duration::from_secs(3600);

/// What a merging did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// How many objects were made.
    pub created: u64,
    /// Their bytes, before they were sealed.
    pub created_bytes: u64,
    /// How many were removed.
    pub removed: u64,
    /// How many are replaced, and left for those who read now: the next merging removes them.
    pub left: u64,
    /// How many the store did not let go: they are locked, or the credentials may not remove them.
    pub refused: u64,
    /// Why something is kept that would be expected to go.
    pub held: Vec<Held>,
    /// The bases and merged segments that there are now, with when the last of each was seen, in milliseconds of Unix time.
    pub stays: Vec<(Object, u64)>,
}

/// Merges once what is to be merged by `now`: see [`Policy`]. What the cluster's points name stays rebuildable besides what its `keep` has.
/// What is being made lies in `scratch` meanwhile, a local directory, in files without a name. Waits for the lease `merge` of the
/// cluster, and gives it back at the end.
///
/// # Errors
/// Somebody else merges; the points cannot be read; something cannot be read, made or stored. Nothing that is needed has been removed then, and the same can be
/// done again.
pub async fn merge_once(
    repository: &Repository,
    cluster: &Name,
    holder: &Holder<'_>,
    policy: &Policy,
    now: Timestamp,
    scratch: &Path,
) -> Result<Merged, MergingError> {
    let kept = hold(repository, cluster, Work::Merge, holder)
        .await
        .map_err(MergingError::Lease)?;
    let shelf: Arc<dyn Shelf> = Arc::new(RepositoryShelf::new(repository, cluster).under(&kept));
    let (policy, scratch) = (with_points(repository, cluster, policy, now).await?, scratch.to_owned());
    let now_ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
    let merging = tokio::task::spawn_blocking(move || merge(&shelf, &policy, now_ms, &scratch));
    let broken_off = |reason| FileError::Io {
        file: format!("the history of cluster {cluster}"),
        doing: "merged",
        source: io::Error::other(reason),
    };
    let merged = merging.await.unwrap_or_else(|reason| Err(broken_off(reason).into()));
    // A lease that cannot be given back runs out.
    let _ = kept.release().await;
    Ok(merged?)
}

/// The same policy, by which the revisions of all points that are older than the window stay. Inside it every revision does.
///
/// # Errors
/// As every request. A point that nobody could recover from, since it does not open, keeps nothing.
pub async fn with_points(
    repository: &Repository,
    cluster: &Name,
    policy: &Policy,
    now: Timestamp,
) -> Result<Policy, Error> {
    let window = Duration::from_millis(policy.window_ms).saturating_sub(EARLY);
    let is_old = |id: &&PointId| {
        let age = id.at().and_then(|at| Duration::try_from(now.duration_since(at)).ok());
        age.is_some_and(|age| age >= window)
    };
    let mut policy = policy.clone();
    for id in repository.points(cluster).await?.points.iter().filter(is_old) {
        match repository.point(cluster, id).await {
            Ok(point) => policy.keep.extend(u64::try_from(point.revision)),
            Err(Error::Damaged { .. } | Error::Misplaced { .. } | Error::Untrusted { .. } | Error::NotFound { .. }) => {
            }
            Err(other) => return Err(other),
        }
    }
    Ok(policy)
}

/// What [`merge_once`] would do first, and why it would keep something that would be expected to go. More may follow from it.
///
/// # Errors
/// Something cannot be read.
pub fn planned(history: &History, policy: &Policy, now_ms: u64) -> Result<(Vec<Action>, Vec<Held>), FileError> {
    let facts = Facts::of(history)?;
    Ok(decided(&facts, policy, now_ms))
}

fn decided(facts: &[Facts], policy: &Policy, now_ms: u64) -> (Vec<Action>, Vec<Held>) {
    let actions = facts.iter().flat_map(|facts| plan(facts, policy, now_ms)).collect();
    let mut kept: Vec<_> = facts.iter().filter_map(|it| held(it, policy, now_ms)).collect();
    kept.dedup();
    (actions, kept)
}

/// What a merging has made, or an earlier one: all that stays as it is for long.
fn staying(facts: &Facts) -> impl Iterator<Item = (Object, u64)> {
    let merged = facts.chain.iter().filter(|it| it.name.kept != Kept::Captured);
    let bases = facts.bases.iter().map(|it| (Object::Base(it.name), it.at_ms));
    bases.chain(merged.map(|it| (Object::Segment(it.name), it.last_ms)))
}

/// Merges on any shelf. Blocks.
pub(super) fn merge(
    shelf: &Arc<dyn Shelf>,
    policy: &Policy,
    now_ms: u64,
    scratch: &Path,
) -> Result<Merged, SelectionError> {
    let mut merged = Merged::default();
    let mut done: HashSet<Vec<Object>> = HashSet::new();
    for round in 0..ROUNDS {
        let leaving = Arc::new(Leaving::over(shelf));
        let history = History::open(Arc::clone(&leaving) as Arc<dyn Shelf>)?;
        let facts = Facts::of(&history)?;
        let (actions, held) = decided(&facts, policy, now_ms);
        (merged.held, merged.stays) = (held, facts.iter().flat_map(staying).collect());
        // What is to be removed at the beginning, an earlier merging replaced. While its parts are there, a merged segment may be
        // passed over in favour of them, and is planned again.
        let is_due = |it: &Action| match it {
            Action::Remove { .. } => round == 0,
            _ => !done.contains(&parts(it)),
        };
        let due: Vec<_> = actions.into_iter().filter(is_due).collect();
        if due.is_empty() {
            break;
        }
        for action in &due {
            leaving.leaves.store(matches!(action, Action::Merge(_)), Relaxed);
            leaving.is_new.store(false, Relaxed);
            let made = apply(&history, action, scratch)?;
            if leaving.is_new.load(Relaxed) {
                merged.created += 1;
                merged.created_bytes += made.bytes;
            }
            done.insert(parts(action));
        }
        merged.removed += leaving.removed.load(Relaxed);
        merged.left += leaving.left.load(Relaxed);
        merged.refused += leaving.refused.load(Relaxed);
    }
    Ok(merged)
}

/// What an action puts something in the place of, or begins with.
fn parts(action: &Action) -> Vec<Object> {
    let segments = |names: &[SegmentName]| names.iter().copied().map(Object::Segment).collect::<Vec<_>>();
    match action {
        Action::Merge(run) | Action::Coalesce(run) => segments(run),
        Action::Base { from, through } => {
            let mut parts = segments(through);
            parts.insert(0, Object::Base(*from));
            parts
        }
        Action::Remove { names, .. } => names.clone(),
    }
}

/// A shelf that leaves what has just been replaced. What had been replaced before, by a merging that was stopped or of which nobody
/// took notice, goes.
struct Leaving {
    shelf: Arc<dyn Shelf>,
    /// Whether the action at hand may leave anything.
    leaves: AtomicBool,
    /// Whether the last object that was made was not there yet.
    is_new: AtomicBool,
    removed: AtomicU64,
    left: AtomicU64,
    refused: AtomicU64,
}

impl Leaving {
    fn over(shelf: &Arc<dyn Shelf>) -> Self {
        Self {
            shelf: Arc::clone(shelf),
            leaves: AtomicBool::new(false),
            is_new: AtomicBool::new(false),
            removed: AtomicU64::new(0),
            left: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }
}

impl Shelf for Leaving {
    fn create(&self, name: &Object, body: &mut dyn Read) -> Result<Put, FileError> {
        let put = self.shelf.create(name, body)?;
        self.is_new.store(put == Put::Created, Relaxed);
        Ok(put)
    }

    fn list(&self) -> Result<Vec<Object>, FileError> {
        self.shelf.list()
    }

    fn open(&self, name: &Object) -> Result<Arc<dyn Stored>, FileError> {
        self.shelf.open(name)
    }

    fn remove(&self, name: &Object) -> Result<(), FileError> {
        if self.leaves.load(Relaxed) && self.is_new.load(Relaxed) {
            self.left.fetch_add(1, Relaxed);
            return Ok(());
        }
        match self.shelf.remove(name) {
            Ok(()) => self.removed.fetch_add(1, Relaxed),
            // What is locked goes when its time has come: no reason to merge nothing until then.
            Err(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
                self.refused.fetch_add(1, Relaxed)
            }
            Err(other) => return Err(other),
        };
        Ok(())
    }
}
