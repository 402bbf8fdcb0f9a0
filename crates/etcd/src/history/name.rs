//! Names of a history's objects, in one flat list, from which alone most of the history can be told. Start at [`Name`].
//!
//! ```text
//! t0001-base-{revision}-{link}                                 a base as it was taken
//! t0001-base-{revision}-{chain}-merged-{link}                  one made from an older base and segments
//! t0001-seg-{after}-{through}-{prev}-{link}                    a segment as it was captured
//! t0001-seg-{after}-{through}-{prev}-{chain}-merged-{link}     one in the place of a run; also -coalesced-, -synthetic-
//! ```
//!
//! Revisions have 20 digits, links the first 16 hexadecimal digits. *chain* is the link that the next segment names as its
//! `prev`: what was made later in the place of others carries the link of the last of them, and the chain goes on.

use estate::Kind as Trouble;
use std::{fmt, str::FromStr};

/// The hash of a pack's index, and by it of the whole pack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link(pub [u8; 32]);

/// The first eight bytes of a [`Link`], as they stand in names. What is opened is checked against the whole link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(pub [u8; 8]);

/// The name of a base or of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// A state as a whole.
    Base(BaseName),
    /// Changes.
    Segment(SegmentName),
}

/// The name of a base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BaseName {
    /// The timeline that it belongs to, from 1.
    pub timeline: u32,
    /// The revision of the state.
    pub revision: u64,
    /// What the segment after it names as `prev`: its own link, or of a merged base the one of the last segment in it.
    pub chain: Mark,
    /// Its own link.
    pub link: Mark,
}

/// The name of a segment; it holds the changes of the revisions `(after, through]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    /// The timeline that it belongs to, from 1.
    pub timeline: u32,
    /// The revision before its first.
    pub after: u64,
    /// Its last revision. The same as `after` where it says only that nothing has changed.
    pub through: u64,
    /// The chain link of what it follows.
    pub prev: Mark,
    /// What the segment after it names as `prev`.
    pub chain: Mark,
    /// Its own link.
    pub link: Mark,
    /// What it holds of its revisions.
    pub kept: Kept,
}

/// What a segment holds of its revisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kept {
    /// Everything, as it was captured.
    Captured,
    /// Everything, of a run of segments.
    Merged,
    /// Only the last version of each key, of a run of segments.
    Coalesced,
    /// What could be found out after a gap.
    Synthetic,
}

impl Name {
    /// The timeline that it belongs to.
    pub fn timeline(&self) -> u32 {
        match self {
            Self::Base(it) => it.timeline,
            Self::Segment(it) => it.timeline,
        }
    }

    /// Its own link, as far as the name holds it.
    pub fn link(&self) -> Mark {
        match self {
            Self::Base(it) => it.link,
            Self::Segment(it) => it.link,
        }
    }
}

impl SegmentName {
    /// Whether every version of its revisions is in it.
    pub fn is_complete(&self) -> bool {
        matches!(self.kept, Kept::Captured | Kept::Merged)
    }
}

impl Link {
    /// As it stands in names.
    pub fn mark(&self) -> Mark {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[..8]);
        Mark(bytes)
    }
}

impl Kept {
    /// The word in names.
    fn word(self) -> &'static str {
        match self {
            Self::Captured => "captured",
            Self::Merged => "merged",
            Self::Coalesced => "coalesced",
            Self::Synthetic => "synthetic",
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base(it) => it.fmt(f),
            Self::Segment(it) => it.fmt(f),
        }
    }
}

impl fmt::Display for BaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { timeline, revision, chain, link } = self;
        write!(f, "t{timeline:04}-base-{revision:020}-{chain}")?;
        if chain == link {
            Ok(())
        } else {
            write!(f, "-merged-{link}")
        }
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { timeline, after, through, prev, chain, link, kept } = self;
        write!(f, "t{timeline:04}-seg-{after:020}-{through:020}-{prev}-{chain}")?;
        match kept {
            Kept::Captured => Ok(()),
            kept => write!(f, "-{}-{link}", kept.word()),
        }
    }
}

/// What is no name of a history's object.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not the name of an object of a history")]
pub struct NoName(String);

impl NoName {
    /// What has to be done about it.
    pub fn kind(&self) -> Trouble {
        Trouble::Invalid
    }
}

impl FromStr for Name {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        let parsed = parse(text);
        // One object, one name: what another spelling would mean is never asked.
        parsed
            .filter(|it| it.to_string() == text)
            .ok_or_else(|| NoName(crate::record::shown(text.as_bytes())))
    }
}

fn parse(text: &str) -> Option<Name> {
    let parts: Vec<&str> = text.split('-').collect();
    let timeline = parts.first()?.strip_prefix('t')?.parse().ok().filter(|&it| it > 0)?;
    let revision = |text: &str| text.parse().ok().filter(|&it| i64::try_from(it).is_ok());
    Some(match *parts.get(1..)? {
        ["base", at, link] => {
            let link = mark(link)?;
            Name::Base(BaseName { timeline, revision: revision(at)?, chain: link, link })
        }
        ["base", at, chain, "merged", link] => Name::Base(BaseName {
            timeline,
            revision: revision(at)?,
            chain: mark(chain)?,
            link: mark(link)?,
        }),
        ["seg", after, through, prev, chain, ref more @ ..] => {
            let chain = mark(chain)?;
            let (kept, link) = match more {
                [] => (Kept::Captured, chain),
                ["merged", link] => (Kept::Merged, mark(link)?),
                ["coalesced", link] => (Kept::Coalesced, mark(link)?),
                ["synthetic", link] => (Kept::Synthetic, mark(link)?),
                _ => return None,
            };
            let (after, through) = (revision(after)?, revision(through)?);
            let name = SegmentName {
                timeline,
                after,
                through,
                prev: mark(prev)?,
                chain,
                link,
                kept,
            };
            (after <= through).then_some(Name::Segment(name))?
        }
        _ => return None,
    })
}

fn mark(text: &str) -> Option<Mark> {
    if text.len() != 16 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some(Mark(u64::from_str_radix(text, 16).ok()?.to_be_bytes()))
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests;
