//! etcd: its history in a repository.
//!
//! [`source()`] says how a cluster's etcd is reached. Start at [`capture()`], which keeps the history; [`merge_once`] makes it smaller, and [`RepositoryShelf`] is how everything in
//! the crate `etcd` reads it: proofs, rebuilding, exports.

mod capture;
mod export;
mod failed;
mod leased;
mod lock;
mod lost;
mod merge;
mod restore;
mod shelf;
mod source;

pub use capture::{Captured, capture};
pub use export::{Unmade, export, export_snapshot, newest};
pub use failed::repository_error;
pub use leased::{CapturingError, Holder, MergingError, writer};
pub use lock::{HistoryLock, OnUnlocked, lock_merged};
pub use lost::{LostMoment, lost_moments, objects_of};
pub use merge::{Merged, merge_once, planned, with_points};
pub use restore::{Restore, restore, waiting};
pub use shelf::RepositoryShelf;
pub use source::{Found, revision, source};

#[cfg(test)]
pub(crate) mod tests;
