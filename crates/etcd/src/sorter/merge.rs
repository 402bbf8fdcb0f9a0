//! Merges sorted runs of one file. Start at [`Merge`].

use super::{FILE, LENGTHS_BYTES, beginning, lengths};
use crate::FileError;
use bytes::Bytes;
use std::{cmp::Ordering, collections::BinaryHeap, fs::File, os::unix::fs::FileExt, sync::Arc};

/// What is read of a run at once, at least and at most.
const READ_BYTES: std::ops::RangeInclusive<usize> = 16 << 10..=1 << 20;

/// The pairs of all runs, by key, and where keys are the same by run.
pub(super) struct Merge {
    heap: BinaryHeap<Head>,
}

/// A run and its first pair.
struct Head {
    beginning: u64,
    key: Bytes,
    payload: Bytes,
    number: usize,
    run: Run,
}

struct Run {
    file: Arc<File>,
    at: u64,
    end: u64,
    /// What has been read and not yet been taken.
    block: Bytes,
    block_bytes: usize,
}

impl Merge {
    /// Begins with runs `(begin, end)` of the file; about `budget_bytes` of it are in memory.
    pub(super) fn new(file: File, runs: &[(u64, u64)], budget_bytes: usize) -> Result<Self, FileError> {
        let file = Arc::new(file);
        let block_bytes = (budget_bytes / runs.len().max(1)).clamp(*READ_BYTES.start(), *READ_BYTES.end());
        let mut heap = BinaryHeap::with_capacity(runs.len());
        for (number, &(at, end)) in runs.iter().enumerate() {
            let run = Run {
                file: Arc::clone(&file),
                at,
                end,
                block: Bytes::new(),
                block_bytes,
            };
            heap.extend(Head::next(number, run)?);
        }
        Ok(Self { heap })
    }
}

impl Iterator for Merge {
    type Item = Result<(Bytes, Bytes), FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut first = self.heap.peek_mut()?;
        let found = (std::mem::take(&mut first.key), std::mem::take(&mut first.payload));
        match first.run.next() {
            Ok(Some((key, payload))) => {
                first.beginning = beginning(&key);
                first.key = key;
                first.payload = payload;
            }
            Ok(None) => drop(std::collections::binary_heap::PeekMut::pop(first)),
            Err(e) => {
                drop(first);
                self.heap.clear();
                return Some(Err(e));
            }
        }
        Some(Ok(found))
    }
}

impl Head {
    fn next(number: usize, mut run: Run) -> Result<Option<Self>, FileError> {
        let pair = run.next()?;
        Ok(pair.map(|(key, payload)| Self { beginning: beginning(&key), key, payload, number, run }))
    }
}

impl Run {
    fn next(&mut self) -> Result<Option<(Bytes, Bytes)>, FileError> {
        if self.block.is_empty() && self.at == self.end {
            return Ok(None);
        }
        self.have(LENGTHS_BYTES)?;
        let (key_bytes, payload_bytes) = lengths(&self.block).ok_or_else(|| self.short())?;
        self.have(LENGTHS_BYTES + key_bytes + payload_bytes)?;
        let mut pair = self.block.split_to(LENGTHS_BYTES + key_bytes + payload_bytes);
        let payload = pair.split_off(LENGTHS_BYTES + key_bytes);
        Ok(Some((pair.split_off(LENGTHS_BYTES), payload)))
    }

    /// Sees to it that this many bytes are in the block.
    fn have(&mut self, bytes: usize) -> Result<(), FileError> {
        if self.block.len() >= bytes {
            return Ok(());
        }
        let more = (bytes - self.block.len()).max(self.block_bytes) as u64;
        let more = usize::try_from(more.min(self.end - self.at)).unwrap_or(usize::MAX);
        if self.block.len() + more < bytes {
            return Err(self.short());
        }
        let mut block = vec![0; self.block.len() + more];
        let (rest, new) = block.split_at_mut(self.block.len());
        rest.copy_from_slice(&self.block);
        self.file.read_exact_at(new, self.at).map_err(FileError::io(FILE, "read"))?;
        self.at += more as u64;
        self.block = block.into();
        Ok(())
    }

    fn short(&self) -> FileError {
        FileError::damaged(FILE, format!("byte {}", self.at), "a run ends within a pair")
    }
}

/// The first of a heap is its greatest: so a head is the greater, the earlier it comes.
impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        let keys = other.beginning.cmp(&self.beginning).then_with(|| other.key.cmp(&self.key));
        keys.then(other.number.cmp(&self.number))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}
