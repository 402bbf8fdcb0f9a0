//! What must hold at every step, looked at from outside, where all is known. Start at [`World::audit`].

use super::process::local;
use super::world::World;
use super::*;
use std::time::Duration;

/// An entry, and what is known of it.
pub(super) struct Placed {
    pub(super) entry: Entry,
    /// It was written when a newer epoch had accepted.
    late: bool,
    acknowledged: bool,
    /// What it was found to be: only what is open may change.
    verdict: Verdict,
}

/// What the auditor remembers.
#[derive(Default)]
pub(super) struct Known {
    /// The newest record of all times.
    newest: Option<Record>,
    /// The newest epoch that was acquired and believed in.
    believed: u64,
    /// When something was acknowledged last.
    acknowledged_ms: u64,
    changed: bool,
}

impl World {
    pub(super) fn fail(&mut self, what: String) {
        self.tell(|| what.clone());
        self.wrong.get_or_insert(what);
    }

    pub(super) fn record_created(&mut self, number: u64, bytes: &[u8]) {
        let record = Record::parse(number, bytes).unwrap();
        self.known.changed = true;
        let longest = record.accepts.values().map(Vec::len).max().unwrap_or(0);
        self.tally.longest = self.tally.longest.max(longest as u64);
        match &self.known.newest {
            Some(newest) if newest.number > number => self.tally.resurrected += 1,
            Some(newest) if newest.epoch > record.epoch => self.fail(format!("epochs shrink with record {number}")),
            _ => self.known.newest = Some(record),
        }
    }

    pub(super) fn entry_created(&mut self, entry: Entry) -> Placed {
        self.known.changed = true;
        let accepted = self.known.newest.as_ref().and_then(|newest| newest.accepted);
        let late = accepted.is_some_and(|accepted| accepted > entry.epoch);
        self.tally.cut_off += u64::from(late);
        Placed { entry, late, acknowledged: false, verdict: Verdict::Open }
    }

    pub(super) fn acquired(&mut self, process: usize, epoch: Epoch, belief: Belief) {
        self.tally.acquired += 1;
        // A tenure may be over by the time its holder hears that it began.
        if belief.holds(local(process, self.now_ms())) {
            if epoch.0 <= self.known.believed {
                self.fail(format!("epoch {epoch} is believed in after epoch {}", self.known.believed));
            }
            self.known.believed = epoch.0;
        }
        self.beliefs[process] = Some(belief);
    }

    pub(super) fn acknowledged(&mut self, stream: &str, entry: &Entry) {
        self.tally.appended += 1;
        self.known.acknowledged_ms = self.now_ms();
        self.known.changed = true;
        let placed = self.streams.get_mut(stream).and_then(|entries| entries.get_mut(&entry.number));
        match placed.filter(|placed| placed.entry == *entry) {
            Some(placed) => placed.acknowledged = true,
            None => self.fail(format!("entry {} of {stream} was acknowledged, and is not there", entry.number)),
        }
    }

    pub(super) fn audit(&mut self) {
        self.audit_beliefs();
        if std::mem::take(&mut self.known.changed) {
            self.audit_entries();
        }
    }

    /// Whoever believed a quarter of the lease ago may still be at something.
    fn audit_beliefs(&mut self) {
        let now_ms = self.now_ms();
        let grace = Duration::from_millis(TTL_MS / 4);
        let believes = |process: &usize| {
            let until = self.beliefs[*process].as_ref().map_or(Duration::ZERO, Belief::until);
            !until.is_zero() && local(*process, now_ms) < until + grace
        };
        let believers: Vec<_> = (0..PROCESSES).filter(believes).collect();
        if believers.len() > 1 {
            self.fail(format!("two believe that they hold the lease: {believers:?}"));
        }
    }

    fn audit_entries(&mut self) {
        let mut wrong = None;
        for (stream, entries) in &mut self.streams {
            for placed in entries.values_mut() {
                let newest = self.known.newest.as_ref();
                let verdict = counting(newest, stream, std::slice::from_ref(&placed.entry))[0];
                let before = std::mem::replace(&mut placed.verdict, verdict);
                let what = match (before, verdict) {
                    (_, Verdict::Never) if placed.acknowledged => "was acknowledged, and does not count",
                    (_, Verdict::Counts | Verdict::Open) if placed.late => "was too late, and may count",
                    (Verdict::Never, Verdict::Counts | Verdict::Open) => "did not count, and now it may",
                    _ => continue,
                };
                let Entry { number, epoch, .. } = placed.entry;
                wrong = Some(format!("entry {number} of {stream}, written in epoch {epoch}, {what}"));
            }
        }
        if let Some(wrong) = wrong {
            self.fail(wrong);
        }
    }

    /// After a calm time: somebody holds the lease and writes, and all that was acknowledged is there.
    pub(super) fn audit_end(&mut self) {
        if self.now_ms().saturating_sub(self.known.acknowledged_ms) > TTL_MS {
            self.fail("nobody has written anything for a while, and nothing is wrong".to_owned());
        }
        let mut all = self.streams.values().flat_map(|entries| entries.values());
        if all.any(|placed| placed.acknowledged && placed.verdict != Verdict::Counts) {
            self.fail("what was acknowledged does not count in the end".to_owned());
        }
    }
}
