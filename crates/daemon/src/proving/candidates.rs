//! Which copy is proven next. No single object in the store may keep the others from being proven.
//!
//! Start at [`Candidates::next`].

use estate::PointId;
use recovery::Trouble;
use std::collections::{BTreeMap, BTreeSet};

/// The copies that could not be proven.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    /// Those that are not sound, with what was found: that does not pass.
    bad: BTreeMap<PointId, Trouble>,
    /// Those about which nothing could be learnt just now: their turn comes again after all others'.
    aside: BTreeSet<PointId>,
}

impl Candidates {
    /// The next to prove of `points`, which are all there are, newest first: of those newer than `known`, the newest.
    pub(crate) fn next<'a>(&mut self, points: &'a [PointId], known: Option<&PointId>) -> Option<&'a PointId> {
        let there = |id: &PointId| points.binary_search_by(|it| id.cmp(it)).is_ok();
        self.bad.retain(|id, _| there(id));
        self.aside.retain(there);
        let newer = points.iter().take_while(|id| known.is_none_or(|known| *id > known));
        let left: Vec<&PointId> = newer.filter(|id| !self.bad.contains_key(*id)).collect();
        let next = left.iter().find(|id| !self.aside.contains(**id));
        if next.is_none() {
            self.aside.clear();
        }
        next.or(left.first()).copied()
    }

    /// Notes that a copy could not be proven.
    pub(crate) fn failed(&mut self, id: &PointId, trouble: &Trouble) {
        if trouble.is_of_the_copy() {
            self.bad.insert(id.clone(), trouble.clone());
        } else {
            self.aside.insert(id.clone());
        }
    }

    /// What is wrong with the newest of `points`.
    pub(crate) fn of_newest(&self, points: &[PointId]) -> Option<&Trouble> {
        self.bad.get(points.first()?)
    }
}

#[cfg(test)]
mod tests;
