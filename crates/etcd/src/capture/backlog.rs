//! What is cut but has to wait for the shelf, in order: the local disk takes it, so that a store that is away for hours costs no version
//! of anything. Start at [`Backlog::lay`].
//!
//! It lies in files without names: nothing is left of it, however the process ends. Whoever goes on then asks etcd, which has the same
//! changes until it compacts them.

use super::note::Note;
use super::stores::Body;
use crate::history::Name;
use bytes::{Buf, Bytes};
use nix::sys::statvfs::fstatvfs;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A new file is begun when one has so much: its room is given back when all in it is stored.
const FILE_BYTES: u64 = 64 << 20;

/// Something on its way to the shelf.
pub(super) struct Waiting {
    pub(super) name: Name,
    /// With it, everything through this revision is stored once what is before it is.
    pub(super) through: u64,
    pub(super) body: Body,
    /// Whether it is in memory since the disk did not take it.
    pub(super) is_refused: bool,
}

/// Objects that wait, oldest first.
pub(super) struct Backlog {
    directory: PathBuf,
    bytes_max: u64,
    /// Bytes of the disk that are left to others.
    leaves: u64,
    waiting: VecDeque<Waiting>,
    /// What is written to, and how far it is written.
    file: Option<(Arc<File>, u64)>,
    /// Bytes that lie on the disk and are not stored yet.
    lying: Arc<AtomicU64>,
    /// How many are in memory since the disk did not take them.
    refused: usize,
    /// Whether it was told that the disk does not take them.
    told: bool,
}

/// A piece of a file.
struct Piece {
    file: Arc<File>,
    offset: u64,
    bytes: u64,
    lying: Arc<AtomicU64>,
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.lying.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Reads a piece.
struct Reader {
    piece: Arc<Piece>,
    at: u64,
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.piece.bytes - self.at).unwrap_or(usize::MAX);
        let most = left.min(into.len());
        let read = self
            .piece
            .file
            .read_at(into.get_mut(..most).unwrap_or_default(), self.piece.offset + self.at)?;
        if read == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += read as u64;
        Ok(read)
    }
}

impl Backlog {
    /// An empty one, for no more than `bytes_max` in files below `directory`, on a disk of which `leaves` bytes, or a tenth, stay free.
    pub(super) fn new(directory: PathBuf, bytes_max: u64, leaves: u64) -> Self {
        Self {
            directory,
            bytes_max,
            leaves,
            waiting: VecDeque::new(),
            file: None,
            lying: Arc::default(),
            refused: 0,
            told: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether another segment may be cut before there is room on the way to the shelf. After the disk refused one, not before that one
    /// has left: memory is not its place.
    pub(super) fn has_room(&self) -> bool {
        self.refused == 0 && self.lying.load(Ordering::Relaxed) < self.bytes_max
    }

    /// Takes what comes next as it is.
    pub(super) fn push(&mut self, waiting: Waiting) {
        self.waiting.push_back(waiting);
    }

    /// Takes a segment: onto the disk, and where that refuses, into memory. Says that it refuses, once, and that it does no more.
    pub(super) async fn lay(&mut self, name: Name, through: u64, bytes: Bytes) -> Option<Note> {
        let (file, offset) = match self.file.take() {
            Some((file, written)) if written < FILE_BYTES => (Some(file), written),
            _ => (None, 0),
        };
        let (directory, leaves, all) = (self.directory.clone(), self.leaves, bytes.clone());
        let laid = tokio::task::spawn_blocking(move || {
            let file = match file {
                Some(file) => file,
                None => Arc::new(tempfile::tempfile_in(directory)?),
            };
            write(&file, offset, &all, leaves).map(|()| file)
        });
        let (body, refusal): (Body, _) = match laid.await.unwrap_or_else(|e| Err(io::Error::other(e))) {
            Ok(file) => {
                let length = bytes.len() as u64;
                self.lying.fetch_add(length, Ordering::Relaxed);
                self.file = Some((Arc::clone(&file), offset + length));
                let lying = Arc::clone(&self.lying);
                let piece = Arc::new(Piece { file, offset, bytes: length, lying });
                (Arc::new(move || Box::new(Reader { piece: Arc::clone(&piece), at: 0 })), None)
            }
            Err(refusal) => (Arc::new(move || Box::new(bytes.clone().reader())), Some(refusal)),
        };
        let is_refused = refusal.is_some();
        self.waiting.push_back(Waiting { name, through, body, is_refused });
        self.refused += usize::from(is_refused);
        match (std::mem::replace(&mut self.told, is_refused), refusal) {
            (false, Some(why)) => Some(Note::Unspooled { why: why.to_string() }),
            (true, None) => Some(Note::Spooled),
            _ => None,
        }
    }

    /// Says, once, that nothing waits any more that the disk would have to take.
    pub(super) fn settled(&mut self) -> Option<Note> {
        (self.waiting.is_empty() && std::mem::take(&mut self.told)).then_some(Note::Spooled)
    }

    /// Gives out the oldest.
    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let oldest = self.waiting.pop_front()?;
        self.refused -= usize::from(oldest.is_refused);
        if self.waiting.is_empty() {
            self.file = None;
        }
        Some(oldest)
    }
}

fn write(file: &File, offset: u64, bytes: &[u8], leaves: u64) -> io::Result<()> {
    let disk = fstatvfs(file)?;
    if !has_room(disk.blocks_available(), disk.blocks(), leaves / disk.fragment_size().max(1)) {
        return Err(io::ErrorKind::StorageFull.into());
    }
    file.write_all_at(bytes, offset)
}

/// Whether a disk of `all` blocks, `free` of them, may be written to: a tenth stays free, but no more than `leaves`.
fn has_room(free: u64, all: u64, leaves: u64) -> bool {
    free >= leaves.min(all / 10)
}

#[cfg(test)]
mod tests {
    use super::has_room;

    #[test]
    fn a_disk_is_left_to_others_in_time() {
        assert!(has_room(10, 1000, 10) && !has_room(9, 1000, 10), "a large disk");
        assert!(has_room(1, 10, 10) && !has_room(0, 10, 10), "a small one");
        assert!(has_room(0, 1000, 0), "nobody else needs it");
    }
}
