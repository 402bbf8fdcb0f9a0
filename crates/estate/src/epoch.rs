//! Who may serve: the epoch, and what voters and sites say to each other about it.
//!
//! Each site has a voter. A site serves while a majority of the voters confirms its epoch, for as long as a lease lasts. A
//! takeover needs a promise of the next epoch from a majority; whoever promised it refuses every older one for ever.

use crate::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How many of the three voters must agree.
pub const MAJORITY: usize = 2;

/// The number of a right to serve. Each takeover has the next one; the estate's primary begins with 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch of an estate that has never failed over.
    pub const FIRST: Self = Self(1);

    /// The one after this.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An epoch and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Standing {
    /// The highest epoch known.
    pub epoch: Epoch,
    /// The site that it belongs to.
    pub holder: Name,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {} of {}", self.epoch, self.holder)
    }
}

/// Whether a site may start to serve the epoch that it asked the voters for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Majority {
    /// It may: a majority has promised, and no lease of another site can still last.
    Ready,
    /// A majority has promised; it may at this moment of its own monotonic clock, when the last lease of another site ends.
    WaitUntil(Duration),
    /// No majority has promised.
    Missing {
        /// What the voters said, for people.
        why: String,
    },
}

impl Standing {
    /// Whether the takeover that asked for this standing is won, from all that the voters answered to it: who, what, and
    /// when the answer arrived. `now` and those times are of one monotonic clock that runs through suspension.
    ///
    /// It is safe because a lease of the former holder was confirmed by a majority, and one of that majority is among those
    /// that promised: it confirmed before it promised, so its `lease_left_ms` outlasts that lease. Whoever else stands beside
    /// the taker is the only other site that can serve (a cluster stands at two), so its own word that it has stopped is
    /// enough to wait for nothing.
    pub fn majority(&self, answers: &[(Name, Promised, Duration)], now: Duration) -> Majority {
        // Each voter counts once, however often it was asked; any of its promises bounds the leases that it knows of.
        let mut free_at: BTreeMap<&Name, Duration> = BTreeMap::new();
        let mut refusals: BTreeMap<&Name, &Option<Self>> = BTreeMap::new();
        let mut other_stopped = false;
        for (voter, answer, received) in answers {
            if answer.promised && answer.known.as_ref() == Some(self) {
                other_stopped |= answer.stopped && *voter != self.holder;
                let free = received.saturating_add(Duration::from_millis(answer.lease_left_ms));
                free_at
                    .entry(voter)
                    .and_modify(|known| *known = free.min(*known))
                    .or_insert(free);
            } else {
                refusals.insert(voter, &answer.known);
            }
        }
        // Who promised this epoch and a newer one since will not confirm it.
        let newer = |known: &&Option<Self>| known.as_ref().is_some_and(|known| known.epoch > self.epoch);
        free_at.retain(|voter, _| !refusals.get(voter).is_some_and(newer));
        if free_at.len() < MAJORITY {
            return Majority::Missing { why: self.missing(&free_at, &refusals) };
        }
        match free_at.values().max() {
            Some(&until) if until > now && !other_stopped => Majority::WaitUntil(until),
            _ => Majority::Ready,
        }
    }

    fn missing(&self, promised: &BTreeMap<&Name, Duration>, refusals: &BTreeMap<&Name, &Option<Self>>) -> String {
        let mut said: Vec<_> = promised.keys().map(|voter| format!("{voter} promised")).collect();
        for (voter, known) in refusals.iter().filter(|(voter, _)| !promised.contains_key(*voter)) {
            said.push(match known {
                Some(known) if known == self => format!("{voter} promised it to another run"),
                Some(known) => format!("{voter} knows {known}"),
                None => format!("{voter} has yet to learn the epoch"),
            });
        }
        let said = if said.is_empty() {
            "none answered".to_owned()
        } else {
            said.join(", ")
        };
        format!("{self} needs the promises of {MAJORITY} of 3 voters: {said}")
    }
}

/// A site asks a voter to confirm that it may go on serving.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Renewal {
    /// The cluster that is served.
    pub cluster: Name,
    /// The epoch that the site holds, and the site.
    pub standing: Standing,
    /// How long the confirmation is to last, in milliseconds. For the holder it began before it asked; for the voter it
    /// begins when the question arrives.
    pub lease_ms: u64,
    /// The newest revision of the cluster's etcd that the holder has seen, so that a loss can be told in revisions.
    pub revision: Option<i64>,
}

impl Renewal {
    /// The longest lease that a voter confirms: a mistaken one would keep every takeover waiting.
    pub const LONGEST_LEASE: Duration = Duration::from_secs(120);
}

/// What a voter answers to a [`Renewal`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Renewed {
    /// Whether the site may go on.
    pub granted: bool,
    /// What the voter knows; `None` while it has yet to learn it from the other voters.
    pub known: Option<Standing>,
}

/// Somebody asks a voter to promise the next epoch to a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Takeover {
    /// The cluster that is taken over.
    pub cluster: Name,
    /// The epoch asked for, and the site that will hold it.
    pub standing: Standing,
    /// The run that asks: the same run may ask again, another may not.
    pub run: String,
}

/// What a voter answers to a [`Takeover`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Promised {
    /// Whether it is promised: durably, and before this answer was sent.
    pub promised: bool,
    /// What the voter knows after the answer.
    pub known: Option<Standing>,
    /// How long the last confirmation given to the former holder still lasts, in milliseconds, at most.
    pub lease_left_ms: u64,
    /// Whether the voter's own site served, and has stopped: then nobody needs to wait for its lease.
    pub stopped: bool,
}

#[cfg(test)]
mod tests;
