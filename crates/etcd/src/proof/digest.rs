//! Records hashed in whatever order they come, as if they had come in order of revision.
//!
//! Start at [`Digest`]. Of each record only its CRC-32C, its length and its revision are kept; sorted in the end, and combined.

use super::combine::Shifts;
use crate::{Record, Revision};

/// The bucket's name, with which etcd's hash begins.
const BUCKET: &[u8] = b"key";

/// Collects records.
#[derive(Default)]
pub struct Digest {
    pieces: Vec<Piece>,
}

/// One record's part; 24 bytes.
struct Piece {
    revision: Revision,
    crc: u32,
    bytes: u64,
}

impl Digest {
    /// Nothing collected.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a record, whole, as its entry stands in the bucket.
    pub fn add(&mut self, record: &Record) {
        let key = record.entry_key();
        let crc = crc32c::crc32c_append(crc32c::crc32c(&key), &record.value);
        let bytes = (key.len() + record.value.len()) as u64;
        self.pieces.push(Piece { revision: record.revision, crc, bytes });
    }

    /// How many records were counted.
    pub fn records(&self) -> u64 {
        self.pieces.len() as u64
    }

    /// The hash of all of them in order of revision.
    pub fn finish(mut self) -> u32 {
        if !self.pieces.is_sorted_by_key(|piece| piece.revision) {
            self.pieces.sort_unstable_by_key(|piece| piece.revision);
        }
        let shifts = Shifts::new();
        let hash = crc32c::crc32c(BUCKET);
        self.pieces
            .iter()
            .fold(hash, |hash, piece| shifts.combine(hash, piece.crc, piece.bytes))
    }
}
