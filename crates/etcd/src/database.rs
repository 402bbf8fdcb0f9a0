//! What etcd keeps in its database file: [`Database`], be it a member's file, a snapshot, or a stream that is arriving.
//!
//! The bucket `key` holds the history of all keys, record by record ([`Database::records`]); `meta` says how far the member came
//! ([`Facts`]); the rest is small ([`Others`]). A file is only ever opened for reading.
//!
//! Sources: etcd `server/storage/schema/`, `server/storage/mvcc/revision.go`, `server/lease/leasepb/lease.proto`.

mod facts;
mod others;
mod records;

pub use facts::Facts;
pub use others::{Alarm, Lease, Others};
pub use records::Records;

use crate::bbolt::{Bucket, Pages, Reader};
use crate::snapshot::HASH_BYTES;
use crate::{FileError, Record, Revision};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The bucket of records.
pub const KEY_BUCKET: &str = "key";
/// How much is read at once for the hash.
const HASHED_BYTES: usize = 256 << 10;

/// A database of etcd, open for reading.
#[derive(Clone)]
pub struct Database {
    reader: Reader,
    pages: Arc<dyn Pages>,
    key: Bucket,
    has_trailer: bool,
}

impl Database {
    /// Opens a member's database file, or a snapshot of it, with or without the SHA-256 at its end. A member that runs uses pages
    /// again while they are read, unless it is kept from that by a snapshot that is being taken.
    ///
    /// # Errors
    /// [`FileError::Io`] if it is no file or cannot be read; [`FileError::Damaged`] if it is no database of etcd, or its size is
    /// not the one that it says.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        Self::open_as(path, path.display().to_string())
    }

    /// As [`Database::open`], of a file that errors call by another name.
    pub(crate) fn open_as(path: &Path, name: String) -> Result<Self, FileError> {
        let found = std::fs::metadata(path).map_err(FileError::io(&name, "opened"))?;
        if found.is_dir() {
            return Err(FileError::io(&name, "opened")(io::ErrorKind::IsADirectory.into()));
        }
        if !found.is_file() {
            let reason = io::Error::new(io::ErrorKind::InvalidInput, "it is no file");
            return Err(FileError::io(&name, "opened")(reason));
        }
        if found.len() == 0 {
            return Err(FileError::damaged(name, "its beginning", "it is empty"));
        }
        let file = File::open(path).map_err(FileError::io(&name, "opened"))?;
        let mut database = Self::from_pages(name, Arc::new(file))?;
        let (bytes, says) = (found.len(), database.reader.bytes());
        if bytes < says {
            let reason = format!("it is truncated: it has {bytes} of the {says} bytes that it says");
            return Err(FileError::damaged(database.name(), format!("byte {bytes}"), reason));
        }
        database.has_trailer = bytes == says + HASH_BYTES;
        // A member's file grows by whole pages ahead of its content, a snapshot by its hash.
        if bytes % 512 != 0 && !database.has_trailer {
            let reason = format!("{} bytes follow the database, which are no SHA-256 of it", bytes - says);
            return Err(FileError::damaged(database.name(), format!("byte {says}"), reason));
        }
        Ok(database)
    }

    /// Opens a database by its pages, which may still be arriving. `name` is what errors call it. It has no trailer.
    ///
    /// # Errors
    /// As [`Database::open`], as far as the first pages are concerned.
    pub fn from_pages(name: impl Into<String>, pages: Arc<dyn Pages>) -> Result<Self, FileError> {
        let reader = Reader::open(name, Arc::clone(&pages))?;
        let Some(key) = reader.bucket(KEY_BUCKET) else {
            let reason = format!("there is no bucket {KEY_BUCKET}, which every database of etcd has");
            return Err(FileError::damaged(reader.name(), "its buckets", reason));
        };
        Ok(Self { reader, pages, key, has_trailer: false })
    }

    /// What errors call it.
    pub fn name(&self) -> &str {
        self.reader.name()
    }

    /// The size of the database in bytes, without a snapshot's hash and without what a live file has ahead.
    pub fn bytes(&self) -> u64 {
        self.reader.bytes()
    }

    /// Whether it ends with a snapshot's hash. That it matches, [`Database::verify_trailer`] says.
    pub fn has_trailer(&self) -> bool {
        self.has_trailer
    }

    /// Its buckets as they are.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// What it says of the member and of compaction.
    ///
    /// # Errors
    /// What is wrong with the buckets `meta` and `cluster`.
    pub fn facts(&self) -> Result<Facts, FileError> {
        Facts::read(&self.reader)
    }

    /// The revision of the last record; none if it never had any. Not the current revision of etcd where a compaction mark is higher.
    ///
    /// # Errors
    /// What is wrong with the last pages of the records.
    pub fn last_revision(&self) -> Result<Option<Revision>, FileError> {
        let Some((key, value)) = self.key.last()? else {
            return Ok(None);
        };
        let record = Record::from_entry(&key, value);
        let record = record.map_err(|e| FileError::damaged(self.name(), "its last record", e))?;
        Ok(Some(record.revision))
    }

    /// All records in the order of their revisions, each checked.
    pub fn records(&self) -> Records {
        self.records_in(&self.key)
    }

    /// Hands all records to `each`, every one checked as by [`Database::records`], in the order in which they lie in the file, those of
    /// one that is still arriving as they come: of a key, a later version may come before an earlier one.
    ///
    /// # Errors
    /// What is wrong with the records or the pages that lead to them; what `each` returns.
    pub fn records_as_they_lie(&self, each: &mut dyn FnMut(Record) -> Result<(), FileError>) -> Result<(), FileError> {
        // The first and the last revision of each leaf: they may touch nowhere.
        let mut ends = Vec::new();
        for leaf in self.key.leaves() {
            let mut end: Option<(Revision, Revision)> = None;
            for record in Records::new(self.name(), leaf?) {
                let record = record?;
                end = Some((end.map_or(record.revision, |(first, _)| first), record.revision));
                each(record)?;
            }
            ends.extend(end);
        }
        ends.sort_unstable();
        for pair in ends.windows(2) {
            if let [(_, last), (first, _)] = pair
                && last >= first
            {
                let place = format!("record {first}");
                return Err(FileError::damaged(self.name(), place, "it is not newer than the one before it"));
            }
        }
        Ok(())
    }

    /// Splits the records into at most `most` parts, in order, so that several threads can each read one with
    /// [`Database::records_in`]. All records of one part are older than those of the next.
    ///
    /// # Errors
    /// What is wrong with the upper pages of the tree.
    pub fn parts(&self, most: usize) -> Result<Vec<Bucket>, FileError> {
        self.key.parts(most)
    }

    /// The records of a part, as [`Database::records`] gives all.
    pub fn records_in(&self, part: &Bucket) -> Records {
        Records::new(self.name(), part.entries())
    }

    /// All buckets but the records, as they are.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn others(&self) -> Result<Others, FileError> {
        Others::read(&self.reader)
    }

    /// Checks the SHA-256 at the end of a snapshot against all before it, and gives it; none if there is none, as in a member's
    /// file. It protects a snapshot from what happens after it was taken only.
    ///
    /// # Errors
    /// [`FileError::Damaged`] if they do not fit.
    pub fn verify_trailer(&self) -> Result<Option<[u8; 32]>, FileError> {
        if !self.has_trailer {
            return Ok(None);
        }
        let end = self.bytes();
        let mut hash = Sha256::new();
        let mut buffer = vec![0; HASHED_BYTES];
        let mut at = 0;
        while at < end {
            let bytes = usize::try_from(end - at).unwrap_or(HASHED_BYTES).min(HASHED_BYTES);
            let part = buffer.get_mut(..bytes).unwrap_or_default();
            self.pages.read_at(at, part).map_err(FileError::io(self.name(), "read"))?;
            hash.update(part);
            at += bytes as u64;
        }
        let mut trailer = [0; HASH_BYTES as usize];
        self.pages
            .read_at(end, &mut trailer)
            .map_err(FileError::io(self.name(), "read"))?;
        if hash.finalize().as_slice() != trailer {
            let reason = "the SHA-256 at its end is not that of the content: it was changed after it was taken";
            return Err(FileError::damaged(self.name(), format!("byte {end}"), reason));
        }
        Ok(Some(trailer))
    }
}

#[cfg(test)]
mod tests;
