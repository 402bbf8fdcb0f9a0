//! What a cluster's copies will cost: objects, requests and bytes in a month. Pure, and an estimate: clouds bill by these numbers.

use crate::seal::sealed_length;
use crate::units::{count, of, size};
use crate::upload::PIECE;
use estate::Keep;
use serde::Serialize;
use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

/// A month, as it is counted here: 30 days.
const MONTH: Duration = Duration::from_hours(30 * 24);

const HOUR: Duration = Duration::from_hours(1);

const DAY: Duration = Duration::from_hours(24);

/// Keys are read anew once a minute by whoever uses them.
const KEYS_EVERY: Duration = Duration::from_secs(60);

/// Objects on a page of a list.
const PAGE: u128 = 1000;

/// Bytes of a manifest, about.
const MANIFEST: u128 = 1500;

/// Statements of evidence that are kept of each writer and scope.
const STATEMENTS: u128 = 100;

/// Who tells what it has seen: two of the cluster, and one of what is shared.
const TELLERS: (u128, u128) = (2, 1);

/// Lists of a prune besides those of points and parts: holds, keyrings twice, evidence.
const OTHER_LISTS: u128 = 4;

/// What is asked of a repository for one cluster, by settings and by sizes that are known or guessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// Time between two points.
    pub every: Duration,
    /// The lengths of a point's parts before sealing, in bytes.
    pub parts: Vec<u64>,
    /// Which points stay.
    pub keep: Keep,
    /// Time between two looks of the standby for a newer point, besides one for each. It opens each.
    pub looks: Duration,
    /// Time between two prunes.
    pub prunes: Duration,
    /// Time between two looks at the journals of runs.
    pub journals: Duration,
    /// Time between two looks whether the recovery kit has changed.
    pub kits: Duration,
    /// Time between two statements of what a writer has seen.
    pub tellings: Duration,
    /// Whether what is stored is locked, by object lock.
    pub locked: bool,
    /// The history, if one is kept.
    pub history: Option<HistoryLoad>,
}

/// What a history asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryLoad {
    /// Time between two segments, on a cluster in which something always changes.
    pub segment_every: Duration,
    /// Bytes of all segments of a day, as they are stored.
    pub day_bytes: u64,
    /// Bytes of a base, as it is stored.
    pub base_bytes: u64,
    /// Time between two bases.
    pub base_every: Duration,
    /// How long every revision stays rebuildable.
    pub window: Duration,
    /// What is younger is not merged.
    pub settle: Duration,
    /// Into which stretches of time segments are merged, shortest first.
    pub levels: Vec<Duration>,
}

/// A month's objects, requests and bytes, once copies are let go as fast as they are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// Objects that are held.
    pub objects: u64,
    /// Bytes that are held.
    pub bytes: u64,
    /// Requests that write.
    pub writes: u64,
    /// Bytes that these send.
    pub sent_bytes: u64,
    /// Requests that read.
    pub reads: u64,
    /// Bytes that these fetch.
    pub fetched_bytes: u64,
    /// Requests that list: mostly billed as writes are.
    pub lists: u64,
    /// Requests that remove.
    pub deletes: u64,
}

/// What `load` will cost in a month.
pub fn cost(load: &Load) -> Cost {
    let mut cost = of_points(load);
    cost += of_evidence(load);
    if load.locked {
        cost += of_locks(load);
    }
    if let Some(history) = &load.history {
        cost += of_history(history);
    }
    cost
}

fn of_points(load: &Load) -> Cost {
    let taken = times(MONTH, load.every);
    let kept = kept(&load.keep, load.every);
    let parts = load.parts.len() as u128;
    let sealed = || {
        load.parts
            .iter()
            .map(|bytes| u128::from(sealed_length((*bytes).min(u64::MAX / 2))))
    };
    let point_bytes = sealed().sum::<u128>() + MANIFEST;
    // An object of many pieces is begun and completed, too.
    let puts: u128 = sealed().map(pieces).map(|pieces| if pieces > 1 { pieces + 2 } else { 1 }).sum();
    let gets: u128 = sealed().map(pieces).sum();
    let prune_lists = (kept * parts).div_ceil(PAGE) + kept.div_ceil(PAGE) + OTHER_LISTS;
    // Who captures and who stands by.
    let keys = 2 * times(MONTH, load.every.max(KEYS_EVERY));
    Cost {
        objects: number(kept * (parts + 1)),
        bytes: number(kept * point_bytes),
        writes: number(taken * (puts + 1)),
        sent_bytes: number(taken * point_bytes),
        // Each part's length is looked at when it is stored; then the manifest is read to prune, and all of it to prove it.
        reads: number(taken * (parts + 2 + gets) + keys + times(MONTH, load.prunes) + times(MONTH, load.kits)),
        fetched_bytes: number(taken * (point_bytes + MANIFEST)),
        lists: number(
            taken
                + times(MONTH, load.looks)
                + times(MONTH, load.prunes) * prune_lists
                + times(MONTH, load.journals)
                + times(MONTH, load.kits)
                + keys,
        ),
        deletes: number(taken * (parts + 1)),
    }
}

/// Each statement is made after a look at the whole scope and at what others have said.
fn of_evidence(load: &Load) -> Cost {
    let tellings = times(MONTH, load.tellings);
    let (of_cluster, of_shared) = TELLERS;
    let tellers = of_cluster + of_shared;
    let in_scope = kept(&load.keep, load.every) * (load.parts.len() as u128 + 1) + of_cluster * STATEMENTS;
    // The scope, the list of writers, and the own statements twice.
    let lists = of_cluster * (in_scope.div_ceil(PAGE) + 3) + of_shared * 3;
    Cost {
        objects: number(tellers * STATEMENTS),
        bytes: number(tellers * STATEMENTS * MANIFEST),
        writes: number(tellings * tellers),
        sent_bytes: number(tellings * tellers * MANIFEST),
        // The newest manifest, and the newest statement of each.
        reads: number(tellings * (of_cluster * (1 + of_cluster) + of_shared)),
        fetched_bytes: number(tellings * (of_cluster * (1 + of_cluster) + of_shared) * MANIFEST),
        lists: number(tellings * lists),
        deletes: number(tellings * tellers),
    }
}

/// Each object of a point is looked at, locked, and looked at again; those that stay longer once more.
fn of_locks(load: &Load) -> Cost {
    let stays = times(MONTH, load.every.max(HOUR));
    let (points, parts) = (times(MONTH, load.every) + stays, load.parts.len() as u128);
    let segments = load.history.as_ref().map_or(0, |history| times(MONTH, history.segment_every));
    Cost {
        writes: number(points * (parts + 1) + segments),
        reads: number(2 * (points * (parts + 1) + segments)),
        lists: number(points),
        ..Cost::default()
    }
}

/// How many points stay at most: as if no rule kept what another keeps.
fn kept(keep: &Keep, every: Duration) -> u128 {
    let last = u128::from(keep.last.max(1));
    let fine = last.max(times(keep.within, every) + 1);
    let rules = [keep.hourly, keep.daily, keep.weekly, keep.monthly, keep.yearly];
    fine + rules.into_iter().map(u128::from).sum::<u128>()
}

fn of_history(of: &HistoryLoad) -> Cost {
    let segments = times(MONTH, of.segment_every);
    let merged: u128 = of.levels.iter().map(|level| times(MONTH, *level)).sum();
    let bases = times(MONTH, of.base_every);
    let (base_bytes, month_bytes) = (u128::from(of.base_bytes), u128::from(of.day_bytes) * times(MONTH, DAY));
    let base_pieces = pieces(base_bytes);
    // Of each level, what has not been merged into the next one yet; before the first, what has not settled.
    let first = of.levels.first().copied().unwrap_or(of.window);
    let unmerged = times(of.settle.saturating_add(first), of.segment_every);
    let ends = of.levels.iter().skip(1).copied().chain([of.window]);
    let in_levels: u128 = of.levels.iter().zip(ends).map(|(level, end)| times(end, *level) + 1).sum();
    let bases_held = times(of.window, of.base_every) + 1;
    let window_bytes = u128::from(of.day_bytes) * millis(of.window) / millis(DAY);
    // Once as captured, and once for each level.
    let copies = of.levels.len() as u128 + 1;
    Cost {
        objects: number(unmerged + in_levels + bases_held),
        bytes: number(bases_held * base_bytes + window_bytes),
        writes: number(segments + merged + bases * (base_pieces + 2)),
        sent_bytes: number(copies * month_bytes + bases * base_bytes),
        // All that is stored is read back; what is merged is read, into a level or into a base.
        reads: number(2 * (segments + merged) + 2 * bases * base_pieces),
        fetched_bytes: number((2 * copies + 1) * month_bytes + 2 * bases * base_bytes),
        lists: number(times(MONTH, first)),
        deletes: number(segments + merged + bases),
    }
}

/// How often something happens in `span` that happens every `every`, 1 ms at least.
fn times(span: Duration, every: Duration) -> u128 {
    millis(span) / millis(every).max(1)
}

/// In milliseconds; longer than 30,000 years is no longer, so that no product overflows.
fn millis(span: Duration) -> u128 {
    span.as_millis().min(1 << 50)
}

/// In how many pieces so many bytes travel.
fn pieces(bytes: u128) -> u128 {
    bytes.div_ceil(PIECE as u128)
}

fn number(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.objects = self.objects.saturating_add(other.objects);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.writes = self.writes.saturating_add(other.writes);
        self.sent_bytes = self.sent_bytes.saturating_add(other.sent_bytes);
        self.reads = self.reads.saturating_add(other.reads);
        self.fetched_bytes = self.fetched_bytes.saturating_add(other.fetched_bytes);
        self.lists = self.lists.saturating_add(other.lists);
        self.deletes = self.deletes.saturating_add(other.deletes);
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "held at most    {}, {}", of(self.objects, "object"), size(self.bytes))?;
        writeln!(
            f,
            "a month, about  {} that write, {} sent",
            of(self.writes, "request"),
            size(self.sent_bytes)
        )?;
        writeln!(f, "                {} that read, {} fetched", count(self.reads), size(self.fetched_bytes))?;
        writeln!(f, "                {} that list", count(self.lists))?;
        write!(f, "                {} that remove", count(self.deletes))
    }
}
