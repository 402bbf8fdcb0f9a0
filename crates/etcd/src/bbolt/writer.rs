//! A fresh database from sorted entries, bottom up: each page is written once, from the first to the last, and the two meta pages
//! at the end. Until then the file is nothing that any etcd would open.
//!
//! Memory does not grow with the number of entries: of each tree only the pages that are being filled are held.

use super::IS_BUCKET;
use super::meta::Meta;
use super::paper::{PAGE_BYTES, Paper, assemble};
use super::tree::Tree;
use crate::FileError;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// The pages before the first that belongs to a tree.
const META_PAGES: u64 = 2;
/// How much is collected before it is written.
const BUFFER_BYTES: usize = 1 << 20;
/// The disk begins to write when there is so much for it: what is left for the sync at the end is little.
const WRITE_OUT_BYTES: u64 = 16 << 20;

/// A database that is being written.
pub struct Writer {
    out: Output,
    /// What the tree of buckets says of each.
    buckets: BTreeMap<String, Vec<u8>>,
    /// Whether a bucket was begun and not finished.
    unfinished: bool,
}

/// A bucket that is being written: it is there once it is finished.
pub struct BucketWriter<'a> {
    writer: &'a mut Writer,
    name: String,
    tree: Tree,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The size of the file.
    pub bytes: u64,
    /// The number of its pages, the two meta pages included.
    pub pages: u64,
}

impl Writer {
    /// Creates the file; it must not be there yet.
    ///
    /// # Errors
    /// [`FileError::Io`] if it is there, or cannot be created.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let name = path.display().to_string();
        // What is in it is what Kubernetes keeps secret.
        let new = File::options().create_new(true).write(true).mode(0o600).open(path);
        let file = new.map_err(FileError::io(&name, "created"))?;
        let out = Output {
            file,
            name,
            buffer: Vec::with_capacity(2 * BUFFER_BYTES),
            written: 0,
            handed: 0,
        };
        let mut writer = Self { out, buckets: BTreeMap::new(), unfinished: false };
        writer.out.buffer.resize(META_PAGES as usize * PAGE_BYTES, 0);
        Ok(writer)
    }

    /// Begins a bucket. One is written after the other, in any order.
    ///
    /// # Errors
    /// [`FileError::Io`] with [`io::ErrorKind::InvalidInput`] if there is one of this name already, if the one before was not finished,
    /// or if the name is empty.
    pub fn bucket(&mut self, name: &str) -> Result<BucketWriter<'_>, FileError> {
        if self.unfinished || name.is_empty() || self.buckets.contains_key(name) {
            return Err(self.out.misuse(&format!("bucket {name:?} cannot be begun here")));
        }
        self.unfinished = true;
        Ok(BucketWriter { writer: self, name: name.to_owned(), tree: Tree::default() })
    }

    /// How large the file is so far, in bytes.
    pub fn bytes(&self) -> u64 {
        self.out.next_page() * PAGE_BYTES as u64
    }

    /// Writes the tree of buckets and the meta pages, and syncs the file. The directory it stands in is the caller's to sync.
    ///
    /// # Errors
    /// [`FileError::Io`].
    pub fn finish(mut self) -> Result<Written, FileError> {
        if self.unfinished {
            return Err(self.out.misuse("a bucket was begun and not finished"));
        }
        let mut tree = Tree::default();
        for (name, bucket) in &self.buckets {
            tree.put(&mut self.out, IS_BUCKET, name.as_bytes(), bucket)?;
        }
        let root = tree.finish(&mut self.out)?;
        let high_water = self.out.next_page();
        self.out.flush()?;
        // As etcd's own copies are: both lead to the same tree, the second from one transaction earlier.
        for page in 0..META_PAGES {
            let meta = Meta {
                page_bytes: PAGE_BYTES as u32,
                root,
                high_water,
                transaction: META_PAGES - page,
            };
            let offset = page * PAGE_BYTES as u64;
            let written = self.out.file.write_all_at(&meta.encoded(page), offset);
            written.map_err(FileError::io(&self.out.name, "written"))?;
        }
        self.out.file.sync_all().map_err(FileError::io(&self.out.name, "synced"))?;
        Ok(Written { bytes: high_water * PAGE_BYTES as u64, pages: high_water })
    }
}

impl BucketWriter<'_> {
    /// Adds an entry, whose key is higher than the last one's.
    ///
    /// # Errors
    /// [`FileError::Io`]; with [`io::ErrorKind::InvalidInput`] if the key is not higher, is empty or longer than 32,768 bytes, or if
    /// the value is longer than 2 GiB less two bytes.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), FileError> {
        self.tree.put(&mut self.writer.out, 0, key, value)
    }

    /// Ends the bucket.
    ///
    /// # Errors
    /// [`FileError::Io`].
    pub fn finish(self) -> Result<(), FileError> {
        let bucket = self.tree.bucket(&mut self.writer.out)?;
        self.writer.buckets.insert(self.name, bucket);
        self.writer.unfinished = false;
        Ok(())
    }
}

/// The file, page after page.
pub(super) struct Output {
    file: File,
    name: String,
    /// What is not written yet; between two pages, always whole pages.
    buffer: Vec<u8>,
    /// How much is written.
    written: u64,
    /// How much of that the disk was told to write.
    handed: u64,
}

impl Paper for Output {
    fn page(&mut self, flags: u16, count: u16, parts: [&[u8]; 2]) -> Result<u64, FileError> {
        let id = self.next_page();
        if assemble(&mut self.buffer, id, flags, count, parts).is_none() {
            return Err(self.misuse("an entry is too large"));
        }
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(id)
    }

    fn misuse(&self, why: &str) -> FileError {
        FileError::io(&self.name, "written")(io::Error::new(io::ErrorKind::InvalidInput, why))
    }
}

impl Output {
    /// The id of the next page.
    fn next_page(&self) -> u64 {
        (self.written + self.buffer.len() as u64) / PAGE_BYTES as u64
    }

    fn flush(&mut self) -> Result<(), FileError> {
        self.file
            .write_all(&self.buffer)
            .map_err(FileError::io(&self.name, "written"))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        // An entry of many MiB leaves a buffer of its size.
        self.buffer.shrink_to(2 * BUFFER_BYTES);
        if self.written - self.handed >= WRITE_OUT_BYTES {
            // Begins writing these pages out, and drops none of them, since they are not clean yet. Whether it works does not matter.
            let (from, bytes) = (self.handed.cast_signed(), (self.written - self.handed).cast_signed());
            let _ = posix_fadvise(&self.file, from, bytes, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
            self.handed = self.written;
        }
        Ok(())
    }
}
