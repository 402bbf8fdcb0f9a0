//! A snapshot as a file: etcd's database, then the SHA-256 of it. What makes one sound, in one pass and bounded memory.

use crate::Error;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The length of the hash at a snapshot's end.
pub(crate) const HASH_BYTES: u64 = 32;

/// The size of the smallest snapshot: a new database has four pages of 4 KiB.
pub(crate) const SMALLEST_BYTES: u64 = 4 * 4096 + HASH_BYTES;

/// A sound snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Its size, the hash at its end included.
    pub bytes: u64,
    /// The SHA-256 of all of it, the hash at its end included.
    pub sha256: [u8; 32],
}

/// Reads a snapshot to its end and checks it as [`crate::Client::snapshot`] does: its size is the one that its first page
/// says, and its content matches the SHA-256 at its end. Whoever can write the file can make both fit; that it is the copy
/// that was taken shows only by comparing [`SnapshotInfo::sha256`] with what was noted then.
///
/// # Errors
/// [`Error::Truncated`], [`Error::HashMismatch`], [`Error::NotSnapshot`]; [`Error::Read`] when it cannot be read.
pub async fn verify_snapshot(mut reader: impl AsyncRead + Unpin) -> Result<SnapshotInfo, Error> {
    let snapshot = "the snapshot";
    let mut inspection = Inspection::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = reader.read(&mut buffer).await;
        match read.map_err(|source| Error::Read { snapshot: snapshot.to_owned(), source })? {
            0 => return inspection.finish(snapshot),
            n => inspection.take(&buffer[..n]),
        }
    }
}

/// What is to be known of a snapshot, gathered while its bytes go by.
#[derive(Default)]
pub(crate) struct Inspection {
    /// The first bytes, up to [`HEAD_BYTES`].
    head: Vec<u8>,
    /// The last bytes, up to [`HASH_BYTES`]: whether they are the hash shows only at the end.
    tail: Vec<u8>,
    /// Of all before `tail`.
    database: Sha256,
    bytes: u64,
}

impl Inspection {
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        let missing = HEAD_BYTES - self.head.len();
        self.head.extend_from_slice(&bytes[..missing.min(bytes.len())]);
        self.bytes += bytes.len() as u64;
        // Of a large piece only the end is copied: all before it is of the database, since a whole hash follows it.
        if let Some(settled) = bytes.len().checked_sub(HASH_BYTES as usize) {
            let (before, last) = bytes.split_at(settled);
            self.database.update(&self.tail);
            self.database.update(before);
            self.tail.clear();
            self.tail.extend_from_slice(last);
            return;
        }
        self.tail.extend_from_slice(bytes);
        let settled = self.tail.len().saturating_sub(HASH_BYTES as usize);
        self.database.update(&self.tail[..settled]);
        self.tail.drain(..settled);
    }

    /// `snapshot` is its name in errors.
    pub(crate) fn finish(self, snapshot: &str) -> Result<SnapshotInfo, Error> {
        let snapshot = snapshot.to_owned();
        if self.bytes < SMALLEST_BYTES {
            return Err(Error::Truncated { snapshot, expected: SMALLEST_BYTES, got: self.bytes });
        }
        let expected = match database_bytes(&self.head) {
            Ok(bytes) => bytes.saturating_add(HASH_BYTES),
            Err(reason) => return Err(Error::NotSnapshot { snapshot, reason: reason.to_owned() }),
        };
        if self.bytes < expected {
            return Err(Error::Truncated { snapshot, expected, got: self.bytes });
        }
        if self.bytes > expected {
            let reason = format!("it has {} bytes, but its first page says {expected}", self.bytes);
            return Err(Error::NotSnapshot { snapshot, reason });
        }
        let mut whole = self.database.clone();
        whole.update(&self.tail);
        if self.database.finalize().as_slice() != self.tail {
            return Err(Error::HashMismatch { snapshot });
        }
        Ok(SnapshotInfo { bytes: self.bytes, sha256: whole.finalize().into() })
    }
}

/// The header of a page (16 bytes), then the description of the database (64 bytes).
const HEAD_BYTES: usize = 80;

/// How large a database is, by its first page: bbolt's meta page, which says how many pages there are. A snapshot always
/// begins with a valid one, since bbolt writes it anew for each copy. Numbers are in the byte order of the server, which is
/// little-endian on every platform that Kubernetes' distributions support but s390x.
fn database_bytes(head: &[u8]) -> Result<u64, &'static str> {
    let number = |at: usize, bytes: usize| {
        let digits = head.get(at..at + bytes).unwrap_or_default();
        digits.iter().rev().fold(0, |n, &digit| n << 8 | u64::from(digit))
    };
    let (flags, magic, version) = (number(8, 2), number(16, 4), number(20, 4));
    let (page_bytes, pages, checksum) = (number(24, 4), number(56, 8), number(72, 8));
    if flags != 4 || magic != 0xED0C_DAED {
        return Err("it does not begin as a database of etcd does");
    }
    if checksum != fnv_1a(head.get(16..72).unwrap_or_default()) {
        return Err("its first page is damaged");
    }
    if version != 2 {
        return Err("its database is of an unknown version");
    }
    if !page_bytes.is_power_of_two() || !(512..=65536).contains(&page_bytes) {
        return Err("its first page says an impossible page size");
    }
    pages.checked_mul(page_bytes).ok_or("its first page says an impossible size")
}

/// FNV-1a with 64 bits, with which bbolt guards its meta pages.
pub(crate) fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
pub(crate) mod tests;
