//! What a pack says about itself: [`Header`], of a base or of a segment, and [`StoredFrame`], one line of its table of frames.

use super::name::{BaseName, Kept, Link, Name, SegmentName};
use bytes::Bytes;

/// What a pack says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Header {
    /// A state as a whole.
    Base(BaseHeader),
    /// Changes.
    Segment(SegmentHeader),
}

/// What a base says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseHeader {
    /// The timeline that it belongs to, from 1.
    pub timeline: u32,
    /// The revision of the state: the last record's, or the compaction's if that is higher.
    pub revision: u64,
    /// Every revision from this one on to `revision` can be rebuilt from the base alone. 0: the source was never compacted.
    pub compaction: u64,
    /// When it was taken, in milliseconds of Unix time.
    pub taken_ms: u64,
    /// Where it comes from.
    pub source: Source,
    /// The source's version, as in `3.6.16`; empty if it is not known.
    pub etcd_version: String,
    /// Why it was made.
    pub began: Began,
    /// The reason in words, for people; may be empty.
    pub note: String,
    /// Of a merged base, the chain link of the last segment that went into it.
    pub stands_for: Option<Link>,
    /// How many of its records are live. Counted by the writer.
    pub live: u64,
    /// How many are superseded versions or deletions. Counted by the writer.
    pub older: u64,
    /// The bytes of all records before compression. Counted by the writer.
    pub raw: u64,
}

/// What a segment says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The timeline that it belongs to, from 1.
    pub timeline: u32,
    /// What it holds, and for what it stands.
    pub kind: Kind,
    /// The chain link of what it follows.
    pub prev: Link,
    /// The revision before its first.
    pub after: u64,
    /// Its last revision; the same as `after` where it says only that nothing has changed.
    pub through: u64,
    /// How many records it holds. Counted by the writer.
    pub count: u64,
    /// When revisions had arrived: ascending in both, at least one. From one segment to the next they ascend as well.
    pub times: Vec<Seen>,
    /// The leases that were seen first here, or looked up again.
    pub leases: Vec<LeaseSeen>,
    /// Where it comes from.
    pub source: Source,
}

/// What a segment holds of its revisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Everything, as it was captured.
    Captured,
    /// Everything, of a run of segments.
    Merged {
        /// The chain link of the run's last.
        stands_for: Link,
    },
    /// The last version of each key, of a run of segments: only `through` itself can be rebuilt.
    Coalesced {
        /// The chain link of the run's last.
        stands_for: Link,
    },
    /// What a base after a gap holds more than the history before the gap.
    Synthetic {
        /// The revision up to which the source was compacted, at least `after`; what was between the two, both exclusive, is
        /// lost.
        compaction: u64,
        /// The chain link of that base.
        stands_for: Link,
    },
}

/// Why a base was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Began {
    /// It is the first of a history.
    First,
    /// Changes were lost: compacted before they were seen.
    Gap,
    /// The source's revision jumped back: a new timeline.
    JumpedBack,
    /// The source is another cluster: a new timeline.
    OtherCluster,
    /// It was made from a snapshot file or a data directory.
    Imported,
    /// It was made from an older base and the segments after it.
    Merged,
    /// A proof failed or a base is damaged, so the copy was taken anew.
    Distrust,
}

/// Where records come from; zero where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// etcd's cluster id.
    pub cluster_id: u64,
    /// The id of the member that was asked.
    pub member_id: u64,
    /// The term of raft as that member said it last.
    pub raft_term: u64,
    /// The index of raft that it had applied then, or some time before: one that goes back is of a source that was restored.
    pub raft_index: u64,
}

/// At this time, this was the newest revision that had arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The revision.
    pub revision: u64,
    /// The time, in milliseconds of Unix time.
    pub at_ms: u64,
}

/// A lease, as etcd told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseSeen {
    /// Its id.
    pub id: i64,
    /// How long it was granted for, in seconds.
    pub granted_s: i64,
    /// How long it still had, in seconds; not positive if it was over.
    pub remaining_s: i64,
    /// When etcd was asked, in milliseconds of Unix time.
    pub at_ms: u64,
}

/// Revisions that were never seen or were given up, between two that can be rebuilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// The last revision before it that can be rebuilt.
    pub after: u64,
    /// The first revision behind it that can be rebuilt.
    pub until: u64,
}

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Of a base: the records that are the newest of their key and no deletions, in key order.
    Live,
    /// Of a base: all its other records, in revision order.
    Older,
    /// Of a base: the entries of all buckets but `key`.
    Buckets,
    /// Of a base: a zstd dictionary.
    Dictionary,
    /// Of a segment: its records, in revision order.
    Changes,
    /// Of a segment: the keys that were live at `after` and are no more, without a record that says so; in order.
    Gone,
}

/// One frame of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFrame {
    /// What it holds.
    pub role: Role,
    /// Where it stands in the pack.
    pub offset: u64,
    /// Its bytes in the pack.
    pub stored: usize,
    /// Its bytes after decompression.
    pub raw: usize,
    /// How many records, keys or entries it holds.
    pub count: u64,
    /// BLAKE3 of the stored bytes.
    pub hash: [u8; 32],
    /// The first key, cut after 1024 bytes (roles `Live` and `Gone`).
    pub first_key: Bytes,
    /// The last key, cut likewise.
    pub last_key: Bytes,
    /// The lowest main revision (roles `Live`, `Older` and `Changes`).
    pub first_revision: u64,
    /// The highest main revision.
    pub last_revision: u64,
    /// The dictionary that it is, or that it needs.
    pub dictionary: Option<[u8; 32]>,
}

/// A pack that has been written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its name.
    pub name: Name,
    /// The hash of its index.
    pub link: Link,
    /// What the next segment has to name as `prev`.
    pub chain: Link,
    /// What it says about itself, counts included.
    pub header: Header,
    /// Its size.
    pub bytes: u64,
}

impl Header {
    /// The name of a pack with this header and this link.
    pub fn name(&self, link: Link) -> Name {
        let (own, chain) = (link.mark(), self.chain(link).mark());
        match self {
            Self::Base(it) => Name::Base(BaseName {
                timeline: it.timeline,
                revision: it.revision,
                chain,
                link: own,
            }),
            Self::Segment(it) => Name::Segment(SegmentName {
                timeline: it.timeline,
                after: it.after,
                through: it.through,
                prev: it.prev.mark(),
                chain,
                link: own,
                kept: it.kind.kept(),
            }),
        }
    }

    /// What the next segment names as `prev`.
    pub fn chain(&self, link: Link) -> Link {
        let stands_for = match self {
            Self::Base(it) => it.stands_for,
            Self::Segment(it) => it.kind.stands_for(),
        };
        stands_for.unwrap_or(link)
    }

    /// The segment's, if it is one.
    pub fn segment(&self) -> Option<&SegmentHeader> {
        match self {
            Self::Base(_) => None,
            Self::Segment(it) => Some(it),
        }
    }

    /// The base's, if it is one.
    pub fn base(&self) -> Option<&BaseHeader> {
        match self {
            Self::Base(it) => Some(it),
            Self::Segment(_) => None,
        }
    }
}

impl SegmentHeader {
    /// The revisions in it that cannot be rebuilt.
    pub fn hole(&self) -> Option<Hole> {
        let until = match self.kind {
            Kind::Captured | Kind::Merged { .. } => return None,
            Kind::Coalesced { .. } => self.through,
            Kind::Synthetic { compaction, .. } => compaction,
        };
        Some(Hole { after: self.after, until }).filter(Hole::is_some)
    }

    /// The revision at which the keys of its frames `Gone` count as deleted.
    pub fn gone_at(&self) -> u64 {
        // Also where the hole is empty: the deletion at the compaction itself may be what is missing.
        match self.kind {
            Kind::Synthetic { compaction, .. } => compaction,
            Kind::Captured | Kind::Merged { .. } | Kind::Coalesced { .. } => self.through,
        }
    }

    /// From which revision on every version is known, if not from its first: a compaction's own revision can be rebuilt, but its
    /// deletions may be known as keys that are gone only, not as records.
    pub fn complete_from(&self) -> Option<u64> {
        match self.kind {
            Kind::Captured | Kind::Merged { .. } => None,
            // Also of a single revision, which leaves no hole: it may stand for a synthetic one.
            Kind::Coalesced { .. } => Some(self.through).filter(|&it| it > self.after),
            Kind::Synthetic { compaction, .. } => Some(compaction).filter(|&it| it > self.after),
        }
    }
}

impl Hole {
    /// Whether there is a revision in it.
    pub fn is_some(&self) -> bool {
        self.until > self.after.saturating_add(1)
    }

    /// Whether this revision is in it.
    pub fn holds(&self, revision: u64) -> bool {
        self.after < revision && revision < self.until
    }
}

impl Kind {
    /// The link in whose place it stands, if it was made later.
    pub fn stands_for(&self) -> Option<Link> {
        match *self {
            Self::Captured => None,
            Self::Merged { stands_for } | Self::Coalesced { stands_for } | Self::Synthetic { stands_for, .. } => {
                Some(stands_for)
            }
        }
    }

    /// As it stands in the name.
    pub fn kept(&self) -> Kept {
        match self {
            Self::Captured => Kept::Captured,
            Self::Merged { .. } => Kept::Merged,
            Self::Coalesced { .. } => Kept::Coalesced,
            Self::Synthetic { .. } => Kept::Synthetic,
        }
    }
}
