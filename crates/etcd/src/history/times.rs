//! Times and revisions of a history, from one to the other. Start at [`History::revision_at`].
//!
//! A revision's time is when it had arrived here, by the clock of whoever captured it. Clocks are kept from going backwards
//! within a history when it is written; where a clock jumped forth and back, the times between are those of the jump.

use super::{name::SegmentName, open::History, resolve::Stretch, store::base_header};
use crate::FileError;

impl History {
    /// The highest revision of a timeline that had been seen at a time (milliseconds of Unix time); `None` if the timeline
    /// began later. Whether it can be rebuilt is another question: it may be in a coalesced part.
    ///
    /// # Errors
    /// What is needed to tell cannot be read: a base, and the headers of some segments.
    pub fn revision_at(&self, timeline: u32, at_ms: u64) -> Result<Option<u64>, FileError> {
        let mut highest = None;
        for stretch in self.timeline(timeline).into_iter().flat_map(|it| &it.stretches) {
            highest = highest.max(self.seen_before(stretch, at_ms)?);
        }
        Ok(highest)
    }

    /// The timeline and the revision that were the newest at a time; of several timelines, the youngest that had begun.
    ///
    /// # Errors
    /// As [`History::revision_at`].
    pub fn newest_at(&self, at_ms: u64) -> Result<Option<(u32, u64)>, FileError> {
        for timeline in self.timelines().iter().rev() {
            if let Some(revision) = self.revision_at(timeline.number, at_ms)? {
                return Ok(Some((timeline.number, revision)));
            }
        }
        Ok(None)
    }

    /// When a revision of a timeline was seen first, in milliseconds of Unix time: of what was in a base already, when that was
    /// taken. `None` where the timeline does not lead there.
    ///
    /// # Errors
    /// As [`History::revision_at`].
    pub fn seen_at(&self, timeline: u32, revision: u64) -> Result<Option<u64>, FileError> {
        let mut first: Option<u64> = None;
        for stretch in self.timeline(timeline).into_iter().flat_map(|it| &it.stretches) {
            let seen = self.seen_in(stretch, revision)?;
            first = first.into_iter().chain(seen).min();
        }
        Ok(first)
    }

    fn seen_before(&self, stretch: &Stretch, at_ms: u64) -> Result<Option<u64>, FileError> {
        let place = first_where(&stretch.chain, |it| {
            let times = &self.store.segment_header(it)?.header.times;
            Ok(times.first().is_none_or(|seen| seen.at_ms > at_ms))
        })?;
        if let Some(last) = place.checked_sub(1).and_then(|it| stretch.chain.get(it)) {
            let known = self.store.segment_header(last)?;
            let seen = known.header.times.iter().rev().find(|seen| seen.at_ms <= at_ms);
            return Ok(seen.map(|seen| seen.revision));
        }
        let Some(base) = stretch.bases.first() else {
            return Ok(None);
        };
        let taken_ms = base_header(&*self.store.base(base)?)?.taken_ms;
        Ok((taken_ms <= at_ms).then_some(base.revision))
    }

    fn seen_in(&self, stretch: &Stretch, revision: u64) -> Result<Option<u64>, FileError> {
        let Some(base) = stretch.bases.first() else {
            return Ok(None);
        };
        if revision <= base.revision {
            return Ok(Some(base_header(&*self.store.base(base)?)?.taken_ms));
        }
        let place = stretch.chain.partition_point(|it| it.through < revision);
        for segment in stretch.chain.iter().skip(place) {
            let known = self.store.segment_header(segment)?;
            if let Some(seen) = known.header.times.iter().find(|it| it.revision >= revision) {
                return Ok(Some(seen.at_ms));
            }
        }
        Ok(None)
    }
}

/// The first place in a chain where something holds, if it holds for all behind it.
fn first_where(
    chain: &[SegmentName],
    holds: impl Fn(&SegmentName) -> Result<bool, FileError>,
) -> Result<usize, FileError> {
    let (mut low, mut high) = (0, chain.len());
    while low < high {
        let middle = low + (high - low) / 2;
        match chain.get(middle) {
            Some(it) if !holds(it)? => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}
