//! The pieces of a history by their names, for what looks at all of them: merging, and proofs that need an older base.

use super::{
    moment::{Moment, MomentError, NoMoment, Place},
    name::{BaseName, SegmentName},
    open::History,
    pack::Pack,
};
use crate::FileError;
use std::sync::Arc;

impl History {
    /// A base.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn base(&self, name: &BaseName) -> Result<Arc<Pack>, FileError> {
        self.store.base(name)
    }

    /// A segment, with the dictionaries that it needs.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn segment(&self, name: &SegmentName) -> Result<Pack, FileError> {
        self.store.segment(name)
    }

    /// The way to a revision from a base of one's own choice: an older one leads through more versions. Where the base is behind
    /// the revision, it is the way by itself. What can be rebuilt is not asked.
    ///
    /// # Errors
    /// The base is none of this history's, or does not lead so far; it cannot be read.
    pub fn moment_from(&self, base: &BaseName, revision: u64) -> Result<Moment, MomentError> {
        let timeline = base.timeline;
        let no_moment = NoMoment { timeline, revision, below: None, above: None };
        let stretches = &self.timeline(timeline).ok_or(no_moment)?.stretches;
        let found = stretches
            .iter()
            .find(|it| it.bases.contains(base) && (it.newest() >= revision || base.revision >= revision));
        let stretch = found.ok_or(no_moment)?;
        let segments = if base.revision > revision {
            Vec::new()
        } else {
            self.way(stretch, base, revision)?
        };
        let place = Place { base: self.store.base(base)?, segments, next: Vec::new() };
        Ok(Moment::new(Arc::clone(&self.store), timeline, revision, place))
    }
}
