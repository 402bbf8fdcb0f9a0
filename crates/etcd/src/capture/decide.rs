//! How a capture goes on after a start or a break: resume, take a base anew, or begin a new timeline.
//!
//! Start at [`decide`]: facts in, a decision with its reason out; nothing is asked or done here.

use crate::AuthStatus;
use std::fmt;

/// What a decision is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// How far the history has come; `None` when there is none.
    pub tail: Option<Seen>,
    /// The source, as one of its members says after a read that needed a quorum: a member that lags behind, or is cut off,
    /// must not look like a source that jumped back.
    pub live: Live,
    /// What the two ways of catching up cost.
    pub rates: Rates,
    /// Whether the last base was so recently that none is taken but of need: not because of users, or a clock.
    pub rests: bool,
}

/// What the history last saw of its source. Zero where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The last revision in the history.
    pub through: u64,
    /// The cluster that it came from.
    pub cluster_id: u64,
    /// The term of raft then.
    pub raft_term: u64,
    /// The index of raft then, or some time before.
    pub raft_index: u64,
    /// The revision of its youngest base.
    pub base: u64,
    /// The latest time in it, in milliseconds since 1970; 0 where there is none.
    pub seen_ms: u64,
    /// The users that its youngest base holds, where that is known.
    pub users: Option<AuthStatus>,
}

/// What a member says of itself and its cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// The cluster's id.
    pub cluster_id: u64,
    /// Its newest revision.
    pub revision: u64,
    /// The term of raft.
    pub raft_term: u64,
    /// The index of raft.
    pub raft_index: u64,
    /// The revision through which it has compacted, where that is known.
    pub compaction: Option<u64>,
    /// The size of the member's database in bytes.
    pub db_bytes: u64,
    /// What the source says of the last change that the history holds: `Some(false)` when it has another one there, `None` when it
    /// cannot tell (compacted) or was not asked.
    pub same_last_change: Option<bool>,
    /// Whether its hash at the last revision of the history is the history's; `None` when it was not asked, or cannot tell.
    pub same_hash: Option<bool>,
    /// The clock of this host, in milliseconds since 1970.
    pub now_ms: u64,
    /// Its users, where it says so.
    pub users: Option<AuthStatus>,
}

/// Estimates. The defaults were measured (two cores, etcd 3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// How fast etcd brings a watch up to date, in revisions a second.
    pub catch_up_per_s: u64,
    /// How fast it streams its database, in bytes a second.
    pub base_bytes_per_s: u64,
    /// A watch that needs no longer than this is waited for in any case, in seconds.
    pub patience_s: u64,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            catch_up_per_s: 5_500,
            base_bytes_per_s: 200_000_000,
            patience_s: 10,
        }
    }
}

/// How to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Go {
    /// Watch from this revision on.
    Resume {
        /// The first revision that is missing.
        from: u64,
    },
    /// Take a base anew; the timeline goes on, perhaps with a hole.
    Rebase {
        /// Why.
        why: Why,
    },
    /// Take a base, with which a new timeline begins.
    NewTimeline {
        /// Why.
        why: Why,
    },
}

/// Why a base is needed. Its text stands in the base and in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no history yet.
    First,
    /// There is one, but its youngest base is damaged.
    Damaged,
    /// The source forgot what comes after the history's last revision.
    Compacted {
        /// The last revision of the history.
        through: u64,
        /// The revision through which the source has compacted.
        compaction: u64,
    },
    /// A base is there sooner than a watch.
    Backlog {
        /// Revisions to catch up.
        revisions: u64,
        /// What a watch would need, in seconds.
        watch_s: u64,
        /// What a base needs, in seconds.
        base_s: u64,
    },
    /// The watch skips a revision again and again.
    Skipped {
        /// The revision that does not come.
        revision: u64,
    },
    /// It is another cluster.
    OtherCluster {
        /// The cluster that the history is of.
        was: u64,
        /// The cluster that answers.
        is: u64,
    },
    /// The source's revision is lower than the history's.
    RevisionBack {
        /// The history's last.
        was: u64,
        /// The source's newest.
        is: u64,
    },
    /// Raft's term or index is lower than it was: the source was restored, and has written since.
    RaftBack {
        /// Term and index that the history saw.
        was: (u64, u64),
        /// Term and index of the source.
        is: (u64, u64),
    },
    /// The source has another change where the history's last one is: it was restored, and has written since.
    OtherChange {
        /// The revision.
        revision: u64,
    },
    /// The source's revision grew by far more than its raft did, which no write does: it was restored, with its revision raised.
    Raised {
        /// The history's last.
        was: u64,
        /// The source's newest.
        is: u64,
    },
    /// The history was imported, does not say from which cluster, and is not what this one holds.
    Unproven,
    /// The clock is behind the latest time of the history: the clock, or that time, is wrong.
    ClockBack {
        /// By how many seconds.
        by_s: u64,
        /// The last revision whose time may be wrong.
        through: u64,
    },
    /// Users or roles are not those that the youngest base holds. No watch tells of them.
    Users {
        /// Those of the base.
        was: AuthStatus,
        /// Those of the source.
        is: AuthStatus,
    },
}

/// A clock that is put right may step back by less than this: then times stand still until it has caught up. Beyond it, that would
/// take too long.
const CLOCK_STEP_MS: u64 = 60_000;

/// By how much more than raft's index the revision has to grow for a restored source. Both are noted with a little delay between
/// them, so some millions would be enough; what people raise revisions by is 10 to 1,000 times this.
const RAISED: u64 = 100_000_000;

/// Decides how to go on. A source that is not the one the history is of begins a new timeline, whatever else holds; then what
/// cannot be watched any more, then what would take too long, needs a base. So do times that would go back, first of these, since
/// they need one that stands for itself; and users that are not the base's, last, since any base has them.
pub fn decide(facts: &Facts) -> Go {
    let (Some(tail), live) = (facts.tail, facts.live) else {
        return Go::NewTimeline { why: Why::First };
    };
    if let Some(why) = another_source(tail, live) {
        return Go::NewTimeline { why };
    }
    // Two bases of one revision would be hard to tell apart; and while nothing is written, nothing is wrong with the times either.
    let can_wish = !facts.rests && live.revision > tail.base;
    let by_ms = clock_back(tail.seen_ms, live.now_ms).filter(|_| can_wish);
    if let Some(by_ms) = by_ms {
        return Go::Rebase {
            why: Why::ClockBack { by_s: by_ms / 1000, through: tail.through },
        };
    }
    let next = tail.through.saturating_add(1);
    // At the revision of the compaction itself, deletions may be lost: what comes after it is whole.
    if let Some(compaction) = live.compaction.filter(|&compaction| next <= compaction) {
        return Go::Rebase { why: Why::Compacted { through: tail.through, compaction } };
    }
    let revisions = live.revision.saturating_sub(tail.through);
    let watch_s = revisions / facts.rates.catch_up_per_s.max(1);
    let base_s = live.db_bytes / facts.rates.base_bytes_per_s.max(1);
    if watch_s > facts.rates.patience_s && watch_s > base_s {
        return Go::Rebase { why: Why::Backlog { revisions, watch_s, base_s } };
    }
    let users = tail.users.zip(live.users).and_then(|(was, is)| changed_users(was, is));
    match users.filter(|_| can_wish) {
        Some(why) => Go::Rebase { why },
        None => Go::Resume { from: next },
    }
}

/// Why this is not the source that the history is of, if it is not.
fn another_source(tail: Seen, live: Live) -> Option<Why> {
    if tail.cluster_id == 0 && live.same_hash != Some(true) {
        return Some(Why::Unproven);
    }
    if tail.cluster_id != 0 && tail.cluster_id != live.cluster_id {
        return Some(Why::OtherCluster { was: tail.cluster_id, is: live.cluster_id });
    }
    // A fresh etcd is at revision 1 without any record.
    if live.revision.max(1) < tail.through {
        return Some(Why::RevisionBack { was: tail.through, is: live.revision });
    }
    if live.raft_term < tail.raft_term || live.raft_index < tail.raft_index {
        let (was, is) = ((tail.raft_term, tail.raft_index), (live.raft_term, live.raft_index));
        return Some(Why::RaftBack { was, is });
    }
    // Each revision is an entry of raft's log, at least.
    let (revisions, entries) = (
        live.revision.saturating_sub(tail.through),
        live.raft_index.saturating_sub(tail.raft_index),
    );
    if tail.raft_index != 0 && revisions.saturating_sub(entries) >= RAISED {
        return Some(Why::Raised { was: tail.through, is: live.revision });
    }
    (live.same_last_change == Some(false)).then_some(Why::OtherChange { revision: tail.through })
}

/// By how much the clock is behind the latest time of the history, in milliseconds, if that is more than a step.
pub(super) fn clock_back(seen_ms: u64, now_ms: u64) -> Option<u64> {
    seen_ms.checked_sub(now_ms).filter(|&by_ms| by_ms > CLOCK_STEP_MS)
}

/// Why the base's users need a new one. Where nothing was ever changed, a database may not say so.
pub(super) fn changed_users(was: AuthStatus, is: AuthStatus) -> Option<Why> {
    let same = was.enabled == is.enabled && was.revision.max(1) == is.revision.max(1);
    (!same).then_some(Why::Users { was, is })
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => write!(f, "there was no history"),
            Self::Damaged => write!(f, "the youngest base of the history is damaged"),
            Self::Compacted { through, compaction } => {
                write!(f, "etcd has compacted through revision {compaction}, and the history ends at {through}")
            }
            Self::Backlog { revisions, watch_s, base_s } => {
                write!(f, "catching up {revisions} revisions would take {watch_s} s, a base takes {base_s} s")
            }
            Self::Skipped { revision } => write!(f, "the watch skips revision {revision} again and again"),
            Self::OtherCluster { was, is } => {
                write!(f, "the cluster is {is:016x}, and the history is of {was:016x}")
            }
            Self::RevisionBack { was, is } => {
                write!(f, "etcd went back to revision {is}, and the history ends at {was}")
            }
            Self::RaftBack { was, is } => write!(
                f,
                "etcd was restored: its raft is at term {} and index {}, and was at term {} and index {}",
                is.0, is.1, was.0, was.1
            ),
            Self::OtherChange { revision } => {
                write!(f, "etcd was restored: its change at revision {revision} is not the history's")
            }
            Self::Raised { was, is } => {
                write!(f, "etcd was restored, and its revision raised: it is {is}, and the history ends at {was}")
            }
            Self::Unproven => write!(f, "the history was imported, and nothing proves that it is this etcd's"),
            Self::ClockBack { by_s, through } => write!(
                f,
                "the clock is {by_s} s behind the history's latest time: the times of revisions up to {through} cannot be trusted"
            ),
            Self::Users { was, is } if was.enabled != is.enabled => {
                write!(f, "etcd's authentication was switched {}", if is.enabled { "on" } else { "off" })
            }
            Self::Users { .. } => write!(f, "etcd's users or roles were changed"),
        }
    }
}

#[cfg(test)]
mod tests;
