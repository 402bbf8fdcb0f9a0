//! Opens what others left behind: a snapshot file of any distribution, or the data directory of a stopped member.
//!
//! Start at [`snapshot_file`] and [`data_directory`]. Both end in a [`Database`], from which a base is made. Nothing is ever
//! written where the source is.
//!
//! A stopped member's database file may lack its last changes: etcd writes them to its log at once, and to the database some
//! 100 ms later. Only etcd itself can apply them, so it is started on a copy, if there is one.

mod error;
mod replay;
mod scratch;
mod unpack;

pub use error::ImportError;
pub use scratch::Scratch;

use crate::database::Database;
use crate::{FileError, wal};
use std::fmt;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use wal::Missing;

/// A database from elsewhere, and what is known of it.
pub struct Imported {
    /// The database, opened.
    pub database: Database,
    /// What it was found in.
    pub form: Form,
    /// What the member's log holds and the database does not. Nothing for a snapshot.
    pub missing: Missing,
    /// What else is in the archive that it was in: RKE1 puts the cluster's state file there. Names only, never to be used as paths.
    pub beside: Vec<String>,
    /// The file that the database is read from.
    file: PathBuf,
    /// Holds the copy that the database is read from, if it is one.
    spool: Option<Scratch>,
}

/// What a database was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A snapshot with its SHA-256, which matches.
    Snapshot,
    /// A database without a hash, as in `member/snap/db`: that it is what etcd wrote shows only from its own structure.
    Database,
    /// A snapshot in an archive, as k3s and RKE2 (compressed) and RKE1 keep them. Archive and, if there is one, SHA-256 match.
    Zip,
    /// A member's data directory, whose log etcd has applied to a copy.
    Replayed,
    /// A member's data directory; its log was read only.
    DataDirectory,
}

impl Imported {
    /// The directory with the copy that the database is read from; it goes when this does. `None` if it is read in place.
    pub fn spool(&self) -> Option<&Path> {
        self.spool.as_ref().map(Scratch::path)
    }

    /// The file that the database is read from, unpacked: it is there for as long as this is.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

impl fmt::Debug for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut it = f.debug_struct("Imported");
        it.field("database", &self.database.name()).field("form", &self.form);
        it.field("missing", &self.missing).finish_non_exhaustive()
    }
}

/// Opens a snapshot of etcdctl, k3s, RKE2 or RKE1, or a bare database file. What is compressed is unpacked into a directory of
/// its own in `spool`; all else is read in place. Whether its records are sound shows when they are read.
///
/// # Errors
/// [`ImportError::File`]: it is none of these, its hash does not match, or the disk is full.
pub fn snapshot_file(path: &Path, spool: &Path) -> Result<Imported, ImportError> {
    if !unpack::is_archive(path)? {
        let database = Database::open(path)?;
        let form = if database.verify_trailer()?.is_some() {
            Form::Snapshot
        } else {
            Form::Database
        };
        return Ok(Imported {
            database,
            form,
            missing: Missing::default(),
            beside: Vec::new(),
            file: path.to_owned(),
            spool: None,
        });
    }
    let folder = Scratch::create(spool)?;
    let unpacked = folder.path().join("snapshot");
    let beside = unpack::unpack(path, &unpacked)?;
    // What was unpacked is gone when somebody reads of it.
    let database = Database::open_as(&unpacked, path.display().to_string())?;
    database.verify_trailer()?;
    Ok(Imported {
        database,
        form: Form::Zip,
        missing: Missing::default(),
        beside,
        file: unpacked,
        spool: Some(folder),
    })
}

/// Opens the data directory of a member that does not run (the one with `member` in it). With `etcd`, a program of the
/// member's line, that one is started on a copy in `spool`, on loopback, until it has applied the member's log; without, the
/// database file is taken as it is, and what it lacks is counted: of a member that is alone in its cluster all that is in its log,
/// of another what it knew to be committed, and the rest as [`Missing::uncertain`].
///
/// Caveats: a log that `--wal-dir` put elsewhere must be brought to `member/wal` first. Of a cluster with several members, only
/// what this one knew to be committed is applied; see [`Missing::uncertain`].
///
/// # Errors
/// [`ImportError::Running`]; [`ImportError::Etcd`] when etcd does not start on it; [`ImportError::File`].
pub fn data_directory(path: &Path, etcd: Option<&Path>, spool: &Path) -> Result<Imported, ImportError> {
    let member = path.join("member");
    let file = member.join("snap").join("db");
    let locked = File::open(&file).map_err(FileError::io(file.display(), "opened"))?;
    // etcd holds a lock on the file as long as it runs; ours keeps it from starting meanwhile.
    match locked.try_lock_shared() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(ImportError::Running { path: path.display().to_string() }),
        Err(TryLockError::Error(e)) => return Err(FileError::io(file.display(), "locked")(e).into()),
    }
    let database = Database::open(&file)?;
    let held = Held::of(&database, &member.join("wal"))?;
    let Some(etcd) = etcd else {
        return Ok(Imported {
            database,
            form: Form::DataDirectory,
            missing: held.missing,
            beside: Vec::new(),
            file,
            spool: None,
        });
    };
    drop(database);
    let folder = Scratch::create(spool)?;
    let copied = folder.path().join("data").join("member");
    replay::copy(&member, &copied)?;
    drop(locked);
    replay::replay(etcd, folder.path(), held.alone)?;
    let file = copied.join("snap").join("db");
    let database = Database::open(&file)?;
    // What etcd itself proposed since it started may be missing.
    let applied = database.facts()?.consistent_index.unwrap_or(0);
    if applied < held.last {
        let reason = format!("it stopped at entry {applied} of {}", held.last);
        return Err(ImportError::Etcd { reason });
    }
    let missing = Missing { uncertain: held.missing.uncertain, ..Missing::default() };
    Ok(Imported {
        database,
        form: Form::Replayed,
        missing,
        beside: Vec::new(),
        file,
        spool: Some(folder),
    })
}

/// What a member has in its database and its log.
struct Held {
    missing: Missing,
    /// Whether it is the only one in its cluster: then all that is in its log is committed.
    alone: bool,
    /// The last entry that is known to be committed.
    last: u64,
}

impl Held {
    fn of(database: &Database, log: &Path) -> Result<Self, FileError> {
        let facts = database.facts()?;
        let index = facts.consistent_index.unwrap_or(0);
        let mut log = wal::read(log, index)?;
        let members = |json: &str| {
            let state: serde_json::Value = serde_json::from_str(json).ok()?;
            let count = |name: &str| state.get(name).and_then(|v| v.as_array()).map_or(0, Vec::len);
            Some(count("voters") + count("learners") + count("voters_outgoing"))
        };
        let members = facts.conf_state.as_deref().and_then(members);
        let alone = members == Some(1) && !log.entries.iter().any(|entry| entry.is_conf_change);
        if alone {
            // etcd acknowledges a write of such a member as soon as it is in the log; that it is committed it notes with the next.
            log.state.commit = log.state.commit.max(log.last_index);
        }
        Ok(Self { missing: log.missing(index), alone, last: log.state.commit })
    }
}

#[cfg(test)]
mod tests;
