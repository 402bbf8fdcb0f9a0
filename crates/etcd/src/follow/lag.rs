//! How far behind it is: pure.

use super::Position;

/// How far a file is, and how far the history was when it was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Where the file stands; `None` as long as there is none.
    pub own: Option<Position>,
    /// What was last seen of the history, since this process began.
    pub seen: Option<Seen>,
    /// Whether the last try to look, or to take what was seen, failed.
    pub failed: bool,
}

/// The newest that a history had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The youngest timeline.
    pub timeline: u32,
    /// Its newest revision.
    pub revision: u64,
    /// When it was seen, in milliseconds of Unix time by the clock here.
    pub at_ms: u64,
}

impl Lag {
    pub(super) fn of(own: Option<Position>) -> Self {
        Self { own, seen: None, failed: false }
    }

    /// Whether the file held all that the history had when it was looked at last, and that look did not fail. Whether the history is
    /// kept up itself is another question: see [`Position::seen_ms`].
    pub fn is_current(&self) -> bool {
        self.behind() == Some(0)
    }

    /// How many revisions the file lacks of what the history had; `None` where that is not known: nobody looked, the last look
    /// failed, there is no file, or it is of another timeline.
    pub fn behind(&self) -> Option<u64> {
        let (own, seen) = (self.own.as_ref()?, self.seen?);
        (!self.failed && own.timeline == seen.timeline).then(|| seen.revision.saturating_sub(own.revision))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Link;

    #[test]
    fn it_is_current_only_where_it_looked_and_found_nothing_newer() {
        let own = Position { timeline: 2, revision: 7, link: Link([1; 32]), seen_ms: 5 };
        let seen = |timeline, revision| Some(Seen { timeline, revision, at_ms: 9 });
        let lag = |seen, failed| Lag { own: Some(own.clone()), seen, failed };
        assert_eq!(lag(seen(2, 7), false).behind(), Some(0));
        assert!(lag(seen(2, 7), false).is_current());
        assert_eq!(lag(seen(2, 10), false).behind(), Some(3));
        for unknown in [
            lag(seen(2, 7), true),
            lag(None, false),
            lag(seen(3, 7), false),
            Lag::default(),
        ] {
            assert_eq!((unknown.behind(), unknown.is_current()), (None, false), "{unknown:?}");
        }
    }
}
