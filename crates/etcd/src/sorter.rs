//! Sorts more than fits into memory. Start at [`Sorter`].
//!
//! Pairs of key and payload are collected in a buffer. When it is full, a thread sorts it and appends it as a *run* to a file
//! without a name, while the next one fills; in the end the runs are merged. What fits into one buffer never touches the disk.

mod merge;

use crate::FileError;
use bytes::Bytes;
use merge::Merge;
use std::{
    fs::File,
    io::{BufWriter, Seek, Write},
    path::{Path, PathBuf},
    thread::JoinHandle,
};

const FILE: &str = "the file for sorting";
/// The lengths of a key and a payload, before them.
const LENGTHS_BYTES: usize = 8;
/// A buffer is not smaller than this, whatever the budget.
const MIN_BUFFER_BYTES: usize = 64 << 10;

/// Takes pairs in any order, and gives them back by key.
pub struct Sorter {
    directory: PathBuf,
    /// At how many bytes a buffer is full.
    full_bytes: usize,
    buffer: Buffer,
    spilling: Option<JoinHandle<Result<Spill, FileError>>>,
    spill: Option<Spill>,
}

/// A buffer of pairs: length of key, length of payload (u32 each, little-endian), key, payload.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    /// The first bytes of each key as a number, which decides most comparisons, and where its pair begins.
    starts: Vec<(u64, usize)>,
}

/// The file, with the runs in it.
struct Spill {
    file: File,
    at: u64,
    /// Where each begins and ends.
    runs: Vec<(u64, u64)>,
    /// The buffer that was written, for the next time.
    buffer: Buffer,
}

/// All pairs by key, bytewise; pairs with the same key in the order in which they came.
///
/// They are slices of what has been read, up to 1 MiB or the whole buffer: copy what is kept for long.
pub struct Sorted(Pairs);

enum Pairs {
    Memory { bytes: Bytes, starts: std::vec::IntoIter<(u64, usize)> },
    Disk(Merge),
}

impl Sorter {
    /// A sorter that takes about `budget_bytes` of memory, of which two buffers have the most, and the disk space for all that
    /// does not fit in `directory`.
    pub fn new(directory: &Path, budget_bytes: usize) -> Self {
        Self {
            directory: directory.to_owned(),
            full_bytes: (budget_bytes / 2).max(MIN_BUFFER_BYTES),
            buffer: Buffer::default(),
            spilling: None,
            spill: None,
        }
    }

    /// Takes a pair.
    ///
    /// # Errors
    /// The disk refuses, or one of the two is longer than 4 GiB.
    pub fn push(&mut self, key: &[u8], payload: &[u8]) -> Result<(), FileError> {
        self.push_parts(key, &[payload])
    }

    /// Takes a pair whose payload is in parts, which are put together.
    ///
    /// # Errors
    /// As [`Sorter::push`].
    pub fn push_parts(&mut self, key: &[u8], payload: &[&[u8]]) -> Result<(), FileError> {
        let payload_bytes: usize = payload.iter().map(|part| part.len()).sum();
        let needed = LENGTHS_BYTES + key.len() + payload_bytes;
        if !self.buffer.starts.is_empty() && self.buffer.size() + needed > self.full_bytes {
            self.spill()?;
        }
        let length = |bytes: usize| u32::try_from(bytes).map_err(|e| FileError::damaged(FILE, "a new pair", e));
        let (key_length, payload_length) = (length(key.len())?, length(payload_bytes)?);
        let start = self.buffer.bytes.len();
        if start == 0 {
            // Address space only, until it is written to; growing step by step would take twice as much.
            self.buffer.bytes.reserve(self.full_bytes);
        }
        let out = &mut self.buffer.bytes;
        out.extend_from_slice(&key_length.to_le_bytes());
        out.extend_from_slice(&payload_length.to_le_bytes());
        out.extend_from_slice(key);
        payload.iter().for_each(|part| out.extend_from_slice(part));
        self.buffer.starts.push((beginning(key), start));
        Ok(())
    }

    /// Hands the buffer to a thread, when the one before it is done.
    fn spill(&mut self) -> Result<(), FileError> {
        let spill = match self.spilled()? {
            Some(spill) => spill,
            None => {
                let file = tempfile::tempfile_in(&self.directory);
                let file = file.map_err(FileError::io(self.directory.display(), "used for sorting"))?;
                Spill { file, at: 0, runs: Vec::new(), buffer: Buffer::default() }
            }
        };
        let mut spill = spill;
        let full = std::mem::replace(&mut self.buffer, std::mem::take(&mut spill.buffer));
        let thread = std::thread::Builder::new()
            .name("sorting".to_owned())
            .spawn(move || spill.append(full));
        self.spilling = Some(thread.map_err(FileError::io(FILE, "written"))?);
        Ok(())
    }

    /// The file, when no thread writes to it any more.
    fn spilled(&mut self) -> Result<Option<Spill>, FileError> {
        let Some(thread) = self.spilling.take() else {
            return Ok(self.spill.take());
        };
        let ended = || std::io::Error::other("the thread that sorts has ended");
        thread.join().map_err(|_| FileError::io(FILE, "written")(ended()))?.map(Some)
    }

    /// All pairs, by key.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn finish(mut self) -> Result<Sorted, FileError> {
        let Some(spill) = self.spilled()? else {
            let mut buffer = self.buffer;
            buffer.sort();
            let pairs = Pairs::Memory {
                bytes: buffer.bytes.into(),
                starts: buffer.starts.into_iter(),
            };
            return Ok(Sorted(pairs));
        };
        // Two buffers are free now: one is returned, and the other shared out between the runs.
        let spill = spill.append(self.buffer)?;
        Ok(Sorted(Pairs::Disk(Merge::new(spill.file, &spill.runs, self.full_bytes)?)))
    }
}

impl Buffer {
    fn size(&self) -> usize {
        self.bytes.len() + self.starts.len() * size_of::<(u64, usize)>()
    }

    /// By key; those with the same one stay in order, since an earlier one begins earlier.
    fn sort(&mut self) {
        let bytes = &self.bytes;
        let key = |start: usize| pair(bytes, start).map_or(&[][..], |(key, _)| key);
        self.starts.sort_unstable_by(|&(a, a_start), &(b, b_start)| {
            a.cmp(&b)
                .then_with(|| key(a_start).cmp(key(b_start)))
                .then(a_start.cmp(&b_start))
        });
    }
}

impl Spill {
    /// Appends a run.
    fn append(mut self, mut buffer: Buffer) -> Result<Self, FileError> {
        buffer.sort();
        let begin = self.at;
        let mut out = BufWriter::with_capacity(256 << 10, &self.file);
        for &(_, start) in &buffer.starts {
            let end = pair(&buffer.bytes, start)
                .map_or(start, |(key, payload)| start + LENGTHS_BYTES + key.len() + payload.len());
            let whole = buffer.bytes.get(start..end).unwrap_or_default();
            out.write_all(whole).map_err(FileError::io(FILE, "written"))?;
            self.at += whole.len() as u64;
        }
        out.flush().map_err(FileError::io(FILE, "written"))?;
        drop(out);
        debug_assert_eq!(self.file.stream_position().ok(), Some(self.at));
        self.runs.push((begin, self.at));
        buffer.bytes.clear();
        buffer.starts.clear();
        self.buffer = buffer;
        Ok(self)
    }
}

/// The first eight bytes of a key as a number, in the keys' order.
fn beginning(key: &[u8]) -> u64 {
    let mut first = [0; 8];
    let bytes = key.len().min(8);
    first[..bytes].copy_from_slice(&key[..bytes]);
    u64::from_be_bytes(first)
}

/// The key and the payload that stand at `start`.
fn pair(bytes: &[u8], start: usize) -> Option<(&[u8], &[u8])> {
    let (key_bytes, payload_bytes) = lengths(bytes.get(start..)?)?;
    let rest = bytes.get(start + LENGTHS_BYTES..)?;
    Some((rest.get(..key_bytes)?, rest.get(key_bytes..key_bytes + payload_bytes)?))
}

/// The lengths of a key and its payload.
fn lengths(bytes: &[u8]) -> Option<(usize, usize)> {
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0_usize, |n, &byte| n << 8 | usize::from(byte));
    Some((word(bytes.get(..4)?), word(bytes.get(4..8)?)))
}

impl Iterator for Sorted {
    type Item = Result<(Bytes, Bytes), FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Pairs::Memory { bytes, starts } => {
                let (_, start) = starts.next()?;
                let (key, payload) = pair(bytes, start)?;
                Some(Ok((bytes.slice_ref(key), bytes.slice_ref(payload))))
            }
            Pairs::Disk(merge) => merge.next(),
        }
    }
}

#[cfg(test)]
mod tests;
