//! Whether somebody else adds to the same history. Two captures at once do no harm to it (readers choose one of two ways), but cost
//! twice and prove nothing: the one that notices stops.

use crate::history::{Kept, Name, Shelf};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Looks at the shelf from time to time for what this capture did not put there.
pub(super) struct Rivals {
    shelf: Arc<dyn Shelf>,
    every: Duration,
    next: Instant,
    /// What was there when it was last looked, and what was put there since.
    known: HashSet<Name>,
    /// Whether there was something foreign when it was last looked: once may be a process that was ending.
    suspicious: bool,
}

impl Rivals {
    pub(super) fn new(shelf: Arc<dyn Shelf>, every: Duration, known: Vec<Name>) -> Self {
        let next = ambient::monotonic() + every;
        Self { shelf, every, next, known: known.into_iter().collect(), suspicious: false }
    }

    /// This capture puts something there.
    pub(super) fn own(&mut self, name: Name) {
        self.known.insert(name);
    }

    /// Waits until it is time, and looks: a name that somebody else captured, if there was one this time and the last. A shelf
    /// that cannot be listed is looked at again later. Giving up waiting loses nothing.
    pub(super) async fn look(&mut self) -> Option<Name> {
        ambient::sleep(self.next.saturating_duration_since(ambient::monotonic())).await;
        let shelf = Arc::clone(&self.shelf);
        let listed = tokio::task::spawn_blocking(move || shelf.list()).await;
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
        let foreign = listed.iter().copied().find(|name| captured(name) && !self.known.contains(name));
        // What is on its way is not there yet.
        self.known.extend(listed);
        foreign
    }
}
