//! etcd: a whole snapshot for now, checked against the hash that etcd itself puts at its end.

mod restore;
mod take;

pub use restore::{Restore, restore, waiting};
pub use take::{Snapshot, revision, take, verify};
