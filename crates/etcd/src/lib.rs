//! The only way into etcd: the state of a member, and its whole database as a checked snapshot.
//!
//! Start at [`Client`], which [`Connection`] says how to reach. A snapshot is the file that `etcdctl snapshot save` makes and
//! `etcdutl snapshot restore` takes: the database, then its SHA-256. [`verify_snapshot`] checks such a file again.
//!
//! Nothing here logs, prints or repeats: only the caller knows how long it may wait, and which member to ask next.
//!
//! Not here: where copies go (`repository`), when they are taken (`protect`), Kubernetes.

mod auth;
pub mod bbolt;
mod client;
mod connection;
pub mod database;
mod error;
mod failure;
mod file_error;
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
pub use client::watch::{Heard, Watch};
pub use client::{Client, Header};
pub use connection::Connection;
pub use error::Error;
pub use file_error::FileError;
pub use members::Members;
pub use record::{EntryKey, KeyValue, Record, Revision};
pub use snapshot::{SnapshotInfo, verify_snapshot};
