//! What should be merged, coalesced and removed: [`plan`], a pure function of the pieces that are there, the policy and the time.
//!
//! The window is kept as it came: bases at an interval, and between them every change. Inside it segments are only joined:
//! all of one closed ten minutes, then of an hour, then of a day. Before the window there is the base from which its first
//! revision is rebuilt, and the points that are to be kept: from one of them to the next, only the last version of each key.

use super::facts::{BasePiece, Facts, Piece};
use crate::history::{BaseName, Mark, Name, SegmentName};
use std::collections::BTreeSet;

/// A clock that is ahead of the history by less is not doubted, in milliseconds.
const LEAST_DOUBT_MS: u64 = 60 * 60_000;

/// What is to be done with a history over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long every revision stays rebuildable, in milliseconds.
    pub window_ms: u64,
    /// What is younger is left alone: it is what capture is working at, in milliseconds.
    pub settle_ms: u64,
    /// Into which stretches of time segments are merged, shortest first, in milliseconds. Each a multiple of the one before.
    pub levels_ms: Vec<u64>,
    /// After how much time a new base is merged, in milliseconds.
    pub base_every_ms: u64,
    /// No segment is merged that would be larger, in bytes as stored.
    pub segment_bytes: u64,
    /// Revisions before the window that stay rebuildable, where a segment ends on them.
    pub keep: BTreeSet<u64>,
    /// Whether a timeline that a later one has taken over goes altogether once it is before the window. Otherwise its last moment
    /// stays: often it is the last that is known of a cluster that was lost.
    pub forget_ended: bool,
}

/// One thing to be done. Whatever it stops at, the next plan goes on from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Puts one segment with every version in the place of these.
    Merge(Vec<SegmentName>),
    /// Puts one segment with the last version of each key in the place of these.
    Coalesce(Vec<SegmentName>),
    /// Makes a base from an older one and the segments after it. They stay: what is in the window needs them.
    Base {
        /// The older base.
        from: BaseName,
        /// The segments up to the new one's revision.
        through: Vec<SegmentName>,
    },
    /// Removes what is no longer needed, in this order.
    Remove {
        /// What.
        names: Vec<Name>,
        /// Why.
        why: Why,
    },
}

/// Why something is no longer needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is in a merged or coalesced segment.
    InMerged,
    /// It is before the window, and no point that is kept needs it.
    BeforeWindow,
}

impl Default for Policy {
    fn default() -> Self {
        const MINUTE_MS: u64 = 60_000;
        Self {
            window_ms: 7 * 24 * 60 * MINUTE_MS,
            settle_ms: 10 * MINUTE_MS,
            levels_ms: vec![10 * MINUTE_MS, 60 * MINUTE_MS, 24 * 60 * MINUTE_MS],
            base_every_ms: 24 * 60 * MINUTE_MS,
            segment_bytes: 256 << 20,
            keep: BTreeSet::new(),
            forget_ended: false,
        }
    }
}

/// Why something is kept that is before the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// The clock is so far behind the last time at which capture saw anything that one of the two may be wrong: nothing is removed
    /// by the clock, until capture goes on.
    Clock {
        /// That time, in milliseconds of Unix time.
        latest_ms: u64,
    },
    /// The last moment of a timeline that a later one has taken over.
    Ended {
        /// Its number.
        timeline: u32,
    },
}

/// What should be done now, in this order. Nothing of it changes which revisions of the window can be rebuilt.
pub fn plan(facts: &Facts, policy: &Policy, now_ms: u64) -> Vec<Action> {
    decided(facts, policy, now_ms, !is_doubtful(facts, policy, now_ms))
}

/// Why [`plan`] keeps something that would go otherwise, if it does.
pub fn held(facts: &Facts, policy: &Policy, now_ms: u64) -> Option<Held> {
    let takes_away = |action: &Action| match action {
        Action::Coalesce(_) => true,
        Action::Remove { why, .. } => *why == Why::BeforeWindow,
        Action::Merge(_) | Action::Base { .. } => false,
    };
    let doubtful = is_doubtful(facts, policy, now_ms);
    if doubtful && decided(facts, policy, now_ms, true).iter().any(takes_away) {
        return Some(Held::Clock { latest_ms: facts.latest_ms });
    }
    let ended = !doubtful && is_last_moment(facts, policy, now_ms);
    let timeline = facts.bases.first().filter(|_| ended)?.name.timeline;
    Some(Held::Ended { timeline })
}

/// Whether the time may be wrong: a clock that runs ahead by more than the window would take all of it away. It cannot be told from
/// a capture that stood still, and then there is no hurry either.
fn is_doubtful(facts: &Facts, policy: &Policy, now_ms: u64) -> bool {
    now_ms.saturating_sub(facts.latest_ms) > LEAST_DOUBT_MS.max(policy.window_ms / 10)
}

/// Whether of a timeline that is over nothing but its last moment is kept.
fn is_last_moment(facts: &Facts, policy: &Policy, now_ms: u64) -> bool {
    let cut_ms = now_ms.saturating_sub(policy.window_ms);
    facts.is_over(cut_ms) && facts.ends_timeline && !policy.forget_ended
}

/// The plan, where the time is trusted; otherwise only what takes nothing away.
fn decided(facts: &Facts, policy: &Policy, now_ms: u64, trusted: bool) -> Vec<Action> {
    let cut_ms = now_ms.saturating_sub(policy.window_ms);
    let mut actions = Vec::new();
    let mut remove = |names: Vec<Name>, why| {
        if !names.is_empty() {
            actions.push(Action::Remove { names, why });
        }
    };
    let last_moment = is_last_moment(facts, policy, now_ms);
    if trusted && facts.is_over(cut_ms) && !last_moment && policy.keep.is_empty() {
        remove(facts.all(), Why::BeforeWindow);
        return actions;
    }
    let Some(bounds) = Bounds::of(facts, policy, cut_ms) else {
        return actions;
    };
    let in_merged = in_merged(facts);
    let (oldest, window) = (facts.place(&bounds.oldest), facts.place(&bounds.window));
    let end = if last_moment { facts.chain.len() } else { window };
    let before = facts.chain.get(oldest..end).unwrap_or_default();
    let mut useless = bounds.useless(facts);
    useless.extend(in_parts(facts, before, policy));
    useless.retain(|it| !in_merged.contains(it));
    remove(in_merged, Why::InMerged);
    if trusted {
        remove(useless, Why::BeforeWindow);
        actions.extend(coalesced(before, policy));
    }
    if !(trusted && last_moment) {
        actions.extend(new_base(facts, policy, now_ms));
        actions.extend(merged(facts, facts.chain.get(window..).unwrap_or_default(), policy, now_ms));
    }
    actions
}

/// The bases that matter.
struct Bounds {
    /// From which the oldest kept point is rebuilt.
    oldest: BaseName,
    /// From which the window's first revision is rebuilt.
    window: BaseName,
}

impl Bounds {
    /// `None` where there is no base, and nothing can be rebuilt anyway.
    fn of(facts: &Facts, policy: &Policy, cut_ms: u64) -> Option<Self> {
        let first = facts.bases.first()?.name;
        let newest_at = |revision: u64| {
            let before = facts.bases.iter().rev().find(|it| it.name.revision <= revision);
            before.map_or(first, |it| it.name)
        };
        let passed = facts.chain.iter().filter(|it| it.last_ms <= cut_ms).map(|it| it.name.through);
        let passed = passed.chain(facts.bases.iter().filter(|it| it.at_ms <= cut_ms).map(|it| it.name.revision));
        let window = newest_at(passed.max().unwrap_or(first.revision));
        let kept = policy.keep.first().map_or(window, |&it| newest_at(it));
        let oldest = if kept.revision < window.revision { kept } else { window };
        Some(Self { oldest, window })
    }

    /// What stands before the oldest base that is needed, and the bases between that and the window; but not one that alone holds
    /// a dictionary which is still needed.
    fn useless(&self, facts: &Facts) -> Vec<Name> {
        let is_old = |it: &&BasePiece| it.name.revision < self.window.revision && it.name != self.oldest;
        let (old, mut left): (Vec<_>, Vec<_>) = facts.bases.iter().partition(is_old);
        let place = facts.place(&self.oldest);
        let needed: BTreeSet<_> = facts.chain.iter().skip(place).flat_map(|it| &it.dictionaries).collect();
        let mut useless = Vec::new();
        for base in old.into_iter().rev() {
            let held = |it: &&[u8; 32]| left.iter().any(|other| other.dictionaries.contains(*it));
            if base.dictionaries.iter().filter(|it| needed.contains(it)).all(|it| held(&it)) {
                useless.insert(0, Name::Base(base.name));
            } else {
                left.push(base);
            }
        }
        let chain = facts.chain.iter().take(place).map(|it| it.name);
        let before = |it: &SegmentName| it.after < self.oldest.revision && it.through <= self.oldest.revision;
        let others = facts.others.iter().copied().filter(before);
        useless.extend(chain.chain(others).map(Name::Segment));
        // What says only that nothing changed is before the base where it leads to it, and after it where it does not.
        let quiet = leading_to(&facts.others, self.oldest.chain, |it| (it.after == self.oldest.revision, false));
        useless.extend(quiet);
        useless
    }
}

/// Parts of merged segments that are still there: a merge was stopped before they were all removed.
fn in_merged(facts: &Facts) -> Vec<Name> {
    let mut parts = Vec::new();
    for whole in facts.chain.iter().map(|it| it.name).filter(|it| it.chain != it.link) {
        let found = leading_to(&facts.others, whole.chain, |it| {
            (it.after >= whole.after && it.through <= whole.through, it.prev == whole.prev)
        });
        parts.extend(found.into_iter().filter(|it| !parts.contains(it)).collect::<Vec<_>>());
    }
    parts
}

/// Merged segments before the window whose parts are in the chain: a merge was stopped before it removed them, the chain prefers the
/// parts when the last of them says only that nothing changed, and here nothing is merged again.
fn in_parts(facts: &Facts, before: &[Piece], policy: &Policy) -> Vec<Name> {
    let tells_all = |piece: &Piece| piece.name.is_complete() || !has_point_within(&piece.name, policy);
    let is_told = |whole: &&SegmentName| {
        let begins = |it: &Piece| (it.name.after, it.name.prev) == (whole.after, whole.prev);
        let parts = before.iter().position(begins).and_then(|first| before.get(first..));
        let parts = parts.unwrap_or_default();
        let last = parts
            .iter()
            .position(|it| (it.name.through, it.name.chain) == (whole.through, whole.chain));
        last.and_then(|last| parts.get(..=last))
            .is_some_and(|parts| parts.iter().all(tells_all))
    };
    facts.others.iter().filter(is_told).copied().map(Name::Segment).collect()
}

/// Whether a revision that is kept is in a segment, and not its last.
fn has_point_within(name: &SegmentName, policy: &Policy) -> bool {
    let within = name.after + 1..name.through.max(name.after + 1);
    policy.keep.range(within).next().is_some()
}

/// Which of `others` lead to a point of the chain, the oldest first: in this order they are removed, because the older ones are known
/// only by following the younger back. `belongs` says of one whether it counts, and whether it is the first.
fn leading_to(others: &[SegmentName], point: Mark, belongs: impl Fn(&SegmentName) -> (bool, bool)) -> Vec<Name> {
    let (mut found, mut points) = (Vec::new(), vec![point]);
    while let Some(point) = points.pop() {
        for part in others.iter().filter(|it| it.chain == point) {
            let (counts, is_first) = belongs(part);
            if counts && !found.contains(&Name::Segment(*part)) {
                found.push(Name::Segment(*part));
                points.extend((!is_first).then_some(part.prev));
            }
        }
    }
    found.reverse();
    found
}

/// Before the window: from one kept point to the next, one segment.
fn coalesced(pieces: &[Piece], policy: &Policy) -> Vec<Action> {
    let mut runs: Vec<Vec<&Piece>> = vec![Vec::new()];
    for piece in pieces {
        let name = piece.name;
        // A point that no segment ends on needs the segment that it is in as it is.
        let has_point_within = has_point_within(&name, policy);
        let follows = runs
            .last()
            .and_then(|run| run.last())
            .is_none_or(|last| last.name.chain == name.prev);
        if has_point_within || !follows {
            runs.push(Vec::new());
        }
        if has_point_within {
            continue;
        }
        if let Some(run) = runs.last_mut() {
            run.push(piece);
        }
        if policy.keep.contains(&name.through) {
            runs.push(Vec::new());
        }
    }
    let useful = |run: &Vec<&Piece>| run.len() > 1 || run.first().is_some_and(|it| it.name.is_complete());
    runs.retain(useful);
    runs.into_iter().map(|run| Action::Coalesce(names(&run))).collect()
}

/// A base at the end of the longest stretch of time that has passed, when the newest one is old.
fn new_base(facts: &Facts, policy: &Policy, now_ms: u64) -> Option<Action> {
    let newest = facts.bases.last()?;
    let longest_ms = policy.levels_ms.last().copied().unwrap_or(policy.base_every_ms);
    let after = facts.chain.get(facts.place(&newest.name)..)?;
    let run: Vec<_> = after
        .iter()
        .take_while(|it| is_closed(it, longest_ms, policy, now_ms))
        .collect();
    let (first, last) = (run.first()?, run.last()?);
    let due =
        last.last_ms.saturating_sub(newest.at_ms) >= policy.base_every_ms && last.name.through > newest.name.revision;
    let fits = first.name.prev == newest.name.chain;
    (due && fits).then(|| Action::Base { from: newest.name, through: names(&run) })
}

/// Inside the window: what is in one stretch of time that has passed goes into one segment, the longest stretch first.
fn merged(facts: &Facts, window: &[Piece], policy: &Policy, now_ms: u64) -> Vec<Action> {
    let at_base = |piece: &Piece| facts.bases.iter().any(|it| it.name.chain == piece.name.chain);
    let mut actions = Vec::new();
    let mut taken = BTreeSet::new();
    for &level_ms in policy.levels_ms.iter().rev().filter(|&&it| it > 0) {
        let mut runs: Vec<Vec<&Piece>> = Vec::new();
        for piece in window {
            let free =
                piece.name.is_complete() && is_closed(piece, level_ms, policy, now_ms) && !taken.contains(&piece.name);
            let joins = |run: &Vec<&Piece>| {
                let bytes: u64 = run.iter().map(|it| it.bytes).sum();
                run.last().is_some_and(|last| {
                    last.last_ms / level_ms == piece.last_ms / level_ms
                        && last.name.chain == piece.name.prev
                        && !at_base(last)
                }) && bytes.saturating_add(piece.bytes) <= policy.segment_bytes
            };
            match runs.last_mut().filter(|run| free && joins(run)) {
                Some(run) => run.push(piece),
                None => runs.push(if free { vec![piece] } else { Vec::new() }),
            }
        }
        for run in runs.into_iter().filter(|run| run.len() > 1) {
            taken.extend(run.iter().map(|it| it.name));
            actions.push(Action::Merge(names(&run)));
        }
    }
    actions
}

/// Whether the stretch of time in which the piece ends has passed, and capture has settled.
fn is_closed(piece: &Piece, level_ms: u64, policy: &Policy, now_ms: u64) -> bool {
    let end_ms = (piece.last_ms / level_ms.max(1)).saturating_add(1).saturating_mul(level_ms);
    end_ms.saturating_add(policy.settle_ms) <= now_ms
}

fn names(run: &[&Piece]) -> Vec<SegmentName> {
    run.iter().map(|it| it.name).collect()
}

#[cfg(test)]
mod tests;
