//! Where the stream of changes is cut into segments: by time, by bytes, on demand, and only between revisions.
//!
//! Pure: arrival times are arguments. Start at [`Cutter::take`] and [`Cutter::cut`]. That nothing is missing is checked here:
//! every write of etcd takes the next revision (`server/storage/mvcc/kvstore_txn.go`: `currentRev++` when there are changes),
//! so that a watch over all keys sees consecutive ones.

use crate::Record;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Times of arrival are kept no finer than this; what it costs is a few bytes for each such step in which something happened.
const TIMES_STEP_MS: u64 = 100;

/// When something arrived, by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The wall clock: milliseconds since 1970. It may jump.
    pub wall_ms: u64,
    /// The clock that never goes back.
    pub at: Instant,
}

impl Arrival {
    /// Now.
    pub fn now() -> Self {
        let wall_ms = u64::try_from(ambient::now().as_millisecond()).unwrap_or(0);
        Self { wall_ms, at: ambient::monotonic() }
    }
}

/// A lease as it was when it was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenLease {
    /// Its id.
    pub id: i64,
    /// The time to live that it was granted, in seconds.
    pub granted_s: i64,
    /// What was left of it, in seconds.
    pub remaining_s: i64,
    /// When: milliseconds since 1970.
    pub wall_ms: u64,
}

/// When to cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The oldest change waits no longer than this.
    pub every: Duration,
    /// The bytes of records at which a segment is full. One revision is never divided, whatever its size.
    pub bytes: usize,
    /// When nothing changes, an empty segment says so, no oftener than this.
    pub quiet: Duration,
}

/// What becomes one segment: every change above `after`, through `through`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The last revision before it.
    pub after: u64,
    /// The last revision in it; equal to `after` when nothing happened.
    pub through: u64,
    /// The changes, in order.
    pub records: Vec<Record>,
    /// Revisions, and when each had been seen: milliseconds since 1970; at least one, ascending in both. May begin with `after`,
    /// which says until when nothing happened.
    pub times: Vec<(u64, u64)>,
    /// Leases looked up since the last cut.
    pub leases: Vec<SeenLease>,
    /// The bytes of the records' values.
    pub bytes: usize,
}

/// The watch skipped something, or went back. The watch has to be opened anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the watch goes on at revision {got} where {expected} was expected")]
pub struct Skipped {
    /// What had to come.
    pub expected: u64,
    /// What came.
    pub got: u64,
}

/// Gathers changes, and cuts them.
#[derive(Debug)]
pub struct Cutter {
    limits: Limits,
    /// Everything through this revision has been cut.
    after: u64,
    /// The revisions that are whole, oldest first.
    whole: VecDeque<Held>,
    whole_bytes: usize,
    /// The revision whose other fragments are still to come.
    open: Option<Held>,
    times: VecDeque<(u64, u64)>,
    /// The latest of all times: they never run backwards within one history, also when the wall clock is put back.
    latest_ms: u64,
    leases: Vec<SeenLease>,
    leases_since: Option<Instant>,
    /// The last cut, from which `quiet` counts.
    last_cut: Instant,
}

#[derive(Debug)]
struct Held {
    main: u64,
    records: Vec<Record>,
    bytes: usize,
    since: Instant,
}

impl Cutter {
    /// Begins behind `after`: the revision of the base, or the last that is stored; `latest_ms` is the latest time in the history.
    pub fn new(after: u64, latest_ms: u64, limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            after,
            whole: VecDeque::new(),
            whole_bytes: 0,
            open: None,
            times: VecDeque::new(),
            latest_ms,
            leases: Vec::new(),
            leases_since: None,
            last_cut: now,
        }
    }

    /// Takes the records of one response. `unfinished` says that it is a fragment and another follows: then its last revision
    /// may be divided, and is held back. What is already known is dropped.
    ///
    /// # Errors
    /// [`Skipped`] when a revision is missing; what came before it was taken.
    pub fn take(&mut self, records: Vec<Record>, unfinished: bool, arrival: Arrival) -> Result<(), Skipped> {
        let before = self.complete();
        for record in records {
            let main = record.revision.main;
            let bytes = record.value.len();
            match &mut self.open {
                Some(open) if open.main == main => {
                    // A fragment that was seen already, after the watch was opened anew.
                    if open.records.last().is_none_or(|last| last.revision < record.revision) {
                        open.records.push(record);
                        open.bytes += bytes;
                    }
                    continue;
                }
                _ => {}
            }
            let known = self.received();
            if main <= known {
                continue;
            }
            // A fresh etcd is at revision 1 without any record.
            let expected = known.max(1) + 1;
            if main != expected {
                return Err(Skipped { expected, got: main });
            }
            self.close();
            self.open = Some(Held { main, records: vec![record], bytes, since: arrival.at });
        }
        if !unfinished {
            self.close();
        }
        if self.complete() > before {
            self.note(self.complete(), arrival.wall_ms);
        }
        Ok(())
    }

    /// Forgets the revision of which only a part has come: the watch is being opened anew at [`Cutter::next`].
    pub fn forget_open(&mut self) {
        self.open = None;
    }

    /// The source says that it has nothing beyond `revision`. It counts when that is what is known here: some versions of
    /// etcd send it before the changes that it speaks of (etcd issue 15220).
    pub fn progress(&mut self, revision: u64, arrival: Arrival) {
        if self.open.is_none() && revision.max(1) == self.complete().max(1) {
            self.note(self.complete(), arrival.wall_ms);
        }
    }

    /// A lease was looked up: it goes into the next segment.
    pub fn lease(&mut self, lease: SeenLease, now: Instant) {
        self.leases.push(lease);
        self.leases_since.get_or_insert(now);
    }

    /// When to cut next, if nothing else arrives: may be in the past.
    pub fn due(&self) -> Option<Instant> {
        if self.whole_bytes >= self.limits.bytes {
            return self.whole.front().map(|oldest| oldest.since);
        }
        let records = self.whole.front().map(|oldest| oldest.since);
        let soon = [records, self.leases_since].into_iter().flatten().min();
        let quiet = || (!self.times.is_empty()).then_some(self.last_cut + self.limits.quiet);
        soon.map(|since| since + self.limits.every).or_else(quiet)
    }

    /// Cuts what is whole: as many revisions as fit into a segment. `None` when there is nothing to say.
    pub fn cut(&mut self, now: Instant) -> Option<Cut> {
        if self.whole.is_empty() && self.leases.is_empty() && self.times.is_empty() {
            return None;
        }
        let (mut records, mut bytes, mut through) = (Vec::new(), 0, self.after);
        while let Some(next) = self.whole.front() {
            if bytes > 0 && bytes + next.bytes > self.limits.bytes {
                break;
            }
            let Some(next) = self.whole.pop_front() else { break };
            bytes += next.bytes;
            through = next.main;
            records.extend(next.records);
        }
        let mut times = self.times_through(through);
        if let (true, Some(lease)) = (times.is_empty(), self.leases.last()) {
            let wall_ms = lease.wall_ms;
            times.push((through, self.clamp(wall_ms)));
        }
        let cut = Cut {
            after: self.after,
            through,
            times,
            leases: std::mem::take(&mut self.leases),
            records,
            bytes,
        };
        self.whole_bytes -= bytes;
        self.leases_since = None;
        self.after = through;
        self.last_cut = now;
        Some(cut)
    }

    /// The last revision that is whole here, cut or not.
    pub fn complete(&self) -> u64 {
        self.whole.back().map_or(self.after, |last| last.main)
    }

    /// Where a watch that is opened anew has to begin.
    pub fn next(&self) -> u64 {
        self.complete() + 1
    }

    /// Bytes that wait to be cut.
    pub fn bytes(&self) -> usize {
        self.whole_bytes + self.open.as_ref().map_or(0, |open| open.bytes)
    }

    /// Whether what waits to be cut fills a segment.
    pub fn is_full(&self) -> bool {
        self.whole_bytes >= self.limits.bytes
    }

    /// The latest time in the history: the next must not be earlier.
    pub fn latest_ms(&self) -> u64 {
        self.latest_ms
    }

    /// The last revision of which anything has come.
    fn received(&self) -> u64 {
        self.open.as_ref().map_or_else(|| self.complete(), |open| open.main)
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.whole_bytes += open.bytes;
            self.whole.push_back(open);
        }
    }

    /// Notes that `revision` is the newest seen at `wall_ms`.
    fn note(&mut self, revision: u64, wall_ms: u64) {
        let wall_ms = self.clamp(wall_ms);
        let before = self.times.len().checked_sub(2).and_then(|at| self.times.get(at)).copied();
        match self.times.back_mut() {
            // Nothing happened since: the first sight of a revision stays, the last one moves.
            Some(last) if last.0 == revision && before.is_some_and(|before| before.0 == revision) => last.1 = wall_ms,
            // Before this segment's first change, only the last sight matters.
            Some(last) if last.0 == revision && revision == self.after => last.1 = wall_ms,
            Some(last) if last.0 > self.after && last.1 / TIMES_STEP_MS == wall_ms / TIMES_STEP_MS => {
                *last = (revision, wall_ms);
            }
            _ => self.times.push_back((revision, wall_ms)),
        }
    }

    fn clamp(&mut self, wall_ms: u64) -> u64 {
        self.latest_ms = self.latest_ms.max(wall_ms);
        self.latest_ms
    }

    /// Takes out the times through `through`, the last of which says when `through` itself had been seen.
    fn times_through(&mut self, through: u64) -> Vec<(u64, u64)> {
        let mut out = Vec::new();
        while let Some(time) = self.times.pop_front_if(|(revision, _)| *revision <= through) {
            out.push(time);
        }
        if out.last().is_none_or(|last| last.0 < through) {
            out.extend(self.times.front().map(|&(_, wall_ms)| (through, wall_ms)));
        }
        out
    }
}

#[cfg(test)]
mod tests;
