//! Where copies live, sealed: a directory or a bucket.
//!
//! A recovery point is some parts and, written last, one manifest: without its manifest it does not exist. A run's journal is
//! a stream of numbered entries, each created only if absent. Everything is sealed with `age` and bound to its name, so that
//! what is planted, swapped, truncated or changed is refused by name. Start at [`Repository`]; `layout.rs` has every key of
//! the store, `seal.rs` what an object looks like inside, [`retain`] decides what may go.
//! Files (of nodes, volumes, images) are in a format of their own, which `restic` opens: [`Files`].
//!
//! Not here: what is copied and when (`protect`), what a journal's entries mean (`recovery`), Kubernetes.

mod error;
mod failure;
mod fetch;
mod files;
mod journal;
mod layout;
mod marker;
mod partial;
mod points;
mod probe;
mod repository;
mod retain;
mod s3;
mod seal;
mod settings;
mod store;
mod take;
mod upload;

pub use error::{AppendError, Error};
pub use files::{
    Checked, Files, Finding, Harmed, OnProgress, Progress, Pruned, Read, Restored, Restoring, Snapshot, Snapshots,
    Taken, Taking, Unread,
};
pub use points::{Listing, Orphans};
pub use probe::{Check, Probed};
pub use repository::Repository;
pub use retain::retain;
pub use settings::{Settings, StoreSettings};
pub use take::NewPoint;

#[cfg(test)]
mod tests;
