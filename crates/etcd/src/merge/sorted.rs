//! Records through the external sorter, by revision or by key. Start at [`RecordSorter`].

use crate::sorter::{Sorted, Sorter};
use crate::{FileError, Record, Revision};
use bytes::Bytes;
use std::path::Path;

/// The bytes of a revision: main, sub, and whether it is a deletion.
const REVISION_BYTES: usize = 13;

/// Takes records in any order.
pub(super) struct RecordSorter(Sorter);

/// Gives them back in order, with the key that they were sorted by.
pub(super) struct SortedRecords(Sorted);

impl RecordSorter {
    pub(super) fn new(scratch: &Path, budget_bytes: usize) -> Self {
        Self(Sorter::new(scratch, budget_bytes))
    }

    /// To come out in order of revision.
    pub(super) fn push(&mut self, record: &Record) -> Result<(), FileError> {
        self.0
            .push_parts(&revision_bytes(record)[..12], &[&revision_bytes(record), &record.value])
    }

    /// To come out in order of keys.
    pub(super) fn push_by_key(&mut self, key: &[u8], record: &Record) -> Result<(), FileError> {
        self.0.push_parts(key, &[&revision_bytes(record), &record.value])
    }

    pub(super) fn finish(self) -> Result<SortedRecords, FileError> {
        Ok(SortedRecords(self.0.finish()?))
    }
}

fn revision_bytes(record: &Record) -> [u8; REVISION_BYTES] {
    let mut bytes = [0; REVISION_BYTES];
    bytes[..8].copy_from_slice(&record.revision.main.to_be_bytes());
    bytes[8..12].copy_from_slice(&record.revision.sub.to_be_bytes());
    bytes[12] = u8::from(record.tombstone);
    bytes
}

fn record(payload: &Bytes) -> Option<Record> {
    let revision = payload.first_chunk::<REVISION_BYTES>()?;
    let word = |bytes: &[u8]| bytes.iter().fold(0_u64, |n, &byte| n << 8 | u64::from(byte));
    let revision_at = Revision {
        main: word(&revision[..8]),
        sub: word(&revision[8..12]) as u32,
    };
    Some(Record {
        revision: revision_at,
        tombstone: revision[12] == 1,
        value: payload.slice(REVISION_BYTES..),
    })
}

impl Iterator for SortedRecords {
    type Item = Result<(Bytes, Record), FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.and_then(|(key, payload)| {
            let short = || FileError::damaged("the file for sorting", "a record", "it is too short");
            Ok((key, record(&payload).ok_or_else(short)?))
        }))
    }
}
