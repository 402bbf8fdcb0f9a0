//! Makes a base of a database file or stream. Start at [`take_base`].
//!
//! A database has its records in revision order, a base the live ones in key order. So all records go through a [`Sorter`] by key,
//! in one pass over the database, which may still be arriving; of each key only the last can be live, and the others, which are
//! few where compaction runs, go through a second sorter, back into revision order.

use super::{
    base::BaseWriter,
    header::{BaseHeader, Began, Source, Written},
};
use crate::{
    FileError,
    database::Database,
    record::{Record, Revision},
    sorter::Sorter,
};
use bytes::Bytes;
use std::{io::Write, path::Path};

/// The memory for sorting by key and for sorting back. With the frames on their way, a base takes less than 300 MiB.
const BY_KEY_BYTES: usize = 160 << 20;
const BY_REVISION_BYTES: usize = 32 << 20;
/// A revision, and whether it is a deletion: before a record's value in what is sorted.
const HEAD_BYTES: usize = 13;

/// What a database does not say of itself.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The timeline that the base is for, from 1.
    pub timeline: u32,
    /// When it was taken, in milliseconds of Unix time.
    pub taken_ms: u64,
    /// Where it comes from.
    pub source: Source,
    /// The source's version, as in `3.6.16`; empty if it is not known.
    pub etcd_version: String,
    /// Why it was taken.
    pub began: Began,
    /// The reason in words, for people; may be empty.
    pub note: String,
}

/// Writes a base of all that a database holds, and hands each record to `each` on the way, in revision order. What does not fit into
/// memory lies in `scratch` meanwhile, in files without a name.
///
/// # Errors
/// The database cannot be read, or a record is damaged; the disk or the output refuses; what `each` returns.
pub fn take_base<W: Write>(
    database: &Database,
    taken: Taken,
    scratch: &Path,
    out: W,
    each: &mut dyn FnMut(&Record) -> Result<(), FileError>,
) -> Result<(Written, W), FileError> {
    let mut by_key = Sorter::new(scratch, BY_KEY_BYTES);
    let mut revision = 1;
    for record in database.records() {
        let record = record?;
        each(&record)?;
        revision = record.revision.main.max(revision);
        let key = record
            .key()
            .map_err(|why| FileError::damaged(database.name(), place(&record), why))?;
        by_key.push_parts(&key, &[&head(&record), &record.value])?;
    }
    let (facts, others) = (database.facts()?, database.others()?);
    let writer = write_records(by_key, Sorter::new(scratch, BY_REVISION_BYTES), BaseWriter::new(out)?)?;
    let Taken { timeline, taken_ms, source, etcd_version, began, note } = taken;
    let compaction = facts.compacted();
    let header = BaseHeader {
        timeline,
        revision: revision.max(compaction),
        compaction,
        taken_ms,
        source,
        etcd_version,
        began,
        note,
        stands_for: None,
        live: 0,
        older: 0,
        raw: 0,
    };
    writer.finish(header, &others.buckets)
}

/// Parts what is live from what is older.
fn write_records<W: Write>(
    by_key: Sorter,
    mut by_revision: Sorter,
    mut writer: BaseWriter<W>,
) -> Result<BaseWriter<W>, FileError> {
    let mut older = |record: &Record| {
        let Revision { main, sub } = record.revision;
        let order = u128::from(main) << 32 | u128::from(sub);
        by_revision.push_parts(&order.to_be_bytes()[4..], &[&head(record), &record.value])
    };
    let mut last: Option<(Bytes, Record)> = None;
    for pair in by_key.finish()? {
        let (key, payload) = pair?;
        let record = unpacked(&payload)?;
        match last.replace((key, record)) {
            // Records of one key come in the order of their revisions: this one was superseded.
            Some((before, record)) if last.as_ref().is_some_and(|(key, _)| *key == before) => older(&record)?,
            Some((_, record)) if record.tombstone => older(&record)?,
            Some((_, record)) => writer.live(&record)?,
            None => {}
        }
    }
    match last {
        Some((_, record)) if record.tombstone => older(&record)?,
        Some((_, record)) => writer.live(&record)?,
        None => {}
    }
    for pair in by_revision.finish()? {
        writer.older(&unpacked(&pair?.1)?)?;
    }
    Ok(writer)
}

fn head(record: &Record) -> [u8; HEAD_BYTES] {
    let mut head = [u8::from(record.tombstone); HEAD_BYTES];
    head[..8].copy_from_slice(&record.revision.main.to_be_bytes());
    head[8..12].copy_from_slice(&record.revision.sub.to_be_bytes());
    head
}

fn unpacked(payload: &Bytes) -> Result<Record, FileError> {
    let head: Option<&[u8; HEAD_BYTES]> = payload.first_chunk();
    let head = head.ok_or_else(|| FileError::damaged("the file for sorting", "a record", "it is too short"))?;
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |n, &byte| n << 8 | u64::from(byte));
    let sub = number(&head[8..12]) as u32;
    Ok(Record {
        revision: Revision { main: number(&head[..8]), sub },
        tombstone: head[12] == 1,
        value: payload.slice(HEAD_BYTES..),
    })
}

fn place(record: &Record) -> String {
    format!("record {}", record.revision)
}

#[cfg(test)]
mod tests;
