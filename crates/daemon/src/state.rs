//! What the loops of one site know of each other.

use estate::{Epoch, LastRenewal, Name, PointId, Probe, Proven, Report, Seen, Serving, Standing};
use failover::{UNREAD, Verdict};
use std::collections::BTreeMap;
use std::time::Duration;

/// What one site knows at this moment. Times are the host's uptime, suspension included.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) standing: Option<Standing>,
    /// What the keeper said last, and when.
    pub(crate) serving: (Serving, Duration),
    /// In which epoch the cluster was started here last, once that was read.
    served: Option<Option<Epoch>>,
    /// The newer epochs that other voters have named, by site.
    pub(crate) newer: BTreeMap<Name, Standing>,
    pub(crate) renewed: Option<(LastRenewal, Duration)>,
    probes: BTreeMap<Probe, Probed>,
    pub(crate) proven: Option<(Proven, Duration)>,
    /// The newest copy that was taken here.
    pub(crate) copied: Option<PointId>,
    pub(crate) unfit: Option<Vec<String>>,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) revision: Option<i64>,
    /// The newest report of each other site, and when it arrived.
    pub(crate) heard: BTreeMap<Name, (Report, Duration)>,
    troubles: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
struct Probed {
    good: bool,
    since: Duration,
    asked: Duration,
    reason: String,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            standing: None,
            serving: (Serving::Unknown, Duration::ZERO),
            served: None,
            newer: BTreeMap::new(),
            renewed: None,
            probes: BTreeMap::new(),
            proven: None,
            copied: None,
            unfit: None,
            verdict: None,
            revision: None,
            heard: BTreeMap::new(),
            troubles: BTreeMap::new(),
        }
    }

    /// In which epoch the cluster was started here last. Until it was read, the safe assumption: in one that no voter knows.
    pub(crate) fn served(&self) -> Option<Epoch> {
        self.served.unwrap_or(Some(UNREAD))
    }

    pub(crate) fn served_is_read(&self) -> bool {
        self.served.is_some()
    }

    pub(crate) fn set_served(&mut self, served: Option<Epoch>) {
        self.served = Some(served);
    }

    /// What the site does for the cluster at `now`: a right that has run out since the keeper looked is none.
    pub(crate) fn serving_at(&self, now: Duration) -> Serving {
        let (serving, at) = &self.serving;
        match serving {
            Serving::Serving { epoch, left_ms } => {
                let left_ms = left_ms.saturating_sub(millis(now.saturating_sub(*at)));
                if left_ms == 0 {
                    Serving::Unknown
                } else {
                    Serving::Serving { epoch: *epoch, left_ms }
                }
            }
            other => other.clone(),
        }
    }

    /// Notes what a probe that was begun at `asked` found.
    pub(crate) fn probed(&mut self, probe: Probe, found: Result<(), String>, asked: Duration) {
        let good = found.is_ok();
        let since = self
            .probes
            .get(&probe)
            .filter(|last| last.good == good)
            .map_or(asked, |last| last.since);
        let reason = found.err().unwrap_or_default();
        self.probes.insert(probe, Probed { good, since, asked, reason });
    }

    /// Forgets what was probed: another site serves now, and what was seen of the former says nothing of it.
    pub(crate) fn forget_probes(&mut self) {
        self.probes.clear();
    }

    /// The probes, as a report has them.
    pub(crate) fn seen(&self, now: Duration) -> Vec<Seen> {
        let seen = self.probes.iter().map(|(probe, probed)| Seen {
            probe: *probe,
            good: probed.good,
            for_ms: millis(now.saturating_sub(probed.since)),
            asked_ms: millis(now.saturating_sub(probed.asked)),
            reason: probed.reason.clone(),
        });
        seen.collect()
    }

    /// The newest copy that any site says it has taken.
    pub(crate) fn named(&self) -> Option<PointId> {
        let heard = self.heard.values().filter_map(|(report, _)| report.copied.as_ref());
        heard.chain(&self.copied).max().cloned()
    }

    /// Notes a trouble, or its end; whether that is new.
    pub(crate) fn trouble(&mut self, about: &str, trouble: Option<String>) -> bool {
        match trouble {
            Some(trouble) => self.troubles.insert(about.to_owned(), trouble.clone()) != Some(trouble),
            None => self.troubles.remove(about).is_some(),
        }
    }

    /// The troubles, as a report has them.
    pub(crate) fn troubles(&self) -> Vec<String> {
        self.troubles
            .iter()
            .map(|(about, trouble)| format!("{about}: {trouble}"))
            .collect()
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
