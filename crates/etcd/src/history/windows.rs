//! What of a timeline can be rebuilt. Start at [`History::windows`].

use super::{
    header::Hole,
    name::BaseName,
    open::History,
    resolve::Stretch,
    store::{base_header, unless_damaged},
};
use crate::FileError;

impl History {
    /// What can be rebuilt of a timeline: the first and the last revision of each window, ascending, apart from each other. Reads
    /// bases and the segments that lack versions; what is damaged among these counts as not there.
    ///
    /// # Errors
    /// A base or a segment with a hole cannot be read.
    pub fn windows(&self, timeline: u32) -> Result<Vec<(u64, u64)>, FileError> {
        let mut windows = Vec::new();
        for stretch in self.timeline(timeline).into_iter().flat_map(|it| &it.stretches) {
            self.windows_of(stretch, &mut windows)?;
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

    fn windows_of(&self, stretch: &Stretch, windows: &mut Vec<(u64, u64)>) -> Result<(), FileError> {
        let mut bases: Vec<(usize, &BaseName)> = Vec::new();
        for name in &stretch.bases {
            if let Some(base) = unless_damaged(self.store.base(name))? {
                let compaction = base_header(&base)?.compaction;
                windows.push((compaction.max(1).min(name.revision), name.revision));
                bases.push((stretch.place(name), name));
            }
        }
        let mut bases = bases.into_iter().peekable();
        // From where on the way leads; `None` where that is not known until the next base.
        let mut begin: Option<u64> = None;
        for (place, segment) in stretch.chain.iter().enumerate() {
            while let Some((_, base)) = bases.next_if(|it| it.0 <= place) {
                begin = begin.or(Some(base.revision));
            }
            if segment.is_complete() {
                continue;
            }
            match unless_damaged(self.store.segment_header(segment))? {
                Some(known) => {
                    if let Some(hole) = known.header.hole() {
                        windows.extend(begin.map(|begin| (begin, hole.after)));
                        begin = begin.map(|_| hole.until);
                    }
                }
                None => windows.extend(begin.take().map(|begin| (begin, segment.after))),
            }
        }
        windows.extend(begin.map(|begin| (begin, stretch.newest())));
        Ok(())
    }
}
