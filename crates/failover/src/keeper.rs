//! Whether this site may serve now. Start at [`Keeper`].

use crate::Post;
use estate::{Epoch, MAJORITY, Name, Renewal, Serving, Standing};
use std::collections::BTreeMap;
use std::time::Duration;

/// What stands for the epoch in which the cluster was started here until that is read: none that any voter knows, so nothing serves by it.
pub const UNREAD: Epoch = Epoch(u64::MAX);

/// When a site that nobody confirms begins to stop, in per cent of the lease: what is left of it is for stopping.
pub(crate) const STOP_AT_PERCENT: u32 = 60;

/// When others are let through no more, whatever the keeper does, in per cent of the lease: the kernel sees to that. What serves has
/// until then to end in order, and the clocks of others may be a little faster.
pub(crate) const CUT_AT_PERCENT: u32 = 90;

/// What a site has to do for the cluster at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Serve; start what does not run.
    Serve {
        /// How much longer without another confirmation. Whatever fences the site when its keeper hangs ends then too.
        left: Duration,
    },
    /// Stop what runs, and start nothing, until the duty says otherwise.
    Stop {
        /// Why, for people.
        reason: String,
        /// Within which time everything must have stopped: at its end another site may serve.
        left: Duration,
    },
    /// Stop what runs, for good: another site holds a newer epoch.
    Fenced {
        /// Who.
        standing: Standing,
    },
    /// Nothing: the cluster was never started here.
    StandBy,
    /// Nothing yet: Lifeboat is new at the primary, where the cluster was before it, and its voter has yet to learn the epoch.
    /// A production cluster is not stopped because somebody installs its protection one site after the other.
    Learn,
    /// Nothing: a run is bringing the cluster up here.
    HandsOff {
        /// The epoch promised to it.
        epoch: Epoch,
    },
}

/// A round of questions to all voters, this site's own among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// What each voter is asked.
    pub renewal: Renewal,
    /// When it began: before the first question was sent.
    pub started: Duration,
}

/// One site's keeper for one cluster.
///
/// `standing` is always what this site's own voter knows. `served` is the last epoch in which the cluster was started at this
/// site; the caller keeps it durably on the host. A run MUST write it after its takeover is ready
/// ([`Standing::majority`]) and *before* it starts anything, and then start only once [`Keeper::duty`] says [`Duty::Serve`]:
/// from that moment the keeper asks for confirmations, and nothing ever runs without them.
///
/// The primary's cluster was there before Lifeboat: at the primary, `None` counts as the first epoch.
#[derive(Clone, Debug)]
pub struct Keeper {
    post: Post,
    /// The standing that the confirmations are of.
    standing: Option<Standing>,
    /// The start of the newest round that each voter confirmed.
    confirmed: BTreeMap<Name, Duration>,
    /// The newest round that a majority confirmed to this keeper's predecessor, before Lifeboat was started again.
    resumed: Option<(Standing, Duration)>,
}

impl Keeper {
    /// A keeper as it starts: nothing is confirmed. Ask a round before the first look at the duty, so that a restart of
    /// Lifeboat does not stop a cluster that every voter would confirm.
    pub fn new(post: Post) -> Self {
        Self {
            post,
            standing: None,
            confirmed: BTreeMap::new(),
            resumed: None,
        }
    }

    /// What to ask all voters now, this site's own too; `None` while the site holds nothing that it serves. `revision` is the
    /// newest of the cluster's etcd, as far as it is known.
    ///
    /// A lonely site goes on asking. A site that a run is still bringing up does not ask: its takeover may not be won, and
    /// voters take a newer epoch in a renewal for won.
    pub fn ask(
        &self,
        standing: Option<&Standing>,
        served: Option<Epoch>,
        revision: Option<i64>,
        now: Duration,
    ) -> Option<Round> {
        let standing = standing.filter(|standing| standing.holder == self.post.site)?;
        (self.served(served) == Some(standing.epoch)).then(|| Round {
            renewal: Renewal {
                cluster: self.post.cluster.clone(),
                standing: standing.clone(),
                lease_ms: u64::try_from(self.post.lease.as_millis()).unwrap_or(u64::MAX),
                revision,
            },
            started: now,
        })
    }

    /// Takes in that the voter of site `by` granted `round`. Late answers and repeated ones do no harm.
    pub fn confirmed(&mut self, round: &Round, by: &Name) {
        let standing = &round.renewal.standing;
        if self.standing.as_ref() != Some(standing) {
            if self.standing.as_ref().is_some_and(|known| known.epoch > standing.epoch) {
                return;
            }
            self.standing = Some(standing.clone());
            self.confirmed.clear();
        }
        let newest = self.confirmed.entry(by.clone()).or_insert(round.started);
        *newest = round.started.max(*newest);
    }

    /// Goes on from what a predecessor on the same host was confirmed since the host's start: a restart of Lifeboat ends no
    /// lease. `started` is the start of the newest round that a majority confirmed to it.
    pub fn resume(&mut self, standing: Standing, started: Duration) {
        self.resumed = Some((standing, started));
    }

    /// Whether a majority has ever confirmed anything to this keeper or its predecessor.
    pub fn was_confirmed(&self) -> bool {
        let known = self.standing.as_ref().and_then(|standing| self.newest_majority(standing));
        known.is_some() || self.resumed.is_some()
    }

    /// What this site has to do now.
    pub fn duty(&self, standing: Option<&Standing>, served: Option<Epoch>, now: Duration) -> Duty {
        if standing.is_none() && served.is_none() && self.post.site == self.post.primary {
            return Duty::Learn;
        }
        let served = self.served(served);
        let stop = |reason: String, left| Duty::Stop { reason, left };
        match (standing, served) {
            (None, None) => Duty::StandBy,
            (None, Some(_)) => {
                stop("the voter here has yet to learn which epoch is the newest".to_owned(), Duration::ZERO)
            }
            (Some(standing), None) if standing.holder != self.post.site => Duty::StandBy,
            (Some(standing), Some(_)) if standing.holder != self.post.site => {
                Duty::Fenced { standing: standing.clone() }
            }
            (Some(_), Some(UNREAD)) => stop(
                "in which epoch the cluster was started here has yet to be read".to_owned(),
                Duration::ZERO,
            ),
            (Some(standing), Some(served)) if served > standing.epoch => {
                let reason =
                    format!("the cluster was started here in epoch {served}, and the voter here knows only {standing}");
                stop(reason, Duration::ZERO)
            }
            (Some(standing), Some(served)) if served == standing.epoch => self.confirmed_duty(standing, now),
            (Some(standing), _) => Duty::HandsOff { epoch: standing.epoch },
        }
    }

    /// The duty of a site that holds `standing` and serves it.
    fn confirmed_duty(&self, standing: &Standing, now: Duration) -> Duty {
        let since = self.newest_majority(standing);
        let ends = |percent: u32| since.map(|since| since.saturating_add(self.post.lease * percent / 100));
        let left = |end: Option<Duration>| end.map_or(Duration::ZERO, |end| end.saturating_sub(now));
        let serve = left(ends(STOP_AT_PERCENT));
        if !serve.is_zero() {
            return Duty::Serve { left: serve };
        }
        let reason = match since {
            Some(since) => {
                let ago = now.saturating_sub(since).as_secs();
                format!(
                    "no majority has confirmed {standing} for {ago} s, and its lease is {} s",
                    self.post.lease.as_secs()
                )
            }
            None => format!("no majority has confirmed {standing} yet"),
        };
        Duty::Stop { reason, left: left(ends(100)) }
    }

    /// Until when others may be let through to what this site serves, however its keeper fares meanwhile; `None` where nobody may. Whoever
    /// sees to that must not need the keeper: it may hang, or be killed.
    pub fn permitted_until(&self, standing: Option<&Standing>, served: Option<Epoch>) -> Option<Duration> {
        let standing = standing.filter(|standing| standing.holder == self.post.site)?;
        let since = self.newest_majority(standing)?;
        (self.served(served) == Some(standing.epoch))
            .then(|| since.saturating_add(self.post.lease * CUT_AT_PERCENT / 100))
    }

    /// The latest moment at or after which a majority of the voters was asked and said yes. Each of them received its
    /// question after that moment, so its own count of the lease ends later than one that begins here.
    pub fn newest_majority(&self, standing: &Standing) -> Option<Duration> {
        let before = self
            .resumed
            .as_ref()
            .filter(|(resumed, _)| resumed == standing)
            .map(|(_, started)| *started);
        if self.standing.as_ref() != Some(standing) {
            return before;
        }
        let mut starts: Vec<_> = self.confirmed.values().copied().collect();
        starts.sort_unstable_by(|a, b| b.cmp(a));
        starts.get(MAJORITY - 1).copied().max(before)
    }

    fn served(&self, served: Option<Epoch>) -> Option<Epoch> {
        served.or_else(|| (self.post.site == self.post.primary).then_some(Epoch::FIRST))
    }
}

impl Duty {
    /// The duty as reports show it; `standing` is what the site's own voter knows.
    pub fn serving(&self, standing: Option<&Standing>) -> Serving {
        match (self, standing) {
            (Self::StandBy, _) => Serving::Standby,
            (Self::HandsOff { epoch }, _) => Serving::TakingOver { epoch: *epoch },
            (Self::Fenced { standing }, _) => Serving::Fenced { standing: standing.clone() },
            (Self::Serve { left }, Some(standing)) => Serving::Serving {
                epoch: standing.epoch,
                left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            },
            (Self::Stop { .. }, Some(standing)) => Serving::Alone { epoch: standing.epoch },
            (Self::Learn, _) | (Self::Serve { .. } | Self::Stop { .. }, None) => Serving::Unknown,
        }
    }
}

#[cfg(test)]
mod tests;
