//! Going on from a point of a history, as whoever follows it does. Start at [`History::onward`].

use super::{
    header::SegmentHeader,
    moment::follows,
    name::{Link, Mark, SegmentName},
    open::History,
    pack::Pack,
    resolve::{Timeline, resolve},
};
use crate::FileError;
use std::sync::Arc;

impl History {
    /// The same shelf as it is now. Of what was read, bases and dictionaries stay known.
    ///
    /// # Errors
    /// The shelf cannot be listed.
    pub fn renewed(&self) -> Result<Self, FileError> {
        let names = self.shelf().list()?;
        Ok(Self::of(Arc::new(self.store.renewed(&names)), resolve(&names)))
    }

    /// The segments that lead on from a revision of a timeline and the link at its end; `None` where the way that leads farthest does
    /// not come by there.
    pub fn onward(&self, timeline: u32, revision: u64, chain: Mark) -> Option<Vec<SegmentName>> {
        let stretch = self.timeline(timeline).and_then(Timeline::newest_stretch)?;
        let at_base = stretch.bases.iter().find(|it| (it.revision, it.chain) == (revision, chain));
        let place = match at_base {
            Some(base) => stretch.place(base),
            None => {
                let ends = stretch.chain.iter().position(|it| (it.through, it.chain) == (revision, chain));
                ends? + 1
            }
        };
        stretch.chain.get(place..).map(<[_]>::to_vec)
    }

    /// Opens a segment that has to follow a link, which is compared in full.
    ///
    /// # Errors
    /// It cannot be read, or it follows something else.
    pub fn segment_after(&self, name: &SegmentName, before: Link) -> Result<(Pack, SegmentHeader), FileError> {
        let pack = self.store.segment(name)?;
        let known = self.store.segment_header(name)?;
        follows(name, &known, before)?;
        Ok((pack, known.header.clone()))
    }
}
