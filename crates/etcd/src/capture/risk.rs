//! How far the history is behind its source, as numbers: revisions, bytes, seconds at risk.
//!
//! Start at [`Behind`], which a capture publishes at every change. [`Risk`] computes it; pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Arrivals closer together than this are counted as one, the older: what waits is never counted as younger than it is.
const STEP: Duration = Duration::from_millis(5);

/// Progress is asked for every second: what comes after a longer silence than this may be as old as the silence.
const SILENCE: Duration = Duration::from_secs(2);

/// How far the history is behind. A value of one moment: seconds are asked for with [`Behind::at_risk`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The timeline that is written; 0 before that is known.
    pub timeline: u32,
    /// The newest revision that the source is known to have; 0 before it was heard.
    pub source: u64,
    /// Everything through this revision is stored and acknowledged; `None` while there is no base.
    pub stored: Option<u64>,
    /// Bytes of changes that have arrived and are not acknowledged.
    pub waiting_bytes: u64,
    /// When the oldest change arrived that is not acknowledged, or, if it was made in a silence, when the silence began; `None` when
    /// none is waiting.
    pub waiting_since: Option<Instant>,
    /// Whether that is known: a clock that was put back does not say how long nobody has captured.
    pub is_known: bool,
    /// When the source was last heard: what it changes after that is not known here.
    pub heard: Option<Instant>,
    /// How often storing has failed since it last succeeded.
    pub failures: u32,
}

impl Behind {
    /// Now minus the arrival of the oldest change not yet acknowledged; zero when none is waiting.
    pub fn at_risk(&self, now: Instant) -> Duration {
        self.waiting_since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Revisions that the source is known to have and that are not stored; all of them while there is no base.
    pub fn revisions(&self) -> u64 {
        self.source.saturating_sub(self.stored.unwrap_or(0))
    }

    /// How long the source has been silent; `None` when it was never heard. Progress is asked for every second, so that more than
    /// a few seconds mean that it cannot be reached.
    pub fn silent(&self, now: Instant) -> Option<Duration> {
        self.heard.map(|heard| now.saturating_duration_since(heard))
    }
}

/// Computes [`Behind`] from arrivals and acknowledgements.
#[derive(Debug)]
pub struct Risk {
    behind: Behind,
    waiting: VecDeque<Waiting>,
    /// An earlier capture's end, before anything was heard.
    resumed: Option<Resumed>,
    backlog: Option<Backlog>,
}

/// Where an earlier capture ended: when its source was last seen to be there; `None` where the clock does not say.
#[derive(Clone, Copy, Debug)]
struct Resumed(Option<Instant>);

/// What the source changed while it was not heard: through a revision, and since when; `None` where nobody knows.
#[derive(Clone, Copy, Debug)]
struct Backlog {
    through: u64,
    since: Option<Instant>,
}

#[derive(Debug)]
struct Waiting {
    through: u64,
    bytes: u64,
    since: Instant,
}

impl Default for Risk {
    fn default() -> Self {
        let behind = Behind {
            timeline: 0,
            source: 0,
            stored: None,
            waiting_bytes: 0,
            waiting_since: None,
            is_known: true,
            heard: None,
            failures: 0,
        };
        Self {
            behind,
            waiting: VecDeque::new(),
            resumed: None,
            backlog: None,
        }
    }
}

impl Risk {
    /// Everything through `through` was stored by an earlier capture, whose source was `seen` there last; `None` where the clock does
    /// not say when. What has changed since is as old as that.
    pub fn resumed(&mut self, through: u64, seen: Option<Instant>) {
        self.resumed = Some(Resumed(seen));
        self.acknowledged(through);
    }

    /// Something was heard of the source, whose newest revision is `source`.
    pub fn heard(&mut self, source: u64, at: Instant) {
        let silence = match self.behind.heard {
            None => self.resumed.take().map(|Resumed(seen)| seen),
            Some(heard) => (at.saturating_duration_since(heard) > SILENCE).then_some(Some(heard)),
        };
        self.behind.source = self.behind.source.max(source);
        self.behind.heard = Some(at);
        if let (Some(since), Some(stored)) = (silence, self.behind.stored)
            && stored < source
        {
            // One that is not over yet began earlier.
            let since = self.backlog.map_or(since, |backlog| backlog.since);
            self.backlog = Some(Backlog { through: source, since });
            self.settle();
        }
    }

    /// Changes through `through` arrived. Those that are stored already do not count.
    pub fn arrived(&mut self, through: u64, bytes: u64, at: Instant) {
        self.heard(through, at);
        if self.behind.stored.is_some_and(|stored| through <= stored) {
            return;
        }
        self.behind.waiting_bytes += bytes;
        match self.waiting.back_mut() {
            Some(last) if at.saturating_duration_since(last.since) < STEP => {
                last.through = last.through.max(through);
                last.bytes += bytes;
            }
            _ => self.waiting.push_back(Waiting { through, bytes, since: at }),
        }
        self.settle();
    }

    /// Everything through `through` is stored.
    pub fn acknowledged(&mut self, through: u64) {
        self.behind.stored = Some(through);
        while let Some(gone) = self.waiting.pop_front_if(|waiting| waiting.through <= through) {
            self.behind.waiting_bytes -= gone.bytes;
        }
        self.settle();
    }

    /// Storing failed once more.
    pub fn failed(&mut self) {
        self.behind.failures = self.behind.failures.saturating_add(1);
    }

    /// Storing succeeded. Whether it had failed before.
    pub fn recovered(&mut self) -> bool {
        std::mem::take(&mut self.behind.failures) > 0
    }

    /// A new timeline begins: what was known of the source no longer holds.
    pub fn begin_anew(&mut self) {
        *self = Self::default();
    }

    /// The numbers as they are.
    pub fn behind(&self) -> Behind {
        self.behind
    }

    fn settle(&mut self) {
        self.backlog
            .take_if(|it| self.behind.stored.is_some_and(|stored| it.through <= stored));
        let arrived = self.waiting.front().map(|oldest| oldest.since);
        self.behind.waiting_since = arrived.into_iter().chain(self.backlog.and_then(|it| it.since)).min();
        self.behind.is_known = self.backlog.is_none_or(|it| it.since.is_some());
    }
}

#[cfg(test)]
mod tests;
