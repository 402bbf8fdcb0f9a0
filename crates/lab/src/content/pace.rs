//! A schedule that does not drift: turn n is due n intervals after the start, however late turn n-1 was. Pure.

use std::time::{Duration, Instant};

/// How far behind the schedule may be before turns are left out: after an outage a burst would not be life as usual.
const LAG_MAX: Duration = Duration::from_secs(1);

/// Turns per second, slower than which a schedule cannot be.
const RATE_MIN: f64 = 0.001;

/// When the next turn is due.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    start: Instant,
    rate: f64,
    next: u64,
}

impl Pace {
    pub(super) fn new(start: Instant, rate: f64) -> Self {
        // `max` also turns a NaN into the minimum.
        Self { start, rate: rate.max(RATE_MIN), next: 0 }
    }

    pub(super) fn due(&self) -> Instant {
        self.start + Duration::from_secs_f64(self.next as f64 / self.rate)
    }

    pub(super) fn advance(&mut self) {
        self.next += 1;
    }

    /// Leaves out the turns that are too far behind; returns how many.
    pub(super) fn catch_up(&mut self, now: Instant) -> u64 {
        let lag = now.saturating_duration_since(self.due());
        if lag <= LAG_MAX {
            return 0;
        }
        let left_out = (lag.as_secs_f64() * self.rate) as u64;
        self.next += left_out;
        left_out
    }
}
