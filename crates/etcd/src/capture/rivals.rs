//! Whether somebody else adds to the same history. Two captures at once do no harm to it (readers choose one of two ways), but cost
//! twice and prove nothing: the one that notices stops.

use crate::FileError;
use crate::history::{Kept, Name, Shelf};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Looks at the shelf from time to time for what this capture did not put there.
pub(super) struct Rivals {
    shelf: Arc<dyn Shelf>,
    every: Duration,
    next: Instant,
    looking: Option<JoinHandle<Result<Vec<Name>, FileError>>>,
    /// What was there when it was last looked.
    known: HashSet<Name>,
    /// What this capture sent there since.
    own: HashSet<Name>,
    /// Whether there was something foreign when it was last looked: once may be a process that was ending.
    suspicious: bool,
}

impl Rivals {
    pub(super) fn new(shelf: Arc<dyn Shelf>, every: Duration, known: Vec<Name>) -> Self {
        Self {
            shelf,
            every,
            next: ambient::monotonic() + every,
            looking: None,
            known: known.into_iter().collect(),
            own: HashSet::new(),
            suspicious: false,
        }
    }

    /// This capture puts something there.
    pub(super) fn own(&mut self, name: Name) {
        self.own.insert(name);
    }

    /// Waits until it is time, and looks: a name that somebody else captured, if there was one this time and the last. A shelf
    /// that cannot be listed is looked at again later. Giving up waiting loses nothing.
    pub(super) async fn look(&mut self) -> Option<Name> {
        if self.looking.is_none() {
            ambient::sleep(self.next.saturating_duration_since(ambient::monotonic())).await;
        }
        let shelf = &self.shelf;
        let looking = self.looking.get_or_insert_with(|| {
            let shelf = Arc::clone(shelf);
            tokio::task::spawn_blocking(move || shelf.list())
        });
        let listed = looking.await;
        self.looking = None;
        self.next = ambient::monotonic() + self.every;
        let Ok(Ok(listed)) = listed else { return None };
        let foreign = self.judge(listed);
        let found = foreign.filter(|_| self.suspicious);
        self.suspicious = foreign.is_some();
        found
    }

    /// What is new and was captured by somebody else. What merging makes is not.
    fn judge(&mut self, listed: Vec<Name>) -> Option<Name> {
        let captured = |name: &Name| match name {
            Name::Base(it) => it.chain == it.link,
            Name::Segment(it) => it.kept == Kept::Captured,
        };
        let is_new = |name: &Name| !self.known.contains(name) && !self.own.contains(name);
        let foreign = listed.iter().copied().find(|name| captured(name) && is_new(name));
        self.known = listed.into_iter().collect();
        // What is on its way is not there yet.
        self.own.retain(|name| !self.known.contains(name));
        foreign
    }
}

#[cfg(test)]
mod tests;
