//! etcd's write-ahead log and the files beside it: what a member's directory holds apart from the database.
//!
//! Start at [`read`], which goes through the log of a stopped member, and at [`fresh`], which makes the log and the `.snap` file
//! that the first start of a rebuilt member finds. [`member_id`] and [`cluster_id`] say who that member is.
//!
//! The log is a row of files (*segments*) `{sequence:016x}-{first index:016x}.wal`, each a row of frames: a length, then a
//! record of a type with a checksum that rolls on from record to record. Sources: etcd `server/storage/wal/{wal,encoder,
//! decoder}.go` (3.5: `server/wal`), `etcdutl/snapshot/v3_snapshot.go`, `server/etcdserver/api/snap/snapshotter.go`.

mod frame;
mod fresh;
mod identity;
mod message;
mod read;

pub use fresh::{Fresh, fresh};
pub use identity::{Peer, cluster_id, member_id};
pub use read::{Entry, HardState, Log, Mark, Missing, read};

/// The size of a segment as etcd lays it out in advance, in bytes.
pub(crate) const SEGMENT_BYTES: u64 = 64_000_000;

/// The name of the first segment of a log.
pub(crate) const FIRST_SEGMENT: &str = "0000000000000000-0000000000000000.wal";

/// What a record of the log is about.
pub(crate) mod kind {
    /// Whose log it is: the first thing in each segment but the checksum.
    pub(crate) const METADATA: i64 = 1;
    /// A proposal of raft.
    pub(crate) const ENTRY: i64 = 2;
    /// Term, vote and commit index.
    pub(crate) const STATE: i64 = 3;
    /// The checksum that the segment before ended with.
    pub(crate) const CHECKSUM: i64 = 4;
    /// That a snapshot of the state was kept, and at which index.
    pub(crate) const MARK: i64 = 5;
}

#[cfg(test)]
mod tests;
