//! Makes what an etcd can start on, or restore from, out of any moment that is known.
//!
//! Start at [`rebuild`]. The steps: the records are chosen by a [`Source`], brought into the order of their revisions
//! (`records`), and laid out as a database in one pass; the other buckets are made by a pure function (`buckets`); log and
//! `.snap` file are added for each member (`member`); everything is built and synced beside the target and then renamed into
//! place (`beside`).
//!
//! Why a bump: whoever watches (Kubernetes' informers do) resumes at the last revision seen. If the rebuilt etcd counts from a
//! lower one, etcd takes that for a watch in the future: it says nothing and sends nothing, perhaps for hours. With a bump, all
//! old revisions are marked as compacted, the watch is refused, and the watcher lists anew. etcdutl's own bump leaves a record
//! with an empty key behind; compaction marks alone do the same without it.

pub(crate) mod beside;
pub(crate) mod buckets;
mod error;
mod line;
pub(crate) mod member;
mod members;
pub(crate) mod records;

pub use buckets::Warning;
pub use error::RebuildError;
pub use line::{Line, UnknownLine};
pub use members::{Member, Members};

use crate::bbolt::Writer;
use crate::selection::Source;
use crate::wal;
use beside::{Beside, Hook};
use std::path::{Path, PathBuf};

/// What is added to the revision unless told otherwise: more than any cluster is likely to have counted since.
pub const DEFAULT_BUMP: u64 = 1_000_000_000;

/// How long a lease runs that a key hangs on but nobody recorded, in seconds. Without one the key would stay for ever.
pub const UNKNOWN_LEASE_TTL_S: i64 = 3600;

/// What is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The revision at which the records are taken.
    pub revision: u64,
    /// The etcd that will run it.
    pub line: Line,
    /// How the revisions go on.
    pub marks: Marks,
    /// What it becomes, and where.
    pub target: Target,
}

/// What a rebuilt etcd says of revisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// Only what exists at the revision; everything up to the revision and this much beyond is compacted, so that the next
    /// change gets a revision that nobody has seen. What Kubernetes needs: [`DEFAULT_BUMP`].
    Bump(u64),
    /// Only what exists at the revision, which is the current one and is compacted.
    Current,
    /// Every version that the source has up to the revision, compacted where the source is. Only for comparing: a watcher that
    /// has seen more is told nothing.
    AsIs,
}

/// What is made, and where. Nothing may be there yet, but an empty directory for a data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The data directories of one or more members of a new cluster. etcd starts on each by itself, whatever
    /// `--initial-cluster` says; only `--name`, listening and advertised URLs are given as ever.
    DataDirectories {
        /// The cluster.
        members: Members,
        /// For which of its members, by name, and where.
        directories: Vec<(String, PathBuf)>,
    },
    /// A database without membership, the same for every member: as `member/snap/db` in an otherwise empty data directory, with
    /// `--initial-cluster-state new` and ordinary flags, it becomes any member of any new cluster. Not for k3s and RKE2, which
    /// look for a log.
    Seed {
        /// The file.
        path: PathBuf,
    },
    /// A snapshot as `etcdctl snapshot save` makes it, which etcdutl, k3s and RKE2 restore.
    Snapshot {
        /// The file.
        path: PathBuf,
    },
}

/// What was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// The revision at which the records were taken.
    pub revision: u64,
    /// The revision that an etcd on it says is the current one.
    pub current_revision: u64,
    /// At and below this one, etcd answers "compacted".
    pub compacted_revision: u64,
    /// How many keys exist; with [`Marks::AsIs`], how many records there are.
    pub keys: u64,
    /// The size of the database, in bytes.
    pub bytes: u64,
    /// How many leases there are.
    pub leases: u64,
    /// The leases that keys hang on but nobody recorded. They run for [`UNKNOWN_LEASE_TTL_S`] from etcd's start.
    pub leases_missing: Vec<i64>,
    /// What a person should know.
    pub warnings: Vec<Warning>,
    /// The members by name, each with its id; empty for a seed and a snapshot.
    pub members: Vec<(String, u64)>,
    /// The cluster's id; 0 for a seed and a snapshot.
    pub cluster_id: u64,
}

/// Makes it. Memory is bounded whatever the size: 128 MiB for sorting, some more for writing. What does not fit is
/// sorted in an unlinked file beside the target, which may take as much as the database.
///
/// Guarantees: it is at its place only when it is whole and synced, its directory included. When it fails, or is killed, at
/// the target is what was there before; what a killed one leaves beside it (`.NAME.lifeboat-*`) the next one removes. With
/// several directories, killing it during the last renames may leave some of them, each whole.
///
/// # Errors
/// [`RebuildError`].
pub fn rebuild(source: &dyn Source, request: &Request) -> Result<Rebuilt, RebuildError> {
    rebuild_with(source, request, &|_| Ok(()))
}

/// As [`rebuild`], calling `hook` before each step that changes the disk: a test makes it fail there.
pub(crate) fn rebuild_with(source: &dyn Source, request: &Request, hook: Hook<'_>) -> Result<Rebuilt, RebuildError> {
    let revisions = Revisions::of(source, request)?;
    match &request.target {
        Target::DataDirectories { members, directories } => {
            member::directories(source, request, &revisions, members, directories, hook)
        }
        Target::Seed { path } => {
            let place = Beside::of_file(path, hook)?;
            let rebuilt = database(source, request, &revisions, None, place.result(), &place)?;
            member::sync(&place, place.result())?;
            place.publish()?;
            Ok(rebuilt)
        }
        Target::Snapshot { path } => {
            let place = Beside::of_file(path, hook)?;
            let rebuilt = database(source, request, &revisions, None, place.result(), &place)?;
            member::seal(&place, place.result())?;
            place.publish()?;
            Ok(rebuilt)
        }
    }
}

/// Which revisions are involved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Revisions {
    /// Which records are taken.
    pub(crate) at: u64,
    /// Where the compaction marks are set; 0 for nowhere.
    pub(crate) compacted: u64,
    /// What an etcd will say.
    pub(crate) current: u64,
}

impl Revisions {
    fn of(source: &dyn Source, request: &Request) -> Result<Self, RebuildError> {
        Self::new(request.revision, request.marks, source.compaction())
    }

    /// Those of what is made of revision `at` of a source that is compacted.
    pub(crate) fn new(at: u64, marks: Marks, compaction: u64) -> Result<Self, RebuildError> {
        let (compacted, current) = match marks {
            Marks::Bump(bump) => {
                let bumped = at
                    .checked_add(bump)
                    .filter(|&it| i64::try_from(it).is_ok_and(|it| it < i64::MAX));
                let bumped = bumped.ok_or(RebuildError::Bump { revision: at, bump })?;
                (bumped, bumped)
            }
            Marks::Current => (at, at),
            Marks::AsIs => (compaction, at),
        };
        Ok(Self { at, compacted, current })
    }
}

/// Lays out the database, with the membership of `fresh` if there is one. It is not synced yet.
pub(crate) fn database(
    source: &dyn Source,
    request: &Request,
    revisions: &Revisions,
    membership: Option<(&wal::Fresh, &[wal::Peer])>,
    path: &Path,
    place: &Beside<'_>,
) -> Result<Rebuilt, RebuildError> {
    place.point("database")?;
    let mut writer = Writer::create(path)?;
    let (others, known_leases) = (source.others()?, source.leases()?);
    let (mut buckets, warnings) = buckets::others(&others, request.line, revisions, membership);
    place.point("records")?;
    let written = records::write(source, request, revisions.compacted, place.folder(), &mut writer)?;
    let leases = buckets::leases(&others, &known_leases, &written.leases, request.marks == Marks::AsIs);
    let count = leases.entries.len() as u64;
    buckets.insert("lease".to_owned(), leases.entries);
    for (name, entries) in &buckets {
        buckets::put(&mut writer, name, entries)?;
    }
    place.point("finish")?;
    let bytes = writer.finish()?.bytes;
    Ok(Rebuilt {
        revision: revisions.at,
        current_revision: revisions.current,
        compacted_revision: revisions.compacted,
        keys: written.records,
        bytes,
        leases: count,
        leases_missing: leases.missing,
        warnings,
        members: Vec::new(),
        cluster_id: 0,
    })
}

#[cfg(test)]
mod tests;
