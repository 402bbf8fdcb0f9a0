//! A history on a shelf, as a whole. Start at [`History::open`], then [`History::moment`].

use super::{
    dictionary::Dictionary,
    header::{Hole, Source},
    moment::{Moment, MomentError, NoMoment, Place},
    name::{BaseName, Link, Name},
    resolve::{Stretch, Timeline, resolve},
    shelf::Shelf,
    store::Store,
};
use crate::FileError;
use std::sync::Arc;

/// A history as it was when it was opened: what is stored later is not seen.
pub struct History {
    pub(super) store: Arc<Store>,
    timelines: Vec<Timeline>,
}

/// Where a history ends, and what is needed to go on from there.
#[derive(Clone, Debug)]
pub struct Tail {
    /// The timeline.
    pub timeline: u32,
    /// What the next segment names as `prev`.
    pub link: Link,
    /// The last revision that is stored.
    pub through: u64,
    /// The last time at which something was seen, in milliseconds of Unix time; the next one must not be earlier.
    pub seen_ms: u64,
    /// Where the last object comes from.
    pub source: Source,
    /// The youngest base.
    pub base: BaseName,
    /// What new segments are written with.
    pub dictionary: Option<Arc<Dictionary>>,
}

impl History {
    /// Looks at what is on a shelf. Reads names only.
    ///
    /// # Errors
    /// The shelf cannot be listed.
    pub fn open(shelf: Arc<dyn Shelf>) -> Result<Self, FileError> {
        let names = shelf.list()?;
        Ok(Self {
            store: Arc::new(Store::new(shelf, &names)),
            timelines: resolve(&names),
        })
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

    /// Where the youngest timeline ends; `None` if there is no base at all.
    ///
    /// # Errors
    /// Its last object or its youngest base cannot be read.
    pub fn tail(&self) -> Result<Option<Tail>, FileError> {
        let Some(stretch) = self.newest().and_then(Timeline::newest_stretch) else {
            return Ok(None);
        };
        let Some(base) = stretch.bases.last() else {
            return Ok(None);
        };
        let pack = self.store.base(base)?;
        let dictionary = match pack.frames_of(super::Role::Dictionary).last() {
            Some(&frame) => Some(self.store.dictionary_of(&pack, frame)?),
            None => None,
        };
        let begin = super::store::base_header(&pack)?;
        let mut tail = Tail {
            timeline: base.timeline,
            link: pack.chain(),
            through: base.revision,
            seen_ms: begin.taken_ms,
            source: begin.source,
            base: *base,
            dictionary,
        };
        if let Some(last) = stretch.chain.last() {
            let known = self.store.segment_header(last)?;
            tail.link = known.chain;
            tail.through = last.through;
            tail.seen_ms = known.header.times.last().map_or(tail.seen_ms, |it| it.at_ms);
            tail.source = known.header.source;
        }
        Ok(Some(tail))
    }

    /// All that is needed to rebuild a revision.
    ///
    /// # Errors
    /// It cannot be rebuilt, and which can instead; or what is needed to tell cannot be read.
    pub fn moment(&self, timeline: u32, revision: u64) -> Result<Moment, MomentError> {
        let found = self
            .timeline(timeline)
            .ok_or(NoMoment { timeline, revision, below: None, above: None })?;
        let place = match self.place_before(found, revision)? {
            Some(place) => Some(place),
            None => self.place_behind(found, revision)?,
        };
        if let Some(Place { base, segments }) = place {
            return Ok(Moment::new(
                Arc::clone(&self.store),
                timeline,
                revision,
                self.store.base(&base)?,
                segments,
            ));
        }
        let windows = self.windows(timeline)?;
        let below = windows.iter().map(|it| it.1).filter(|&it| it < revision).max();
        let above = windows.iter().map(|it| it.0).filter(|&it| it > revision).min();
        Err(NoMoment { timeline, revision, below, above }.into())
    }

    /// The youngest base at or before a revision from which segments lead to it.
    fn place_before(&self, timeline: &Timeline, revision: u64) -> Result<Option<Place>, FileError> {
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
            let chain = stretch.chain.get(stretch.place(&base)..).unwrap_or_default();
            let needed: Vec<_> = chain.iter().copied().take_while(|it| it.after < revision).collect();
            let hole = match needed.last() {
                Some(last) if !last.is_complete() => self.store.segment_header(last)?.header.hole(),
                _ => None,
            };
            if !hole.is_some_and(|hole| hole.holds(revision)) {
                return Ok(Some(Place { base, segments: needed }));
            }
        }
        Ok(None)
    }

    /// The first base behind a revision that still holds its versions.
    fn place_behind(&self, timeline: &Timeline, revision: u64) -> Result<Option<Place>, FileError> {
        let bases = timeline.stretches.iter().flat_map(|it| &it.bases);
        let mut behind: Vec<_> = bases.filter(|it| it.revision > revision).collect();
        behind.sort();
        for base in behind {
            let compaction = super::store::base_header(&*self.store.base(base)?)?.compaction;
            if compaction.max(1) <= revision {
                return Ok(Some(Place { base: *base, segments: Vec::new() }));
            }
        }
        Ok(None)
    }

    /// What can be rebuilt of a timeline: the first and the last revision of each window, ascending, apart from each other.
    ///
    /// # Errors
    /// A base or a segment with a hole cannot be read.
    pub fn windows(&self, timeline: u32) -> Result<Vec<(u64, u64)>, FileError> {
        let mut windows = Vec::new();
        for stretch in self.timeline(timeline).into_iter().flat_map(|it| &it.stretches) {
            for base in &stretch.bases {
                let compaction = super::store::base_header(&*self.store.base(base)?)?.compaction;
                windows.push((compaction.max(1).min(base.revision), base.revision));
            }
            let mut begin = stretch.first();
            for segment in stretch.chain.iter().filter(|it| !it.is_complete()) {
                if let Some(hole) = self.store.segment_header(segment)?.header.hole() {
                    windows.push((begin, hole.after));
                    begin = hole.until;
                }
            }
            windows.push((begin, stretch.newest()));
        }
        windows.sort_unstable();
        let mut apart: Vec<(u64, u64)> = Vec::new();
        for (begin, end) in windows {
            match apart.last_mut() {
                Some(last) if begin <= last.1.saturating_add(1) => last.1 = last.1.max(end),
                _ => apart.push((begin, end)),
            }
        }
        Ok(apart)
    }

    /// The revisions between the windows of a timeline.
    ///
    /// # Errors
    /// As [`History::windows`].
    pub fn holes(&self, timeline: u32) -> Result<Vec<Hole>, FileError> {
        let windows = self.windows(timeline)?;
        let pairs = windows.iter().zip(windows.iter().skip(1));
        Ok(pairs.map(|(one, next)| Hole { after: one.1, until: next.0 }).collect())
    }

    /// The names of everything on the shelf that this history does not use: spare ones and orphans, of all timelines.
    pub fn unused(&self) -> Vec<Name> {
        let unused = self.timelines.iter().flat_map(|it| it.spare.iter().chain(&it.orphans));
        unused.copied().map(Name::Segment).collect()
    }
}

#[cfg(test)]
mod tests;
