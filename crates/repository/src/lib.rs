//! Where copies live, sealed: a directory, or a bucket of S3, Google or Azure.
//!
//! A recovery point is some parts and, written last, one manifest: without its manifest it does not exist. A run's journal is
//! a stream of numbered entries, each created only if absent. Everything is sealed with `age` and bound to its name, so that
//! what is planted, swapped, truncated or changed is refused by name. Start at [`Repository`]; `layout.rs` has every key of
//! the store, `seal.rs` what an object looks like inside, [`retain`] decides what may go.
//!
//! Not here: what is copied and when (`protect`), what a journal's entries mean (`recovery`), Kubernetes.

mod cloud;
mod directory;
mod error;
mod failure;
mod fetch;
mod journal;
mod layout;
mod limits;
mod lock;
mod marker;
mod partial;
mod points;
mod probe;
mod repository;
mod retain;
mod seal;
mod settings;
mod store;
mod take;
mod upload;
mod usage;

pub use error::{AppendError, Error};
pub use lock::{LockMode, ObjectLock};
pub use points::{Listing, Orphans};
pub use probe::{Check, Probed};
pub use repository::Repository;
pub use retain::retain;
pub use settings::{AccessKey, Bucket, Cloud, Settings, StoreSettings};
pub use take::NewPoint;
pub use usage::Usage;

#[cfg(test)]
mod tests;
