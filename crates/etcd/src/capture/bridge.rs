//! Closes a gap: from the state before it and the base behind it, one segment with all that is known of what was between.
//!
//! Start at [`bridge`]. It needs nothing but the history, so that a gap that a capture left open can be closed later. What
//! the base still holds of the gap are all its versions above the base's compaction, and below it the last of each key; a key
//! that was there before and has none at the compaction was deleted, nobody knows when.

use crate::FileError;
use crate::history::{
    Began, History, Hole, Kind, LeaseSeen, Link, MomentError, Name, Pack, Seen, SegmentHeader, SegmentWriter, Shelf,
};
use crate::record::{Record, Revision};
use crate::selection::{Packs, SelectionError, Source};
use crate::sorter::Sorter;
use std::fs::File;
use std::io::{BufWriter, Seek};
use std::path::Path;
use std::sync::Arc;

/// The memory for sorting keys, and for sorting records.
const SORT_BYTES: usize = 32 << 20;
const BEFORE: &[u8] = &[0];
const BEHIND: &[u8] = &[1];

/// Where a history breaks off, and where it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// The timeline.
    pub(super) timeline: u32,
    /// The last revision before it.
    pub(super) after: u64,
    /// The chain link of what is before it.
    pub(super) prev: Link,
    /// The revision of the base behind it.
    pub(super) through: u64,
    /// The chain link of that base.
    pub(super) base: Link,
}

/// Why a gap could not be closed.
#[derive(Debug, thiserror::Error)]
pub(super) enum BridgeError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Moment(#[from] MomentError),
    #[error(transparent)]
    Selection(#[from] SelectionError),
}

/// Gaps in the youngest timeline that nothing leads over yet: a capture that took a base behind one was ended before it was closed.
pub(super) fn open_gaps(history: &History) -> Result<Vec<Gap>, FileError> {
    let mut gaps = Vec::new();
    let stretches = history.newest().map_or(&[][..], |timeline| &timeline.stretches);
    for (before, behind) in stretches.iter().zip(stretches.iter().skip(1)) {
        let (Some(first), Some(base)) = (before.bases.first(), behind.bases.first()) else {
            continue;
        };
        let pack = opened(history, Name::Base(*base))?;
        let is_gap = pack.header().base().is_some_and(|it| it.began == Began::Gap);
        let last = before.chain.last().map_or(Name::Base(*first), |last| Name::Segment(*last));
        if is_gap && before.newest() <= base.revision {
            gaps.push(Gap {
                timeline: base.timeline,
                after: before.newest(),
                prev: opened(history, last)?.chain(),
                through: base.revision,
                base: pack.chain(),
            });
        }
    }
    Ok(gaps)
}

fn opened(history: &History, name: Name) -> Result<Pack, FileError> {
    Pack::open(&name, history.shelf().open(&name)?)
}

/// Closes a gap. What of it is lost, if anything is.
pub(super) fn bridge(shelf: &Arc<dyn Shelf>, gap: Gap, scratch: &Path) -> Result<Option<Hole>, BridgeError> {
    let history = History::open(Arc::clone(shelf))?;
    let before = packs(&history, gap.timeline, gap.after)?;
    let behind = packs(&history, gap.timeline, gap.through)?;
    let facts = behind.facts().clone();
    let is_whole = facts.compaction <= gap.after;
    let kind = if is_whole {
        Kind::Merged { stands_for: gap.base }
    } else {
        Kind::Synthetic { compaction: facts.compaction, stands_for: gap.base }
    };
    let header = SegmentHeader {
        timeline: gap.timeline,
        kind,
        prev: gap.prev,
        after: gap.after,
        through: gap.through,
        count: 0,
        times: vec![Seen { revision: gap.through, at_ms: facts.taken_ms }],
        leases: leases(&before, &behind, facts.taken_ms)?,
        source: facts.source,
    };
    let hole = header.hole();
    let fail = |doing| FileError::io(scratch.display(), doing);
    let file = tempfile::tempfile_in(scratch).map_err(fail("written to"))?;
    let dictionary = behind.base().dictionaries()?.pop();
    let mut writer = SegmentWriter::new(BufWriter::new(file), header, dictionary);
    records(&behind, facts.compaction.max(gap.after), gap, scratch, &mut writer)?;
    if !is_whole {
        gone(&before, &behind, (gap.after, facts.compaction), scratch, &mut writer)?;
    }
    let (written, out) = writer.finish()?;
    let mut file = out.into_inner().map_err(|e| fail("written to")(e.into_error()))?;
    file.rewind().map_err(fail("read"))?;
    shelf.create(&written.name, &mut file)?;
    Ok(hole)
}

/// The leases that appeared in the gap, as the base behind it has them: what hangs on them was not looked up.
fn leases(before: &Packs, behind: &Packs, at_ms: u64) -> Result<Vec<LeaseSeen>, BridgeError> {
    let known = before.leases()?;
    let new = behind.leases()?.into_iter().filter(|(id, _)| !known.contains_key(id));
    let seen = new.map(|(id, ttl)| LeaseSeen {
        id,
        granted_s: ttl.granted_s,
        // A database seldom says what is left of one; in a segment, 0 would mean nothing.
        remaining_s: Some(ttl.remaining_s).filter(|&it| it > 0).unwrap_or(ttl.granted_s),
        at_ms,
    });
    Ok(seen.collect())
}

fn packs(history: &History, timeline: u32, revision: u64) -> Result<Packs, BridgeError> {
    let moment = history.moment(timeline, revision)?;
    Ok(Packs::of(&moment)?)
}

/// All records of the base above the gap's beginning, in the order of their revisions.
fn records(
    behind: &Packs,
    floor: u64,
    gap: Gap,
    scratch: &Path,
    writer: &mut SegmentWriter<BufWriter<File>>,
) -> Result<(), BridgeError> {
    let mut sorter = Sorter::new(scratch, SORT_BYTES);
    behind.since(floor, gap.through, &mut |record| {
        if record.revision.main > gap.after {
            sorter.push(&record.entry_key(), &record.value)?;
        }
        Ok(())
    })?;
    for pair in sorter.finish()? {
        let (key, value) = pair?;
        let wrong = |why| FileError::damaged("the file for sorting", "its records", why);
        writer.record(&Record::from_entry(&key, value).map_err(wrong)?)?;
    }
    Ok(())
}

/// The keys that were there before the gap and are not at the compaction.
fn gone(
    before: &Packs,
    behind: &Packs,
    (after, compaction): (u64, u64),
    scratch: &Path,
    writer: &mut SegmentWriter<BufWriter<File>>,
) -> Result<(), BridgeError> {
    let mut sorter = Sorter::new(scratch, SORT_BYTES);
    for (packs, revision, side) in [(before, after, BEFORE), (behind, compaction, BEHIND)] {
        packs.live_at(revision, &mut |record| {
            let key = record
                .key()
                .map_err(|why| FileError::damaged(packs.name(), place(record.revision), why))?;
            sorter.push(&key, side)
        })?;
    }
    let mut sorted = sorter.finish()?.peekable();
    while let Some(pair) = sorted.next() {
        let (key, side) = pair?;
        // A live key comes once from each side.
        let both = sorted.next_if(|next| next.as_ref().is_ok_and(|next| next.0 == key)).is_some();
        if !both && side == BEFORE {
            writer.gone(&key)?;
        }
    }
    Ok(())
}

fn place(revision: Revision) -> String {
    format!("record {revision}")
}

#[cfg(test)]
mod tests;
