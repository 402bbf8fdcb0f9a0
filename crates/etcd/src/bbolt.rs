//! The file format of bbolt, in which etcd keeps its database: a [`Reader`] that trusts nothing, a [`Writer`] that lays out
//! a fresh file from sorted entries, and an [`Editor`] that changes a file so that a crash leaves what was or what is.
//!
//! A file is a row of pages. The first two describe the database (the *metas*: the valid one with the higher transaction id
//! counts); all others belong to a B+ tree of buckets, each of which is a B+ tree of entries, or is gone and not looked at. A
//! tree's pages point down only, and one page is never changed in place: whoever holds a meta page and the pages that it leads
//! to has a consistent database.
//!
//! Numbers are little-endian, as on every platform of Kubernetes' distributions but s390x. Sources: bbolt
//! `internal/common/{page,meta,bucket,inode}.go`, `node.go`, `tx_check.go`; versions 1.3.12, 1.4.3 and 1.5.0 have the same format.

pub(crate) mod editor;
mod leaves;
mod meta;
mod page;
mod paper;
mod reader;
mod source;
mod tree;
mod walk;
mod writer;

pub use editor::{Appending, Disk, Edit, Editor};
pub use leaves::Leaves;
pub(crate) use meta::{HEAD_BYTES, begins};
pub use reader::{Bucket, Reader};
pub use walk::Entries;
pub use writer::{BucketWriter, Writer, Written};

use bytes::Bytes;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Where a database's bytes come from: a file, bytes in memory, or a stream on its way into a file.
pub trait Pages: Send + Sync {
    /// Fills `into` with the bytes at `offset`, waiting for them if they are still arriving.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] if there are not, and never will be, so many; whatever else the system says.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;

    /// How many bytes from the beginning on can be read without waiting: all, but where they are still arriving.
    fn arrived(&self) -> u64 {
        u64::MAX
    }
}

impl Pages for File {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(into, offset)
    }
}

impl Pages for Bytes {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(offset).ok().and_then(|at| self.get(at..)?.get(..into.len()));
        into.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// The bytes of a page's header: id (u64), flags (u16), count of elements (u16), number of pages that follow as a part of it (u32).
const HEADER_BYTES: usize = 16;
/// A branch: pages below, by their first keys.
const BRANCH: u16 = 0x01;
/// A leaf: entries.
const LEAF: u16 = 0x02;
/// A meta page.
const META: u16 = 0x04;
/// The bytes of an element, in a branch as in a leaf; keys and values stand behind the last one.
const ELEMENT_BYTES: usize = 16;
/// The flag of a leaf's element whose value is a bucket.
const IS_BUCKET: u32 = 0x01;
/// The bytes before a bucket's inline page: root page (u64), sequence (u64).
const BUCKET_BYTES: usize = 16;
/// The longest key (`bbolt.MaxKeySize`).
const LONGEST_KEY_BYTES: usize = 32768;
/// The longest value (`bbolt.MaxValueSize`).
const LONGEST_VALUE_BYTES: usize = (1 << 31) - 2;

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    array_at(bytes, at).map_or(0, u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    array_at(bytes, at).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    array_at(bytes, at).map_or(0, u64::from_le_bytes)
}

/// The bytes at a place; callers have checked that there are so many, and take zeros if not.
fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests;
