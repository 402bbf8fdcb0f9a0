//! What one site's voter knows of one cluster, and what it confirms and promises. Start at [`Voter`].

use estate::{Epoch, LastRenewal, Name, Promised, Renewal, Renewed, Standing, Takeover};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Where a voter or a keeper stands, and for which cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// The site.
    pub site: Name,
    /// The cluster.
    pub cluster: Name,
    /// Where the cluster served before anything ever happened: the holder of the first epoch.
    pub primary: Name,
    /// How long a confirmation lasts, as the estate has it.
    pub lease: Duration,
}

/// What a voter must find again after its end, whatever that was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Saved {
    /// The highest epoch known, and its holder.
    pub standing: Standing,
    /// The run that it was promised to; `None` when it was learnt or adopted.
    pub run: Option<String>,
    /// The longest lease ever confirmed: one of this length may still last when the voter comes back, in milliseconds.
    pub lease_ms: u64,
}

/// What to answer, and what must be durable before.
///
/// While `save` is there, the reply MUST NOT be sent before it is durable and [`Voter::stored`] was called. When it cannot be
/// made durable, nothing is answered. Until `stored`, every answer carries it again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "what is to be saved must be durable before the reply is sent"]
pub struct Answer<T> {
    /// The answer.
    pub reply: T,
    /// What to make durable first.
    pub save: Option<Saved>,
}

/// One site's voter for one cluster.
#[derive(Clone, Debug)]
pub struct Voter {
    post: Post,
    state: Option<Saved>,
    /// Whether `state` is durable.
    stored: bool,
    /// Until when confirmations given since `open` last, by the site that they were given to.
    confirmed: BTreeMap<Name, Duration>,
    /// Until when one given before `open` may last, to whomever.
    before: Duration,
    last: Option<(Renewal, Duration)>,
}

impl Voter {
    /// The voter as it starts, with what it saved, if it ever did.
    ///
    /// It cannot know what it confirmed just before it stopped. So for one whole lease from `now` it says that a confirmation
    /// may still last.
    pub fn open(post: Post, saved: Option<Saved>, now: Duration) -> Self {
        let longest = post
            .lease
            .max(Duration::from_millis(saved.as_ref().map_or(0, |saved| saved.lease_ms)));
        Self {
            post,
            state: saved,
            stored: true,
            confirmed: BTreeMap::new(),
            before: now.saturating_add(longest),
            last: None,
        }
    }

    /// The highest epoch known; `None` until [`Voter::learn`].
    pub fn standing(&self) -> Option<&Standing> {
        self.state.as_ref().map(|state| &state.standing)
    }

    /// Tells that `saved` is durable.
    pub fn stored(&mut self, saved: &Saved) {
        self.stored |= self.state.as_ref() == Some(saved);
    }

    /// Gives a voter that knows nothing what the others answered when asked what they know. It needs the answers of both:
    /// one of them took part in every majority that this voter may have been part of. It adopts the highest epoch, or, when
    /// both know nothing either, the first one, which is the primary's. Returns what is to be made durable.
    pub fn learn(&mut self, others: &[(Name, Option<Standing>)]) -> Option<Saved> {
        if self.state.is_none() {
            let voters: BTreeSet<_> = others
                .iter()
                .map(|(name, _)| name)
                .filter(|name| **name != self.post.site)
                .collect();
            if voters.len() < 2 {
                return None;
            }
            let first = || Standing { epoch: Epoch::FIRST, holder: self.post.primary.clone() };
            let known = others.iter().filter_map(|(_, known)| known.as_ref());
            let standing = known.max_by_key(|known| known.epoch).cloned().unwrap_or_else(first);
            self.adopt(standing, None);
        }
        self.to_save()
    }

    /// Takes in a newer epoch that both other voters know: it was promised by a majority, so older ones are over. Returns what is
    /// to be made durable.
    pub fn hear(&mut self, standing: &Standing) -> Option<Saved> {
        if self.standing().is_some_and(|known| known.epoch < standing.epoch) {
            self.adopt(standing.clone(), None);
        }
        self.to_save()
    }

    /// Answers a site that asks to go on serving; `now` is when the question arrived.
    ///
    /// A newer epoch than the known one is adopted: a keeper asks for an epoch only after its takeover was won, by a majority
    /// that did not include this voter.
    pub fn renew(&mut self, ask: &Renewal, now: Duration) -> Answer<Renewed> {
        let lease = Duration::from_millis(ask.lease_ms);
        let known = if ask.cluster == self.post.cluster {
            self.standing().cloned()
        } else {
            None
        };
        let fits = |known: &Standing| ask.standing.epoch > known.epoch || ask.standing == *known;
        let granted = lease <= Renewal::LONGEST_LEASE && known.as_ref().is_some_and(fits);
        if granted {
            if known.as_ref() != Some(&ask.standing) {
                self.adopt(ask.standing.clone(), None);
            }
            self.confirm(ask, lease, now);
        }
        let known = if granted { Some(ask.standing.clone()) } else { known };
        self.answer(Renewed { granted, known })
    }

    /// Answers a run that asks for a new epoch for a site. Once promised, every older epoch is refused for ever.
    ///
    /// `stopped` is false in the reply; the daemon sets it when, after the promise, its own site served and has stopped.
    pub fn takeover(&mut self, ask: &Takeover, now: Duration) -> Answer<Promised> {
        let known = if ask.cluster == self.post.cluster {
            self.state.as_ref()
        } else {
            None
        };
        let promised = known.is_some_and(|known| {
            let again = ask.standing == known.standing && known.run.as_ref() == Some(&ask.run);
            again || ask.standing.epoch > known.standing.epoch
        });
        let known = if promised {
            Some(ask.standing.clone())
        } else {
            known.map(|known| known.standing.clone())
        };
        if promised && self.standing() != Some(&ask.standing) {
            self.adopt(ask.standing.clone(), Some(ask.run.clone()));
        }
        let reply = Promised {
            promised,
            known,
            lease_left_ms: self.lease_left_ms(&ask.standing.holder, now),
            stopped: false,
        };
        self.answer(reply)
    }

    /// The last confirmation since `open`, for reports.
    pub fn last_renewal(&self, now: Duration) -> Option<LastRenewal> {
        self.last.as_ref().map(|(ask, at)| LastRenewal {
            standing: ask.standing.clone(),
            ago_ms: millis(now.saturating_sub(*at)),
            lease_ms: ask.lease_ms,
            revision: ask.revision,
        })
    }

    fn confirm(&mut self, ask: &Renewal, lease: Duration, now: Duration) {
        let until = now.saturating_add(lease);
        self.confirmed.retain(|_, end| *end > now);
        let end = self.confirmed.entry(ask.standing.holder.clone()).or_insert(until);
        *end = until.max(*end);
        self.last = Some((ask.clone(), now));
        if let Some(state) = &mut self.state
            && state.lease_ms < ask.lease_ms
        {
            state.lease_ms = ask.lease_ms;
            self.stored = false;
        }
    }

    /// How long a confirmation for another site than `taker` may last: not only the last holder's, since whoever held the
    /// epoch before may not have been waited for. Rounded up.
    fn lease_left_ms(&self, taker: &Name, now: Duration) -> u64 {
        let others = self.confirmed.iter().filter(|(site, _)| *site != taker).map(|(_, end)| *end);
        let end = others.fold(self.before, Duration::max);
        let left = end.saturating_sub(now);
        u64::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    fn adopt(&mut self, standing: Standing, run: Option<String>) {
        let longest = self.state.as_ref().map_or(0, |state| state.lease_ms);
        let lease_ms = longest.max(millis(self.post.lease));
        self.state = Some(Saved { standing, run, lease_ms });
        self.stored = false;
    }

    fn answer<T>(&self, reply: T) -> Answer<T> {
        Answer { reply, save: self.to_save() }
    }

    fn to_save(&self) -> Option<Saved> {
        if self.stored { None } else { self.state.clone() }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
