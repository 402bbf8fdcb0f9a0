//! Where a history ends. Start at [`History::tail`].

use super::{
    dictionary::Dictionary,
    header::{Role, Source},
    name::{BaseName, Link, Name},
    open::History,
    pack::Pack,
    resolve::{Stretch, Timeline},
    store::{base_header, unless_damaged},
};
use crate::FileError;
use std::sync::Arc;

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
    /// The youngest base that can be read.
    pub base: BaseName,
    /// What was passed over because it is damaged, and how. Of segments: the tail is before them, and what follows it takes
    /// their place. Of bases: [`Tail::base`] and the dictionary are of an older one, so that a new base is called for.
    pub damaged: Vec<(Name, String)>,
    /// What new segments are written with.
    pub dictionary: Option<Arc<Dictionary>>,
}

/// A base with its dictionary.
type WithDictionary = (BaseName, Arc<Pack>, Option<Arc<Dictionary>>);

impl History {
    /// Where the youngest timeline ends; `None` if there is no base at all, or none that can be read: [`History::damaged`] tells
    /// these two apart. See [`Tail::damaged`].
    ///
    /// # Errors
    /// Its last objects or its youngest base cannot be read, for other reasons than damage.
    pub fn tail(&self) -> Result<Option<Tail>, FileError> {
        let Some(stretch) = self.newest().and_then(Timeline::newest_stretch) else {
            return Ok(None);
        };
        let Some((base, pack, dictionary)) = self.youngest_base(stretch)? else {
            return Ok(None);
        };
        let begin = base_header(&pack)?;
        let mut tail = Tail {
            timeline: base.timeline,
            link: pack.chain(),
            through: base.revision,
            seen_ms: begin.taken_ms,
            source: begin.source,
            base,
            damaged: Vec::new(),
            dictionary,
        };
        let younger = stretch.bases.iter().rev().take_while(|it| **it != base);
        let mut passed: Vec<Name> = younger.copied().map(Name::Base).collect();
        let behind = stretch.chain.get(stretch.place(&base)..).unwrap_or_default();
        for last in behind.iter().rev() {
            let Some(known) = unless_damaged(self.store.segment_header(last))? else {
                passed.push(Name::Segment(*last));
                continue;
            };
            tail.link = known.chain;
            tail.through = last.through;
            tail.seen_ms = known.header.times.last().map_or(tail.seen_ms, |it| it.at_ms);
            tail.source = known.header.source;
            break;
        }
        tail.damaged = self.damaged().into_iter().filter(|(name, _)| passed.contains(name)).collect();
        Ok(Some(tail))
    }

    fn youngest_base(&self, stretch: &Stretch) -> Result<Option<WithDictionary>, FileError> {
        for name in stretch.bases.iter().rev() {
            let Some(pack) = unless_damaged(self.store.base(name))? else {
                continue;
            };
            let dictionary = match pack.frames_of(Role::Dictionary).last() {
                Some(&frame) => unless_damaged(self.store.dictionary_of(&pack, frame))?.map(Some),
                None => Some(None),
            };
            if let Some(dictionary) = dictionary {
                return Ok(Some((*name, pack, dictionary)));
            }
        }
        Ok(None)
    }
}
