//! A history on a shelf, as a whole. Start at [`History::open`], then [`History::moment`].

use super::{
    moment::{Moment, MomentError, NoMoment, Place},
    name::{BaseName, Name, SegmentName},
    resolve::{Stretch, Timeline, resolve},
    shelf::Shelf,
    store::{Store, base_header, unless_damaged},
};
use crate::FileError;
use std::sync::Arc;

/// In how many segments behind a moment its leases are looked for: some seconds.
const LEASES_WITHIN: usize = 16;

/// A history as it was when it was opened: what is stored later is not seen.
pub struct History {
    pub(super) store: Arc<Store>,
    timelines: Vec<Timeline>,
}

impl History {
    /// Looks at what is on a shelf. Reads names only.
    ///
    /// # Errors
    /// The shelf cannot be listed.
    pub fn open(shelf: Arc<dyn Shelf>) -> Result<Self, FileError> {
        let names = shelf.list()?;
        Ok(Self::of(Arc::new(Store::new(shelf, &names)), resolve(&names)))
    }

    pub(super) fn of(store: Arc<Store>, timelines: Vec<Timeline>) -> Self {
        Self { store, timelines }
    }

    /// The shelf.
    pub fn shelf(&self) -> &Arc<dyn Shelf> {
        self.store.shelf()
    }

    /// Its timelines, by number.
    pub fn timelines(&self) -> &[Timeline] {
        &self.timelines
    }

    /// A timeline by its number.
    pub fn timeline(&self, number: u32) -> Option<&Timeline> {
        self.timelines.iter().find(|it| it.number == number)
    }

    /// The youngest timeline that has a base.
    pub fn newest(&self) -> Option<&Timeline> {
        self.timelines.iter().rev().find(|it| !it.stretches.is_empty())
    }

    /// The number that the next timeline gets; those of orphans are not used again.
    pub fn next_timeline(&self) -> u32 {
        self.timelines.last().map_or(1, |it| it.number.saturating_add(1))
    }

    /// All that is needed to rebuild a revision.
    ///
    /// # Errors
    /// It cannot be rebuilt, and which can instead; or what is needed to tell cannot be read.
    pub fn moment(&self, timeline: u32, revision: u64) -> Result<Moment, MomentError> {
        let found = self
            .timeline(timeline)
            .ok_or(NoMoment { timeline, revision, below: None, above: None })?;
        let mut damage = None;
        let place = match self.place_before(found, revision, &mut damage)? {
            Some(place) => Some(place),
            None => self.place_behind(found, revision, &mut damage)?,
        };
        if let Some(place) = place {
            return Ok(Moment::new(Arc::clone(&self.store), timeline, revision, place));
        }
        if let Some(damage) = damage {
            return Err(damage.into());
        }
        let windows = self.windows(timeline)?;
        let below = windows.iter().map(|it| it.1).filter(|&it| it < revision).max();
        let above = windows.iter().map(|it| it.0).filter(|&it| it > revision).min();
        Err(NoMoment { timeline, revision, below, above }.into())
    }

    /// The youngest base at or before a revision from which segments lead to it; an older one where it is damaged.
    fn place_before(
        &self,
        timeline: &Timeline,
        revision: u64,
        damage: &mut Option<FileError>,
    ) -> Result<Option<Place>, FileError> {
        let mut places: Vec<(BaseName, &Stretch)> = Vec::new();
        for stretch in timeline.stretches.iter().filter(|it| it.newest() >= revision) {
            places.extend(
                stretch
                    .bases
                    .iter()
                    .filter(|it| it.revision <= revision)
                    .map(|it| (*it, stretch)),
            );
        }
        places.sort_by_key(|(base, stretch)| (std::cmp::Reverse(base.revision), stretch.place(base)));
        for (base, stretch) in places {
            let place = self.place_from(stretch, &base, revision);
            match place {
                Ok(Some(place)) => return Ok(Some(place)),
                Ok(None) => {}
                Err(e) if e.is_damage() => drop(damage.get_or_insert(e)),
                Err(e) => return Err(e),
            }
        }
        Ok(None)
    }

    /// The way from a base to a revision, unless that is in a hole.
    fn place_from(&self, stretch: &Stretch, base: &BaseName, revision: u64) -> Result<Option<Place>, FileError> {
        let segments = self.way(stretch, base, revision)?;
        let last = segments.iter().rev().find(|it| !it.is_quiet_at(revision));
        let hole = match last {
            Some(last) if !last.is_complete() => self.store.segment_header(last)?.header.hole(),
            _ => None,
        };
        if hole.is_some_and(|hole| hole.holds(revision)) {
            return Ok(None);
        }
        let behind = stretch.place(base) + segments.len();
        let next = stretch.chain.iter().skip(behind).take(LEASES_WITHIN).copied().collect();
        Ok(Some(Place { base: self.store.base(base)?, segments, next }))
    }

    /// The segments from a base to a revision. Of those behind it, which are not needed, only as many as are whole.
    pub(super) fn way(&self, stretch: &Stretch, base: &BaseName, revision: u64) -> Result<Vec<SegmentName>, FileError> {
        let mut way = Vec::new();
        for segment in stretch.way(base, revision) {
            let is_whole = || unless_damaged(self.store.segment_header(segment));
            if segment.is_quiet_at(revision) && is_whole()?.is_none() {
                break;
            }
            way.push(*segment);
        }
        Ok(way)
    }

    /// The first base behind a revision that still holds its versions.
    fn place_behind(
        &self,
        timeline: &Timeline,
        revision: u64,
        damage: &mut Option<FileError>,
    ) -> Result<Option<Place>, FileError> {
        let bases = timeline.stretches.iter().flat_map(|it| &it.bases);
        let mut behind: Vec<_> = bases.filter(|it| it.revision > revision).collect();
        behind.sort();
        for name in behind {
            match self.store.base(name) {
                Ok(base) if base_header(&base)?.compaction.max(1) <= revision => {
                    return Ok(Some(Place { base, segments: Vec::new(), next: Vec::new() }));
                }
                Ok(_) => {}
                Err(e) if e.is_damage() => drop(damage.get_or_insert(e)),
                Err(e) => return Err(e),
            }
        }
        Ok(None)
    }

    /// The objects that were found damaged so far, each with how: what is not needed is not read, and so not found. Where others
    /// do as well, they were taken instead.
    pub fn damaged(&self) -> Vec<(Name, String)> {
        self.store.damaged()
    }

    /// The names of everything on the shelf that this history does not use: spare ones and orphans, of all timelines.
    pub fn unused(&self) -> Vec<Name> {
        let unused = self.timelines.iter().flat_map(|it| it.spare.iter().chain(&it.orphans));
        unused.copied().map(Name::Segment).collect()
    }
}

#[cfg(test)]
mod tests;
