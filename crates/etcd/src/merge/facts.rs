//! What a plan needs to know of a history, read from its packs. Start at [`Facts::of`].

use super::plan::{BasePiece, Facts, Piece};
use crate::FileError;
use crate::history::{BaseName, History, Pack, Role, SegmentName, Stretch, Timeline};
use std::collections::BTreeSet;

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
                let goes_on = newest == Some(timeline.number) && timeline.newest_stretch() == Some(stretch);
                facts.push(of_stretch(history, timeline, stretch, goes_on)?);
            }
        }
        Ok(facts)
    }
}

fn of_stretch(history: &History, timeline: &Timeline, stretch: &Stretch, goes_on: bool) -> Result<Facts, FileError> {
    let mut bases = stretch
        .bases
        .iter()
        .map(|it| base(history, it))
        .collect::<Result<Vec<_>, _>>()?;
    bases.sort_by_key(|it| it.name.revision);
    let chain = stretch.chain.iter().map(|it| segment(history, it)).collect::<Result<_, _>>()?;
    // Those that no base leads to may be in flight.
    let orphans = timeline.orphans.iter().filter(|_| timeline.stretches.len() == 1);
    let others = timeline.spare.iter().chain(orphans).copied().collect();
    Ok(Facts { bases, chain, others, has_ended: !goes_on })
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
