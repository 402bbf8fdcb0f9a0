//! etcd as a history: every change of it captured, proven, and any moment of it rebuilt.
//!
//! Start where the question is:
//! - asking a member: [`Client`], which [`Connection`] says how to reach; [`hosts`] finds it on its own host;
//! - etcd's files: [`database`] (over [`bbolt`]) and [`wal`];
//! - what is kept: [`history`], its form; [`capture`] adds to it, [`mod@merge`] makes it smaller;
//! - what it holds: [`selection`] chooses records, [`proof`] compares their hash with etcd's own;
//! - what comes out: [`rebuild`] makes data directories and snapshots, [`import`] reads those of others; [`mod@follow`] keeps the
//!   newest state ready, so that it becomes a data directory in no time.
//!
//! Nothing here logs or prints: only the caller knows who listens.
//!
//! Not here: where copies go (`repository`), when they are taken (`protect`), Kubernetes.

mod auth;
pub mod bbolt;
pub mod capture;
mod client;
mod connection;
pub mod database;
mod error;
mod failure;
mod file_error;
pub mod follow;
pub mod history;
pub mod hosts;
pub mod import;
mod members;
pub mod merge;
pub mod proof;
pub mod rebuild;
mod receive;
mod record;
pub mod selection;
mod snapshot;
pub mod sorter;
mod tls;
pub mod wal;
mod wire;

pub use auth::{Password, User};
pub use client::cluster::Member;
pub use client::kv::{Change, Guard, Range};
pub use client::lease::Lease;
pub use client::maintenance::{Alarm, AlarmKind, HashKv, Status};
pub use client::users::AuthStatus;
pub use client::watch::{Heard, Watch};
pub use client::{Client, Header};
pub use connection::Connection;
pub use error::Error;
pub use file_error::FileError;
pub use members::Members;
pub use record::{EntryKey, KeyValue, Record, Revision};
pub use snapshot::{SnapshotInfo, verify_snapshot};
