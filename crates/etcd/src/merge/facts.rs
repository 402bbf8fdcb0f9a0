//! What a plan needs to know of a history. Start at [`Facts`]; [`Facts::of`] reads them from packs.

use crate::FileError;
use crate::history::{BaseName, History, Name, Pack, Role, SegmentName, Stretch, Timeline};
use std::collections::BTreeSet;

/// How many segments are read at once, at most.
const READERS: usize = 16;
/// Fewer are not worth a thread.
const LEAST_SHARE: usize = 16;

/// A timeline, as far as it has been resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its bases, by revision.
    pub bases: Vec<BasePiece>,
    /// The segments that follow each other, from the oldest base to the newest revision.
    pub chain: Vec<Piece>,
    /// All other segments that are there.
    pub others: Vec<SegmentName>,
    /// Whether a later timeline, or a later stretch of the same one, has taken over.
    pub has_ended: bool,
    /// Whether its last moment is the last one of a timeline that has ended.
    pub ends_timeline: bool,
    /// The last time at which anything was seen in the timeline that goes on, in milliseconds of Unix time.
    pub latest_ms: u64,
}

/// A base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasePiece {
    /// Its name.
    pub name: BaseName,
    /// When its state was the newest, in milliseconds of Unix time.
    pub at_ms: u64,
    /// The dictionaries that it holds.
    pub dictionaries: BTreeSet<[u8; 32]>,
}

/// A segment of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its name.
    pub name: SegmentName,
    /// When its first revision was seen, in milliseconds of Unix time.
    pub first_ms: u64,
    /// When its last revision was seen.
    pub last_ms: u64,
    /// Its size as stored.
    pub bytes: u64,
    /// The dictionaries that it cannot be read without.
    pub dictionaries: BTreeSet<[u8; 32]>,
}

impl Facts {
    /// The facts of every stretch of every timeline, to be planned for one by one. Reads the index of each pack.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn of(history: &History) -> Result<Vec<Self>, FileError> {
        let mut facts = Vec::new();
        let newest = history.newest().map(|it| it.number);
        for timeline in history.timelines() {
            for stretch in &timeline.stretches {
                let is_newest = timeline.newest_stretch() == Some(stretch);
                let goes_on = newest == Some(timeline.number);
                let of = of_stretch(history, timeline, stretch)?;
                facts.push(Self {
                    has_ended: !(goes_on && is_newest),
                    ends_timeline: !goes_on && is_newest,
                    ..of
                });
            }
        }
        let going_on = facts.iter().filter(|it| !it.has_ended);
        let latest_ms = going_on.filter_map(Self::last_ms).max().unwrap_or(0);
        facts.iter_mut().for_each(|it| it.latest_ms = latest_ms);
        Ok(facts)
    }
}

fn of_stretch(history: &History, timeline: &Timeline, stretch: &Stretch) -> Result<Facts, FileError> {
    let mut bases = stretch
        .bases
        .iter()
        .map(|it| base(history, it))
        .collect::<Result<Vec<_>, _>>()?;
    bases.sort_by_key(|it| it.name.revision);
    let chain = each(&stretch.chain, |it| segment(history, it))?;
    // Those that no base leads to may be in flight.
    let orphans = timeline.orphans.iter().filter(|_| timeline.stretches.len() == 1);
    let others = timeline.spare.iter().chain(orphans).copied().collect();
    Ok(Facts { bases, chain, others, ..Facts::default() })
}

/// Reads each, several at once where there are many: a store far away takes its time for every single one.
fn each<T: Sync, R: Send>(names: &[T], read: impl Fn(&T) -> Result<R, FileError> + Sync) -> Result<Vec<R>, FileError> {
    let share = names.len().div_ceil(READERS).max(LEAST_SHARE);
    let read = &read;
    std::thread::scope(|scope| {
        let shares = names.chunks(share).map(|share| {
            let all = move || share.iter().map(read).collect::<Result<Vec<_>, _>>();
            scope.spawn(all)
        });
        // All are begun before the first is waited for.
        let shares: Vec<_> = shares.collect();
        let mut found = Vec::with_capacity(names.len());
        for share in shares {
            match share.join() {
                Ok(part) => found.extend(part?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(found)
    })
}

fn base(history: &History, name: &BaseName) -> Result<BasePiece, FileError> {
    let pack = history.base(name)?;
    let at_ms = pack.header().base().map_or(0, |it| it.taken_ms);
    let held = pack
        .frames()
        .iter()
        .filter(|it| it.role == Role::Dictionary)
        .filter_map(|it| it.dictionary);
    Ok(BasePiece { name: *name, at_ms, dictionaries: held.collect() })
}

fn segment(history: &History, name: &SegmentName) -> Result<Piece, FileError> {
    let pack = history.segment(name)?;
    let times = pack.header().segment().map(|it| it.times.as_slice()).unwrap_or_default();
    let (first_ms, last_ms) = (times.first().map_or(0, |it| it.at_ms), times.last().map_or(0, |it| it.at_ms));
    let bytes = pack.frames().iter().map(|it| it.stored as u64).sum();
    Ok(Piece {
        name: *name,
        first_ms,
        last_ms,
        bytes,
        dictionaries: needed(&pack),
    })
}

fn needed(pack: &Pack) -> BTreeSet<[u8; 32]> {
    pack.frames().iter().filter_map(|it| it.dictionary).collect()
}

impl Facts {
    /// Whether a later timeline has taken over, and this one's last moment is before `cut_ms`.
    pub(super) fn is_over(&self, cut_ms: u64) -> bool {
        self.has_ended && self.last_ms().is_none_or(|it| it <= cut_ms)
    }

    /// The last time at which anything was seen.
    fn last_ms(&self) -> Option<u64> {
        let bases = self.bases.iter().map(|it| it.at_ms);
        self.chain.iter().map(|it| it.last_ms).chain(bases).max()
    }

    /// How many segments of the chain stand before a base.
    pub(super) fn place(&self, base: &BaseName) -> usize {
        let behind = self.chain.iter().position(|it| it.name.chain == base.chain).map(|at| at + 1);
        let before = || self.chain.iter().position(|it| it.name.prev == base.chain);
        let by_revision = || self.chain.iter().take_while(|it| it.name.through <= base.revision).count();
        behind.or_else(before).unwrap_or_else(by_revision)
    }

    pub(super) fn all(&self) -> Vec<Name> {
        let segments = self.chain.iter().map(|it| it.name).chain(self.others.iter().copied());
        segments
            .map(Name::Segment)
            .chain(self.bases.iter().map(|it| Name::Base(it.name)))
            .collect()
    }
}
