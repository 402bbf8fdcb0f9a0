//! Where copies live, sealed: a directory or a bucket.
//!
//! A recovery point is some parts and, written last, one manifest: without its manifest it does not exist. A run's journal is
//! a stream of numbered entries, each created only if absent. Everything is sealed under its scope's keys and bound to its name,
//! and points are signed, so that what is planted, swapped, truncated or changed is refused by name. The format is written down in
//! docs/repository-format.md. Start at [`Repository`]; `layout.rs` has every key of the store, `seal.rs` what an object looks
//! like inside, `keys.rs` who can open it, [`retain`] decides what may go.
//!
//! Not here: what is copied and when (`protect`), what a journal's entries mean (`recovery`), Kubernetes.

mod admin;
mod error;
mod failure;
mod fetch;
mod hidden;
mod history;
mod journal;
mod keys;
mod kit;
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
mod signed;
mod store;
mod take;
mod trust;
mod upload;
mod writers;

pub use admin::{Founding, Grant, KeyringInfo};
pub use error::{AppendError, Error};
pub use hidden::Hidden;
pub use history::{HistoryListing, HistoryObject, OpenedObject, Put};
pub use keys::{KeyId, Recipient, new_identity};
pub use kit::Kit;
pub use layout::Scope;
pub use points::{Listing, Orphans};
pub use probe::{Check, Probed};
pub use repository::Repository;
pub use retain::retain;
pub use settings::{Settings, StoreSettings};
pub use signed::{InvalidPublicKey, PublicKey, Signer};
pub use take::NewPoint;
pub use writers::Writer;

#[cfg(test)]
mod tests;
