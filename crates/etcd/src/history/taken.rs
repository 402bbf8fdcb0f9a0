//! Makes a base of a database file or stream. Start at [`take_base`].
//!
//! A database has its records in revision order, a base the live ones in key order. So all records go through a [`Sorter`] by key
//! and revision, in one pass over the database, which may still be arriving; of each key only the last can be live, and the others,
//! which are few where compaction runs, go through a second sorter, back into revision order.

use super::{
    base::BaseWriter,
    dictionary::Sampler,
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
/// A revision, at the end of what is sorted by.
const REVISION_BYTES: usize = 12;
/// Behind a key in what is sorted by, so that a key comes before those that begin with it: no key holds this, since a zero in a key is
/// followed by [`ZERO`].
const END: [u8; 2] = [0, 0];
const ZERO: u8 = 0xff;

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

/// Writes a base of all that a database holds, and hands each record to `each` on the way, in the order in which they lie in the
/// file. What does not fit into memory lies in `scratch` meanwhile, in files without a name.
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
    let (mut order, mut sampler) = (Vec::new(), Sampler::default());
    database.records_as_they_lie(&mut |record| {
        each(&record)?;
        revision = record.revision.main.max(revision);
        let key = record
            .key()
            .map_err(|why| FileError::damaged(database.name(), place(&record), why))?;
        if !record.tombstone {
            sampler.offer(record.revision.main, &record.value);
        }
        set_order(&mut order, &key, record.revision);
        by_key.push_parts(&order, &[&[u8::from(record.tombstone)], &record.value])
    })?;
    // Takes half a second, of which nothing is left when the records are packed.
    let writer = BaseWriter::learning(out, sampler.train())?;
    let (facts, others) = (database.facts()?, database.others()?);
    let writer = write_records(by_key, Sorter::new(scratch, BY_REVISION_BYTES), writer)?;
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
        let order = numbers(record.revision);
        by_revision.push_parts(&order, &[&[u8::from(record.tombstone)], &record.value])
    };
    let mut last: Option<(Bytes, Record)> = None;
    for pair in by_key.finish()? {
        let (mut key, payload) = pair?;
        let record = unpacked(&key, &payload)?;
        key.truncate(key.len().saturating_sub(REVISION_BYTES));
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
        let (order, payload) = pair?;
        writer.older(&unpacked(&order, &payload)?)?;
    }
    Ok(writer)
}

/// What a record is sorted by: its key, then its revision.
fn set_order(order: &mut Vec<u8>, key: &[u8], revision: Revision) {
    order.clear();
    for &byte in key {
        order.push(byte);
        if byte == 0 {
            order.push(ZERO);
        }
    }
    order.extend_from_slice(&END);
    order.extend_from_slice(&numbers(revision));
}

fn numbers(revision: Revision) -> [u8; REVISION_BYTES] {
    let mut numbers = [0; REVISION_BYTES];
    numbers[..8].copy_from_slice(&revision.main.to_be_bytes());
    numbers[8..].copy_from_slice(&revision.sub.to_be_bytes());
    numbers
}

/// A record, by what it was sorted by, and by its value behind the mark of a deletion.
fn unpacked(order: &[u8], payload: &Bytes) -> Result<Record, FileError> {
    let (Some(numbers), Some(mark)) = (order.last_chunk::<REVISION_BYTES>(), payload.first()) else {
        return Err(FileError::damaged("the file for sorting", "a record", "it is too short"));
    };
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |n, &byte| n << 8 | u64::from(byte));
    Ok(Record {
        revision: Revision {
            main: number(&numbers[..8]),
            sub: number(&numbers[8..]) as u32,
        },
        tombstone: *mark == 1,
        value: payload.slice(1..),
    })
}

fn place(record: &Record) -> String {
    format!("record {}", record.revision)
}

#[cfg(test)]
mod tests;
