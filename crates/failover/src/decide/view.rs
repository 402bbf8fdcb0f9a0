//! What one observer sees of the site that serves. Start at [`View::of`].

use super::words::span;
use super::{Arrived, Evidence, Policy};
use estate::{Name, Probe, Seen};

/// What one observer sees, or why that is not known.
pub(super) struct View<'a> {
    site: &'a Name,
    of: &'a Name,
    seen: Result<Vec<&'a Seen>, String>,
}

impl<'a> View<'a> {
    /// What `site`, one of the two observers, sees. A missing or stale answer to any one probe is no view at all.
    pub(super) fn of(policy: &Policy, evidence: &'a Evidence, site: &'a Name) -> Self {
        let arrived = if *site == evidence.standby {
            &evidence.from_standby
        } else {
            &evidence.from_witness
        };
        let seen = match arrived {
            None => Err(format!("{site} has not reported")),
            Some(arrived) => seen(policy, arrived, site),
        };
        Self { site, of: &evidence.serves, seen }
    }

    pub(super) fn site(&self) -> &Name {
        self.site
    }

    /// Why it is not known what this observer sees.
    pub(super) fn silent(&self) -> Option<&str> {
        self.seen.as_ref().err().map(String::as_str)
    }

    /// Whether every probe is answered well.
    pub(super) fn reaches(&self) -> bool {
        !self.all().is_empty() && self.all().iter().all(|seen| seen.good)
    }

    /// For how long every probe has failed at once; `None` while one is answered.
    pub(super) fn lost_for_ms(&self) -> Option<u64> {
        if self.all().iter().any(|seen| seen.good) {
            return None;
        }
        self.all().iter().map(|seen| seen.for_ms).min()
    }

    /// The probes that fail.
    pub(super) fn failing(&self) -> Vec<Probe> {
        self.all().iter().filter(|seen| !seen.good).map(|seen| seen.probe).collect()
    }

    /// The failures, for people.
    pub(super) fn failures(&self) -> Vec<String> {
        let failing = self.all().iter().filter(|seen| !seen.good);
        let told = failing.map(|seen| format!("{} fails for {}: {}", name(seen.probe), span(seen.for_ms), seen.reason));
        told.collect()
    }

    /// The probes that are answered well, for people.
    pub(super) fn answering(&self) -> String {
        let good: Vec<_> = self
            .all()
            .iter()
            .filter(|seen| seen.good)
            .map(|seen| name(seen.probe))
            .collect();
        match &good[..] {
            [] => "nothing answers".to_owned(),
            [one] => format!("{one} answers"),
            [first @ .., last] => format!("{} and {last} answer", first.join(", ")),
        }
    }

    /// All that this observer sees, for people.
    pub(super) fn told(&self) -> String {
        if self.reaches() {
            return format!("{} reaches {}: {}", self.site, self.of, self.answering());
        }
        let failures = self.failures().join("; ");
        match self.lost_for_ms() {
            Some(_) => format!("{} does not reach {}: {failures}", self.site, self.of),
            None => format!("{} reaches a part of {}: {}; {failures}", self.site, self.of, self.answering()),
        }
    }

    fn all(&self) -> &[&'a Seen] {
        self.seen.as_deref().unwrap_or_default()
    }
}

fn seen<'a>(policy: &Policy, arrived: &'a Arrived, site: &Name) -> Result<Vec<&'a Seen>, String> {
    let report = &arrived.report;
    if report.site != *site {
        return Err(format!("what came as the report of {site} is that of {}", report.site));
    }
    if !arrived.fresh(policy) {
        return Err(format!("{site} has not reported for {}", span(arrived.age_ms)));
    }
    let one = |probe: &Probe| {
        let seen = report.probes.iter().find(|seen| seen.probe == *probe);
        let seen = seen.ok_or_else(|| format!("{site} has not asked {} yet", name(*probe)))?;
        let ago = seen.asked_ms.saturating_add(arrived.age_ms);
        if ago > policy.stale_after_ms() {
            return Err(format!("{site} has not asked {} for {}", name(*probe), span(ago)));
        }
        Ok(seen)
    };
    policy.probes.iter().map(one).collect()
}

/// What people call a probe.
fn name(probe: Probe) -> &'static str {
    match probe {
        Probe::Manager => "the manager",
        Probe::Api => "the API server",
    }
}
