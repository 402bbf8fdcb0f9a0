//! Choosing records: what was live at a revision, or what an etcd that was compacted at a floor would still hold.
//!
//! Start at [`Source`]: a moment of a history is one, and so is a single database file. All questions are answered by one
//! pass, [`Source::walk`], which says of every record how it stands; its order is free, values pass through and are never kept.

mod ahead;
mod aside;
mod database;
mod moment;
mod packs;
mod standings;
mod whole;

pub use aside::{Aside, Damaged};
pub use database::DatabaseSource;
pub use packs::Packs;
pub(crate) use packs::Pass;
pub(crate) use standings::{KeyHasher, KeySet};
pub use whole::HistorySource;

use crate::history::NoMoment;
use crate::{FileError, Record};
use bytes::Bytes;
use estate::Kind;
use std::collections::BTreeMap;

/// Something that holds every record of a range of revisions.
pub trait Source: Send + Sync {
    /// What people know it by: a file's name, or a history's.
    fn name(&self) -> String;

    /// The newest revision that it can answer for; etcd may have counted to it without a record there.
    fn last_revision(&self) -> u64;

    /// The lowest revision that it can answer for: at and below it, versions are missing. 0: nothing is missing.
    fn compaction(&self) -> u64;

    /// Hands over, in no order, every record that matters to `revision` or to a compaction at `floor`, with its standing. None
    /// comes twice, and none of which neither holds.
    ///
    /// # Errors
    /// [`SelectionError::Compacted`] and [`SelectionError::Beyond`] unless compaction <= floor <= revision <= last revision; what
    /// reading meets; what `sink` returns, which ends the walk.
    fn walk(&self, floor: u64, revision: u64, sink: &mut Walked<'_>) -> Result<(), SelectionError>;

    /// As [`Source::walk`], in the order of revisions; `None` if that cannot be had without sorting values.
    fn walk_in_order(&self, floor: u64, revision: u64, sink: &mut Walked<'_>) -> Option<Result<(), SelectionError>> {
        let _ = (floor, revision, sink);
        None
    }

    /// The records of all keys that exist at `revision`, in no order.
    ///
    /// # Errors
    /// As [`Source::walk`].
    fn live_at(&self, revision: u64, sink: &mut Sink<'_>) -> Result<(), SelectionError> {
        self.walk(revision, revision, &mut |record, _| sink(record))
    }

    /// The records of all keys that exist at `revision` and begin with `prefix`, in no order.
    ///
    /// # Errors
    /// As [`Source::walk`].
    fn live_under(&self, prefix: &[u8], revision: u64, sink: &mut Sink<'_>) -> Result<(), SelectionError> {
        self.live_at(revision, &mut |record| if begins(&record, prefix)? { sink(record) } else { Ok(()) })
    }

    /// Every record from above `after` up to `through`, deletions too, whose key begins with `prefix`, in no order; of a history in
    /// order of revision. [`Source::compaction`] is the lowest `after` that can be answered.
    ///
    /// # Errors
    /// As [`Source::walk`].
    fn versions_under(
        &self,
        prefix: &[u8],
        after: u64,
        through: u64,
        sink: &mut Sink<'_>,
    ) -> Result<(), SelectionError> {
        self.since(after, through, &mut |record| {
            if record.revision.main > after && begins(&record, prefix)? {
                sink(record)
            } else {
                Ok(())
            }
        })
    }

    /// What an etcd at `revision` holds that was compacted at `floor`: every record above it, and of each key the newest at or
    /// below, unless that is a deletion. In no order.
    ///
    /// # Errors
    /// As [`Source::walk`].
    fn since(&self, floor: u64, revision: u64, sink: &mut Sink<'_>) -> Result<(), SelectionError> {
        self.walk(floor, revision, &mut |record, standing| if standing.kept { sink(record) } else { Ok(()) })
    }

    /// All leases that are known, whether or not a key hangs on them, by id.
    ///
    /// # Errors
    /// What reading meets.
    fn leases(&self) -> Result<BTreeMap<i64, LeaseTtl>, SelectionError>;

    /// All buckets but `key`, as they were last seen: by name, their entries in order of their keys.
    ///
    /// # Errors
    /// What reading meets.
    fn others(&self) -> Result<BTreeMap<String, Vec<(Bytes, Bytes)>>, SelectionError>;
}

/// Takes a record and its standing.
pub type Walked<'a> = dyn FnMut(Record, Standing) -> Result<(), FileError> + 'a;

/// Takes a record.
pub type Sink<'a> = dyn FnMut(Record) -> Result<(), FileError> + 'a;

/// What a record is to the revision and the floor of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// It is its key's state at the revision: the newest of its key up to there, and no deletion.
    pub live: bool,
    /// An etcd that was compacted at the floor still holds it.
    pub kept: bool,
}

/// How long a lease runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaseTtl {
    /// What was granted, in seconds.
    pub granted_s: i64,
    /// What was left when it was last seen, in seconds; 0 when nobody wrote it down.
    pub remaining_s: i64,
}

/// Why records cannot be chosen.
#[derive(Debug, thiserror::Error)]
pub enum SelectionError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Versions that the answer needs were dropped.
    #[error("{source_name} holds not every version at revision {asked}, only from {since} on")]
    Compacted {
        /// The source's name.
        source_name: String,
        /// The revision that was asked for.
        asked: u64,
        /// The lowest that can be answered.
        since: u64,
    },
    /// The history has no way to the revision.
    #[error(transparent)]
    NoMoment(#[from] NoMoment),
    /// It is not known yet.
    #[error("{source_name} ends at revision {last}, before {asked}")]
    Beyond {
        /// The source's name.
        source_name: String,
        /// The revision that was asked for.
        asked: u64,
        /// The newest that can be answered.
        last: u64,
    },
}

impl SelectionError {
    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::File(e) => e.kind(),
            Self::NoMoment(_) | Self::Compacted { .. } | Self::Beyond { .. } => Kind::Invalid,
        }
    }
}

/// Whether a record's key begins with `prefix`.
fn begins(record: &Record, prefix: &[u8]) -> Result<bool, FileError> {
    let damaged = |why: String| FileError::damaged("a record", format!("revision {}", record.revision), why);
    Ok(record.key().map_err(damaged)?.starts_with(prefix))
}

/// Whether `source` can answer for `floor` and `revision`.
pub(crate) fn check_range(source: &dyn Source, floor: u64, revision: u64) -> Result<(), SelectionError> {
    let (since, last) = (source.compaction(), source.last_revision());
    if floor.min(revision) < since {
        let asked = floor.min(revision);
        return Err(SelectionError::Compacted { source_name: source.name(), asked, since });
    }
    if floor.max(revision) > last {
        let asked = floor.max(revision);
        return Err(SelectionError::Beyond { source_name: source.name(), asked, last });
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod made;
#[cfg(test)]
pub(crate) mod model;
#[cfg(test)]
pub(crate) mod tests;
