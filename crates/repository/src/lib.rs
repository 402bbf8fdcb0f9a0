//! Where copies live, sealed: a directory, or a bucket of S3, Google or Azure.
//!
//! A recovery point is some parts and, written last, one manifest: without its manifest it does not exist. A run's journal is
//! a stream of numbered entries, each created only if absent. Everything is sealed under its scope's keys and bound to its name,
//! and points are signed, so that what is planted, swapped, truncated or changed is refused by name. The format is written down in
//! docs/repository-format.md. Start at [`Repository`]; `layout.rs` has every key of the store, `seal.rs` what an object looks
//! like inside, `keys.rs` who can open it, [`retain()`] decides which points may go, [`Repository::hold`] keeps one of them all the same, `prune.rs` what goes with them, [`lease`]
//! says who may act, [`Repository::check`] says what is sound, and [`copy`](copy()) keeps a second one.
//! Files (of nodes, volumes, images) are in a format of their own, which `restic` opens: [`Files`]. What others have stored
//! elsewhere is read through [`foreign`].
//!
//! Not here: what is copied and when (`protect`), what a journal's entries mean (`recovery`), Kubernetes.

mod admin;
mod check;
mod clock;
mod cloud;
mod copy;
mod cost;
mod digest;
mod directory;
mod document;
mod error;
mod evidence;
mod failure;
mod fetch;
mod files;
pub mod foreign;
mod held;
mod hidden;
mod history;
mod hold;
mod inventory;
mod journal;
mod keys;
mod kit;
mod layout;
pub mod lease;
mod limits;
mod local;
mod lock;
mod marker;
mod numbers;
mod partial;
mod periods;
mod points;
mod probe;
mod prune;
mod repair;
mod repository;
mod retain;
mod rights;
mod seal;
mod seen;
mod settings;
mod signed;
mod stats;
mod store;
mod take;
mod trust;
mod units;
mod upload;
mod writers;

pub use admin::{Founding, Grant, KeyringInfo};
pub use check::{
    CheckOptions, CheckProgress, CheckReport, Fault, Flaw, OnCheck, PartReport, PointReport, ReadBytes, Reading,
    Severity,
};
pub use copy::{Copied, CopyOptions, CopyProgress, Followed, OnCopy, copy, follow};
pub use cost::{Cost, HistoryLoad, Load, cost};
pub use error::{AppendError, Error};
pub use estate::{Lag, LockMode};
pub use evidence::{Head, Survey, Tellings, Told};
pub use files::{
    Checked, Files, Finding, Harmed, OnProgress, Progress, Pruned, Read, Restored, Restoring, Snapshot, Snapshots,
    Taken, Taking, Unread,
};
pub use held::{Held, Hold, HoldState};
pub use hidden::Hidden;
pub use history::{HistoryListing, HistoryObject, OpenedObject, Put};
pub use hold::{first_lock, history_lock, point_lock};
pub use journal::SoundEntries;
pub use keys::{KeyId, Recipient, new_identity};
pub use kit::{FoundKit, Kit, KitSearch};
pub use layout::{Kind, Scope};
pub use lock::{LockState, ObjectLock};
pub use points::{Listing, Orphans};
pub use probe::{Check, Probed};
pub use prune::{
    Doomed, Locked, Locks, PointLock, PrunePlan, Pruning, Removal, Removed, Retention, Sightings, Waiting, What,
};
pub use repair::{Lost, RepairPlan, Repaired, Take};
pub use repository::Repository;
pub use retain::{Judgement, Known, Reason, retain};
pub use rights::{Right, Rights};
pub use seen::{Memory, Seen, SeenHistory, SeenPoint};
pub use settings::{AccessKey, Bucket, Cloud, Settings, StoreSettings};
pub use signed::{InvalidPublicKey, PublicKey, Signer};
pub use stats::{Amount, ScopeStats, Stats};
pub use take::NewPoint;
pub use writers::Writer;

#[cfg(test)]
mod tests;
