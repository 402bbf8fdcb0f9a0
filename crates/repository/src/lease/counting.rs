//! Which entries of a guarded stream count. Pure. Readers start at [`counting`], a new holder at [`Reach`].

use super::record::{Acceptance, Position, Record};
use super::store::{Entry, Numbers};
use estate::Epoch;
use std::borrow::Cow;

/// How many entries after the last acknowledged one a writer may have under way in a stream, entries of older epochs in between
/// not counted. A new holder looks at no more than these to see whether any was cut off.
pub const IN_FLIGHT: usize = 16;

/// Whether an entry counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does, for ever.
    Counts,
    /// It does not, and never will: a newer epoch accepted less, or the entry is not the one that was accepted.
    Never,
    /// A tenure that has not said yet what it accepts will decide. It was not acknowledged, or it will count.
    Open,
}

/// Which of these entries of a stream count. `newest` is the newest record of the lease that guards it, and it MUST have been
/// listed and read after the entries were; `None` when the lease was never held.
pub fn counting(newest: Option<&Record>, stream: &str, entries: &[Entry]) -> Vec<Verdict> {
    let bounds = newest.map(|record| bounds(record, stream)).unwrap_or_default();
    entries
        .iter()
        .map(|entry| newest.map_or(Verdict::Open, |record| verdict(record, &bounds, entry)))
        .collect()
}

fn verdict(record: &Record, bounds: &[Acceptance], entry: &Entry) -> Verdict {
    let place = Some(entry.number);
    let refused = bounds.iter().any(|bound| {
        let cut_off = bound.epoch > entry.epoch && bound.number() < place;
        // The place was taken before this entry's epoch began, so it is another one.
        let late = bound.epoch <= entry.epoch && bound.number() >= place;
        let other = bound
            .last
            .as_ref()
            .is_some_and(|last| last.number == entry.number && last.hash != entry.hash);
        cut_off || late || other
    });
    let beyond = bounds.last().and_then(Acceptance::number) < place;
    if refused {
        Verdict::Never
    } else if entry.epoch > record.epoch || (beyond && !record.has_accepted()) {
        Verdict::Open
    } else {
        Verdict::Counts
    }
}

/// What holders accepted of a stream. One that nobody knew of when the newest acceptance was written had no entries then.
pub(super) fn bounds<'r>(record: &'r Record, stream: &str) -> Cow<'r, [Acceptance]> {
    match record.accepts.get(stream) {
        Some(bounds) => Cow::Borrowed(bounds),
        None => record
            .accepted
            .iter()
            .map(|epoch| Acceptance { epoch: *epoch, last: None })
            .collect(),
    }
}

/// What a new holder finds of one stream, and makes of it.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    /// What was accepted before.
    bounds: Vec<Acceptance>,
    /// The lowest number that was not removed.
    floor: u64,
    /// The entries after the last accepted one, up to the first gap: what is behind it was never acknowledged.
    pub(super) after: Vec<u64>,
}

impl Reach {
    /// `newest` is the record that the lease was won with, `numbers` what the stream had after that.
    pub(super) fn new(newest: &Record, stream: &str, numbers: Numbers) -> Self {
        let bounds = bounds(newest, stream).into_owned();
        let Numbers { floor, mut there } = numbers;
        there.sort_unstable();
        there.dedup();
        let known = bounds.last().and_then(Acceptance::number);
        let begin = known.map_or(floor, |last| floor.max(last.saturating_add(1)));
        let after = there.into_iter().filter(|number| *number >= begin).zip(begin..);
        let after = after.take_while(|(number, expected)| number == expected);
        Self {
            bounds,
            floor,
            after: after.map(|(number, _)| number).collect(),
        }
    }

    /// Whether one of the entries in `after` counts: no tenure that accepted is newer.
    pub(super) fn counts(&self, entry: &Entry) -> bool {
        self.bounds.last().is_none_or(|latest| entry.epoch >= latest.epoch)
    }

    /// The whole list of acceptances that `own` makes of it. `last` is the last of `after` that counts, and `cut` whether any
    /// before it does not.
    pub(super) fn accept(mut self, own: Epoch, last: Option<Position>, cut: bool) -> Vec<Acceptance> {
        let before = self.bounds.last().and_then(|bound| bound.last.clone());
        // A bound matters to what is between it and the next one. So it goes when nothing there was cut off.
        if last.is_none() || !cut {
            self.bounds.pop();
        }
        self.bounds.push(Acceptance { epoch: own, last: last.or(before) });
        // It goes, too, when all that has been removed from the stream's front.
        let next: Vec<_> = self.bounds.iter().skip(1).map(Acceptance::number).collect();
        let gone = next
            .iter()
            .take_while(|number| number.is_some_and(|number| number < self.floor))
            .count();
        self.bounds.split_off(gone)
    }
}
