//! A new base from an older one and the segments after it. Start at [`merge_base`].

use super::sorted::{RecordSorter, SortedRecords};
use crate::history::{BaseHeader, BaseWriter, Began, Buckets, Dictionary, SegmentHeader, Written};
use crate::selection::{LeaseTtl, Packs, Pass, SelectionError, Source};
use crate::{FileError, Record};
use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::iter::Peekable;
use std::path::Path;
use std::sync::Arc;

/// What each of the two sorters may take, in bytes; what is more goes to disk.
const SORT_BYTES: usize = 48 << 20;

/// Writes a base at the last revision of `packs`. It stands where the last segment stands: what follows that, follows it too.
///
/// From `floor` on every version is kept (`u64::MAX`: only the state itself), though not more than `packs` has: the base's
/// `compaction` says from where. Of the leases, those go that nothing hangs on and whose time is over. `dictionaries` are
/// those that later segments need; with none, a new one is trained. The disk space for sorting is in `scratch`.
///
/// # Errors
/// Reading or writing fails.
pub fn merge_base<W: Write>(
    packs: &Packs,
    floor: u64,
    dictionaries: Vec<Arc<Dictionary>>,
    scratch: &Path,
    out: W,
) -> Result<(Written, W), SelectionError> {
    let revision = packs.last_revision();
    let floor = floor.clamp(packs.compaction().min(revision), revision);
    let header = header(packs, floor, revision);
    let writer = if dictionaries.is_empty() {
        BaseWriter::new(out)?
    } else {
        BaseWriter::keeping(out, dictionaries)?
    };
    let mut new = NewBase { writer, leases: HashSet::new() };
    let mut pass = Pass::new(packs, floor, revision);
    let (mut changed, mut superseded) =
        (RecordSorter::new(scratch, SORT_BYTES), RecordSorter::new(scratch, SORT_BYTES));
    pass.segments(&mut |record, standing| match standing.live {
        true => changed.push_by_key(&key_of(&record)?, &record),
        false => superseded.push(&record),
    })?;
    let below = floor < packs.facts().revision;
    if below {
        pass.note_keys_of_older(floor)?;
    }
    let mut changed = changed.finish()?.peekable();
    pass.live(&mut |record, standing| {
        if !standing.live {
            return superseded.push(&record);
        }
        let key = key_of(&record)?;
        each_before(&mut changed, |(other, _)| **other < *key, &mut |it| new.live(it))?;
        new.live(&record)
    })?;
    each_before(&mut changed, |_| true, &mut |it| new.live(it))?;
    if below {
        pass.older(floor, &mut |record, _| superseded.push(&record))?;
    }
    let mut superseded = superseded.finish()?.peekable();
    if below {
        pass.older_above(floor, &mut |record| {
            each_before(&mut superseded, |(_, it)| it.revision < record.revision, &mut |it| new.older(it))?;
            new.older(&record)
        })?;
    }
    each_before(&mut superseded, |_| true, &mut |it| new.older(it))?;
    let others = others(packs, &new.leases, header.taken_ms)?;
    Ok(new.writer.finish(header, &others)?)
}

/// What is being written, and the leases on which its records hang.
struct NewBase<W> {
    writer: BaseWriter<W>,
    leases: HashSet<i64>,
}

impl<W: Write> NewBase<W> {
    fn live(&mut self, record: &Record) -> Result<(), FileError> {
        self.note(record)?;
        self.writer.live(record)
    }

    fn older(&mut self, record: &Record) -> Result<(), FileError> {
        self.note(record)?;
        self.writer.older(record)
    }

    fn note(&mut self, record: &Record) -> Result<(), FileError> {
        let kv = record.decode().map_err(|why| unreadable(record, why))?;
        if kv.lease != 0 {
            self.leases.insert(kv.lease);
        }
        Ok(())
    }
}

/// Takes what is sorted before something else.
fn each_before(
    sorted: &mut Peekable<SortedRecords>,
    is_before: impl Fn(&(bytes::Bytes, Record)) -> bool,
    take: &mut dyn FnMut(&Record) -> Result<(), FileError>,
) -> Result<(), FileError> {
    while let Some(next) = sorted.next_if(|it| it.as_ref().map_or(true, &is_before)) {
        take(&next?.1)?;
    }
    Ok(())
}

fn key_of(record: &Record) -> Result<bytes::Bytes, FileError> {
    record.key().map_err(|why| unreadable(record, why))
}

fn unreadable(record: &Record, why: String) -> FileError {
    FileError::damaged("the history to be merged", format!("record {}", record.revision), why)
}

fn header(packs: &Packs, floor: u64, revision: u64) -> BaseHeader {
    let (base, last) = (packs.facts(), packs.segments().last());
    let segment = last.and_then(|it| it.header().segment());
    BaseHeader {
        revision,
        compaction: floor,
        taken_ms: segment.map_or(base.taken_ms, last_seen),
        source: segment.map_or(base.source, |it| it.source),
        began: Began::Merged,
        note: format!(
            "from the base of revision {} and {} segments after it",
            base.revision,
            packs.segments().len()
        ),
        stands_for: Some(last.unwrap_or(packs.base()).chain()),
        ..base.clone()
    }
}

fn last_seen(segment: &SegmentHeader) -> u64 {
    segment.times.last().map_or(0, |it| it.at_ms)
}

/// The base's other buckets, with the leases as they were last seen.
fn others(packs: &Packs, needed: &HashSet<i64>, taken_ms: u64) -> Result<Buckets, SelectionError> {
    let (mut others, mut leases) = (packs.others()?, packs.leases()?);
    let headers = packs.segments().iter().filter_map(|it| it.header().segment());
    let seen: BTreeMap<i64, u64> = headers.flat_map(|it| &it.leases).map(|it| (it.id, it.at_ms)).collect();
    leases.retain(|id, ttl| {
        let seen_ms = seen.get(id).copied().unwrap_or(packs.facts().taken_ms);
        is_needed(needed, *id, *ttl, seen_ms, taken_ms)
    });
    if !leases.is_empty() || others.contains_key("lease") {
        let mut entries: Vec<_> = leases.into_iter().map(|(id, ttl)| entry(id, ttl)).collect();
        entries.sort();
        others.insert("lease".to_owned(), entries);
    }
    Ok(others)
}

/// Whether a lease has to be carried on: a record hangs on it, or one may still come that does.
fn is_needed(needed: &HashSet<i64>, id: i64, ttl: LeaseTtl, seen_ms: u64, taken_ms: u64) -> bool {
    let granted_ms = u64::try_from(ttl.granted_s).unwrap_or(0).saturating_mul(1000);
    needed.contains(&id) || seen_ms.saturating_add(granted_ms) >= taken_ms
}

/// An entry of the bucket `lease` (etcd `server/lease/leasepb/lease.proto`; keys: `server/storage/schema/lease.go`), without what
/// was left of its time: that was so when it was seen, and whoever kept it alive since must not lose it early. etcd takes an
/// entry without it for one whose whole time is left.
fn entry(id: i64, ttl: LeaseTtl) -> (bytes::Bytes, bytes::Bytes) {
    let mut value = Vec::new();
    for (tag, n) in [(0x08, id), (0x10, ttl.granted_s)] {
        if n != 0 {
            value.push(tag);
            crate::record::put_varint(&mut value, n.cast_unsigned());
        }
    }
    (bytes::Bytes::copy_from_slice(&id.to_be_bytes()), value.into())
}

#[cfg(test)]
mod tests;
