//! Which questions have been had already. Pure: time is an argument.

use crate::message::Nonce;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

/// How long a question is remembered.
const KEPT: Duration = Duration::from_secs(10 * 60);

/// How many questions of one sender are remembered: some 160 a second, at a few MB.
const NONCES_MAX: usize = 100_000;

/// The nonces that came lately, by sender. Only those of signed questions get here, so holders of the key alone can fill it.
#[derive(Default)]
pub(crate) struct Repeats(HashMap<String, Seen>);

#[derive(Default)]
struct Seen {
    nonces: HashSet<Nonce>,
    order: VecDeque<(Instant, Nonce)>,
}

impl Repeats {
    /// Notes a question; `false` when it has been here before.
    pub(crate) fn is_new(&mut self, from: &str, nonce: &Nonce, now: Instant) -> bool {
        self.0.retain(|_, seen| {
            seen.forget(now);
            !seen.order.is_empty()
        });
        let seen = self.0.entry(from.to_owned()).or_default();
        if !seen.nonces.insert(*nonce) {
            return false;
        }
        seen.order.push_back((now, *nonce));
        // The oldest goes, since questions are harmless when they come again, and not when they are never answered.
        if seen.order.len() > NONCES_MAX {
            seen.drop_oldest();
        }
        true
    }
}

impl Seen {
    fn forget(&mut self, now: Instant) {
        while self
            .order
            .front()
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) > KEPT)
        {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, nonce)) = self.order.pop_front() {
            self.nonces.remove(&nonce);
        }
    }
}
