//! Where the two halves of a capture write down how far they are: [`Gauge`], which publishes [`Behind`].

use super::cutter::Arrival;
use super::risk::{Behind, Risk};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The one [`Risk`] of a capture, shared; where it is published; and the timeline that it is about.
#[derive(Clone, Debug)]
pub(super) struct Gauge(Arc<(Mutex<Risk>, watch::Sender<Behind>, AtomicU32)>);

impl Gauge {
    pub(super) fn new(publish: watch::Sender<Behind>) -> Self {
        Self(Arc::new((Mutex::default(), publish, AtomicU32::new(0))))
    }

    /// The source has answered, and is at `revision`.
    pub(super) fn heard(&self, revision: u64, at: Instant) {
        self.change(|risk| risk.heard(revision, at));
    }

    /// Changes through `through` have arrived.
    pub(super) fn arrived(&self, through: u64, bytes: usize, at: Instant) {
        self.change(|risk| risk.arrived(through, bytes as u64, at));
    }

    /// Everything of a timeline through `through` is stored. Of one that has ended, it is of no interest any more.
    pub(super) fn acknowledged(&self, timeline: u32, through: u64) {
        if timeline >= self.0.2.fetch_max(timeline, Ordering::SeqCst) {
            self.change(|risk| risk.acknowledged(through));
        }
    }

    /// Storing failed. Whether it is the first failure in a row.
    pub(super) fn failed(&self) -> bool {
        self.change(|risk| {
            risk.failed();
            risk.behind().failures == 1
        })
    }

    /// An earlier capture has stored everything of a timeline through `through`, and saw the source there `seen_ms` after 1970.
    pub(super) fn resumed(&self, (timeline, through): (u32, u64), seen_ms: u64, now: Arrival) {
        let ago_ms = now.wall_ms.checked_sub(seen_ms);
        let seen = ago_ms.and_then(|ago| now.at.checked_sub(Duration::from_millis(ago)));
        self.0.2.store(timeline, Ordering::SeqCst);
        self.change(|risk| risk.resumed(through, seen));
    }

    /// A new timeline begins.
    pub(super) fn begin_anew(&self, timeline: u32) {
        self.0.2.store(timeline, Ordering::SeqCst);
        self.change(Risk::begin_anew);
    }

    /// Something was stored. Whether there had been failures.
    pub(super) fn recovered(&self) -> bool {
        let failures = self.0.1.borrow().failures;
        failures > 0 && self.change(Risk::recovered)
    }

    /// When the source was last heard.
    pub(super) fn heard_at(&self) -> Option<Instant> {
        self.0.1.borrow().heard
    }

    fn change<T>(&self, change: impl FnOnce(&mut Risk) -> T) -> T {
        let mut risk = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = change(&mut risk);
        let timeline = self.0.2.load(Ordering::SeqCst);
        self.0.1.send_replace(Behind { timeline, ..risk.behind() });
        outcome
    }
}
