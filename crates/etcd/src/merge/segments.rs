//! Several segments become one. Start at [`merge_segments`], which keeps every version, or [`coalesce`], which keeps the last.

use super::sorted::RecordSorter;
use crate::FileError;
use crate::history::{Dictionary, Kind, LeaseSeen, Pack, Role, Seen, SegmentHeader, SegmentWriter, Written};
use crate::selection::{KeyHasher, KeySet};
use crate::sorter::Sorter;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// What sorting may take, in bytes; what is more goes to disk.
const SORT_BYTES: usize = 64 << 20;

/// Writes one segment in the place of a run, oldest first, each following the one before. Every version is kept; of the times, the
/// last in each second.
///
/// # Errors
/// The run has a gap, or one of it lacks versions; reading or writing fails.
pub fn merge_segments<W: Write>(
    run: &[Arc<Pack>],
    dictionary: Option<Arc<Dictionary>>,
    out: W,
) -> Result<(Written, W), FileError> {
    let header = run_header(run, |stands_for| Kind::Merged { stands_for })?;
    if let Some(lacking) = run.iter().find(|it| !matches!(it.header().segment(), Some(it) if has_all(it))) {
        return Err(FileError::damaged(
            lacking.name(),
            "its index",
            "it lacks versions, and cannot be a part of what has all",
        ));
    }
    let mut writer = SegmentWriter::new(out, header, dictionary);
    for pack in run {
        for frame in pack.frames_of(Role::Changes) {
            for record in pack.records(frame)? {
                writer.record(&record?)?;
            }
        }
    }
    writer.finish()
}

/// Writes one segment in the place of a run, oldest first: of each key the last version or deletion only, so that of its revisions
/// only the last can be rebuilt. What does not fit into memory for sorting goes to a file in `scratch`.
///
/// # Errors
/// The run has a gap; reading or writing fails.
pub fn coalesce<W: Write>(
    run: &[Arc<Pack>],
    dictionary: Option<Arc<Dictionary>>,
    scratch: &Path,
    out: W,
) -> Result<(Written, W), FileError> {
    let mut header = run_header(run, |stands_for| Kind::Coalesced { stands_for })?;
    header.times = header.times.pop().into_iter().collect();
    let hasher = KeyHasher::new();
    let (mut seen, mut last, mut gone) = (
        KeySet::default(),
        RecordSorter::new(scratch, SORT_BYTES),
        Sorter::new(scratch, SORT_BYTES),
    );
    for pack in run.iter().rev() {
        let gone_at = pack.header().segment().map_or(0, SegmentHeader::gone_at);
        // What is gone stands between the records above that revision and the others.
        for above in [true, false] {
            for frame in pack.frames_of(Role::Changes).into_iter().rev() {
                let records = pack.records(frame)?.collect::<Result<Vec<_>, _>>()?;
                for record in records.iter().rev().filter(|it| (it.revision.main > gone_at) == above) {
                    let key = record
                        .key()
                        .map_err(|why| FileError::damaged(pack.name(), record.revision, why))?;
                    if seen.insert(hasher.hash(&key)) {
                        last.push(record)?;
                    }
                }
            }
            for frame in pack.frames_of(Role::Gone).into_iter().filter(|_| above) {
                for key in pack.gone(frame)? {
                    let key = key?;
                    if seen.insert(hasher.hash(&key)) {
                        gone.push(&key, &[])?;
                    }
                }
            }
        }
    }
    let mut writer = SegmentWriter::new(out, header, dictionary);
    for record in last.finish()? {
        writer.record(&record?.1)?;
    }
    for key in gone.finish()? {
        writer.gone(&key?.0)?;
    }
    writer.finish()
}

fn has_all(segment: &SegmentHeader) -> bool {
    matches!(segment.kind, Kind::Captured | Kind::Merged { .. })
}

/// The header of what stands in the place of a run.
fn run_header(run: &[Arc<Pack>], kind: impl FnOnce(crate::history::Link) -> Kind) -> Result<SegmentHeader, FileError> {
    let none = || FileError::damaged("the run to be merged", "its beginning", "there is no segment in it");
    let last = run.last().ok_or_else(none)?;
    let headers = run
        .iter()
        .map(|it| it.header().segment().ok_or_else(none))
        .collect::<Result<Vec<_>, _>>()?;
    let first = headers.first().copied().ok_or_else(none)?;
    for (before, (pack, header)) in run.iter().zip(run.iter().zip(&headers).skip(1)) {
        let through = before.header().segment().map(|it| it.through);
        if header.timeline != first.timeline || header.prev != before.chain() || Some(header.after) != through {
            return Err(FileError::damaged(
                pack.name(),
                "its index",
                format!("it does not follow {}", before.name()),
            ));
        }
    }
    let newest = headers.last().copied().ok_or_else(none)?;
    let leases: BTreeMap<i64, LeaseSeen> = headers.iter().flat_map(|it| &it.leases).map(|it| (it.id, *it)).collect();
    Ok(SegmentHeader {
        timeline: first.timeline,
        kind: kind(last.chain()),
        prev: first.prev,
        after: first.after,
        through: newest.through,
        count: 0,
        times: a_second_each(headers.iter().flat_map(|it| it.times.iter().copied())),
        leases: leases.into_values().collect(),
        source: newest.source,
    })
}

/// The last time of each second, so that what was there when a second began is known exactly; and none twice for a revision, but
/// the last of all, which says until when it is known that nothing came.
fn a_second_each(times: impl Iterator<Item = Seen>) -> Vec<Seen> {
    let mut kept: Vec<Seen> = Vec::new();
    let mut times = times.peekable();
    let mut newest_ms = 0;
    while let Some(mut seen) = times.next() {
        // Whatever clocks did: later revisions were not seen earlier.
        seen.at_ms = seen.at_ms.max(newest_ms);
        newest_ms = seen.at_ms;
        let is_last = times.peek().is_none();
        if kept.last().is_some_and(|it| it.revision == seen.revision) && !is_last {
            continue;
        }
        if kept
            .last()
            .is_some_and(|it| it.at_ms / 1000 == seen.at_ms / 1000 && it.revision < seen.revision)
        {
            kept.pop();
        }
        kept.push(seen);
    }
    kept
}

#[cfg(test)]
mod tests;
