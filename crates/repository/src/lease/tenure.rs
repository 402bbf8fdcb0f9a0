//! A tenure as its holder has it, and until when it believes in it. Start at [`Tenure`].

use super::record::Record;
use super::{Writer, believed};
use estate::Epoch;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A tenure of a lease: what [`super::Lease::acquire`] gives and [`super::Lease::renew`] keeps. Dropping it ends nothing but the
/// renewals.
#[derive(Debug)]
pub struct Tenure {
    /// The newest record that is known to be there.
    pub(super) newest: Record,
    /// The records that were there with it.
    pub(super) numbers: BTreeSet<u64>,
    /// A record of which nobody knows whether it is there, and a time before it was first asked for.
    pub(super) pending: Option<(Record, Duration)>,
    pub(super) belief: Belief,
}

impl Tenure {
    pub(super) fn new(newest: Record, numbers: BTreeSet<u64>, asked: Duration) -> Self {
        let belief = Belief::default();
        belief.extend(asked, newest.ttl());
        Self { newest, numbers, pending: None, belief }
    }

    /// The fencing token: the number that everything written under this tenure bears.
    pub fn epoch(&self) -> Epoch {
        self.newest.epoch
    }

    /// The newest record that is known to be there.
    pub fn record(&self) -> &Record {
        &self.newest
    }

    /// Until when the tenure may be believed in. It follows all renewals, so that others may hold a copy.
    pub fn belief(&self) -> Belief {
        self.belief.clone()
    }

    /// Writes entries of a guarded stream under this tenure. One a stream and tenure: two would get in each other's way, though
    /// nothing would be lost.
    pub fn writer(&self, stream: &str) -> Writer {
        let accepted = super::counting::bounds(&self.newest, stream);
        let last = accepted.last().and_then(|accepted| accepted.number());
        Writer {
            stream: stream.to_owned(),
            epoch: self.epoch(),
            next: last.map_or(0, |last| last.saturating_add(1)),
            belief: self.belief(),
        }
    }
}

/// Until when a tenure may be believed in: a time by the same clock as the lease's, in whole milliseconds, 0 for never.
#[derive(Clone, Debug, Default)]
pub struct Belief(Arc<AtomicU64>);

impl Belief {
    /// Whether the tenure may be believed in at this time. Ask right before whatever only a holder may do: each time.
    pub fn holds(&self, now: Duration) -> bool {
        now < self.until()
    }

    /// When it ends, unless there is a renewal.
    pub fn until(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    /// Takes in a renewal that was asked for after `asked`.
    pub(super) fn extend(&self, asked: Duration, ttl: Duration) {
        let until = asked.saturating_add(believed(ttl));
        self.0
            .fetch_max(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    pub(super) fn end(&self) {
        self.0.store(0, Ordering::SeqCst);
    }
}
