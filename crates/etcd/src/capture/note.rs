//! What a capture tells while it runs: [`Note`]. Nothing is logged here; the caller shows notes, keeps them, or both.

use super::decide::Why;
use estate::Kind;
use std::fmt;
use std::sync::Arc;

/// Who is told. Called from several tasks; must not block.
pub type Tell = Arc<dyn Fn(Note) + Send + Sync>;

/// Something that people may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A member answers, and is watched.
    Connected {
        /// The member's URL.
        endpoint: String,
        /// The first revision that is asked for.
        from: u64,
    },
    /// The member does not answer, or broke off. It is tried again, or another is.
    Lost {
        /// What happened.
        why: String,
    },
    /// A base is being taken.
    Taking {
        /// Why.
        why: Why,
        /// Whether it goes on in a new timeline.
        new_timeline: bool,
    },
    /// Reading the database file is not possible, so that the base comes as a stream.
    Streaming {
        /// Why.
        why: String,
    },
    /// A base has been taken, and is being stored.
    Based {
        /// The timeline.
        timeline: u32,
        /// Its revision.
        revision: u64,
        /// Its size in bytes.
        bytes: u64,
        /// How its bytes came.
        way: Way,
    },
    /// Revisions were lost: they were compacted before they were seen.
    Hole {
        /// The last revision before it that can be rebuilt.
        after: u64,
        /// The first revision behind it that can be rebuilt.
        until: u64,
    },
    /// A gap was closed: what is known of it is stored.
    Bridged {
        /// The last revision before it.
        after: u64,
        /// The revision of the base behind it.
        through: u64,
    },
    /// A gap could not be closed; the next start tries it again.
    Unbridged {
        /// What happened.
        why: String,
    },
    /// Something could not be stored. It is tried again; the first failure in a row is told.
    Unstored {
        /// What happened.
        why: String,
        /// What has to be done about it.
        kind: Kind,
    },
    /// The spool does not take what the shelf does not: the watch is not read on when what waits has filled its place in memory, and what
    /// etcd compacts meanwhile is lost.
    Unspooled {
        /// What happened.
        why: String,
    },
    /// The spool takes what waits again, or nothing waits any more.
    Spooled,
    /// Whether the source's users or roles change cannot be seen: a rebuild gets those of the last base.
    UsersUnseen {
        /// What happened.
        why: String,
    },
    /// After failures, storing works again.
    Stored,
}

/// How the bytes of a base came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As a stream, checked against its SHA-256.
    Stream,
    /// Read from the member's own file, while an open stream kept its pages as they were.
    Pin,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected { endpoint, from } => write!(f, "watching {endpoint} from revision {from}"),
            Self::Lost { why } => write!(f, "{why}; trying again"),
            Self::Taking { why, new_timeline: false } => write!(f, "taking a base: {why}"),
            Self::Taking { why, new_timeline: true } => write!(f, "taking a base for a new timeline: {why}"),
            Self::Streaming { why } => write!(f, "the base comes as a stream: {why}"),
            Self::Based { timeline, revision, bytes, way } => {
                let way = match way {
                    Way::Stream => "by stream",
                    Way::Pin => "from the database file",
                };
                write!(f, "base of timeline {timeline} taken {way}: revision {revision}, {bytes} bytes")
            }
            Self::Hole { after, until } => write!(f, "the revisions between {after} and {until} are lost"),
            Self::Bridged { after, through } => write!(f, "what is known of revisions {after} to {through} is stored"),
            Self::Unbridged { why } => write!(f, "what is known of a gap could not be stored: {why}"),
            Self::Unstored { why, .. } => write!(f, "{why}; trying again"),
            Self::Unspooled { why } => {
                write!(
                    f,
                    "the local disk does not take what waits for the store: {why}; etcd keeps it as long as it does"
                )
            }
            Self::Spooled => write!(f, "the local disk takes what waits for the store again, or nothing waits"),
            Self::UsersUnseen { why } => {
                write!(
                    f,
                    "etcd does not say whether its users change, and a rebuild has those of the last base: {why}"
                )
            }
            Self::Stored => write!(f, "storing works again"),
        }
    }
}
