//! A database or snapshot file, proven by itself, and against a history. Start at [`verify_file`]; the file is only ever read.

use super::hash_kv;
use crate::database::Database;
use crate::selection::{DatabaseSource, SelectionError, Source};
use std::path::Path;

/// What was found out about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileVerified {
    /// Whether a snapshot's SHA-256 was at its end, and right; a member's file has none.
    pub has_trailer: bool,
    /// The newest revision.
    pub revision: u64,
    /// The compaction.
    pub compact_revision: u64,
    /// How many records it has.
    pub records: u64,
    /// How many keys exist at the newest revision.
    pub keys: u64,
    /// What a member that holds the same answers to `HashKV` at that revision and compaction.
    pub hash: u32,
}

/// How a file stands to a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileCompared {
    /// It holds what the history holds.
    Equal,
    /// It holds something else; this is the history's hash.
    Differs(u32),
    /// The history has no answer for its revision and compaction; it has for compactions from `since` on, up to `last`.
    NotComparable {
        /// The lowest compaction for which the history has an answer.
        since: u64,
        /// The newest revision of the history.
        last: u64,
    },
}

/// Reads a file from end to end: its SHA-256 if it has one, every page that its buckets lead to, every record; and hashes it.
///
/// # Errors
/// What is wrong with it, and where.
pub fn verify_file(path: &Path) -> Result<FileVerified, SelectionError> {
    verify_database(Database::open(path)?)
}

/// The same of a file that is open, such as one that was unpacked.
///
/// # Errors
/// As [`verify_file`].
pub fn verify_database(database: Database) -> Result<FileVerified, SelectionError> {
    let has_trailer = database.verify_trailer()?.is_some();
    let source = DatabaseSource::new(database)?;
    source.others()?;
    source.leases()?;
    let (revision, compact_revision) = (source.last_revision(), source.compaction());
    let records = source.database().records().try_fold(0, |n, it| it.map(|_| n + 1))?;
    let mut keys = 0;
    source.live_at(revision, &mut |_| {
        keys += 1;
        Ok(())
    })?;
    let hash = hash_kv(&source, revision, compact_revision)?.hash;
    Ok(FileVerified { has_trailer, revision, compact_revision, records, keys, hash })
}

/// Compares a file with a history.
///
/// # Errors
/// What reading the history meets.
pub fn compare_file(file: &FileVerified, history: &dyn Source) -> Result<FileCompared, SelectionError> {
    match hash_kv(history, file.revision, file.compact_revision) {
        Ok(ours) if ours.hash == file.hash => Ok(FileCompared::Equal),
        Ok(ours) => Ok(FileCompared::Differs(ours.hash)),
        Err(SelectionError::File(e)) => Err(e.into()),
        Err(_) => Ok(FileCompared::NotComparable { since: history.compaction(), last: history.last_revision() }),
    }
}
