//! What this host's Lifeboat does, as its metrics have it. Start at [`snapshot`]: pure.

use daemon::Answer;
use dashboard::{Channel, Cluster, Objective, Repository, Snapshot};
use estate::{Duty, Estate, Name, Protection};
use jiff::Timestamp;
use plan::{AtRisk, missed_rpo};
use std::collections::BTreeMap;
use std::time::Duration;

/// A proof is as good as no other for so many intervals.
const PROVEN: u32 = 3;

/// The metrics of `answer` at `now`, of the Lifeboat on the host or site called `here`.
pub(crate) fn snapshot(estate: &Estate, here: &Name, answer: Answer, now: Timestamp) -> Snapshot {
    let Answer::Report { version, protections, copies, channels, troubles, .. } = answer else {
        return Snapshot {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            estate: estate.name.clone(),
            site: here.clone(),
            not_ready: vec!["nothing is known yet".to_owned()],
            clusters: BTreeMap::new(),
            repositories: BTreeMap::new(),
            channels: BTreeMap::new(),
        };
    };
    let not_ready = protections.iter().filter_map(not_ready).chain(troubles).collect();
    let clusters = protections
        .iter()
        .filter_map(|it| Some((it.cluster.clone(), cluster(estate, it, now)?)))
        .collect();
    let repositories = estate.repositories.iter().map(|(name, of)| {
        let copying = copies.iter().find(|it| it.repository == *name);
        // Who stores something there knows whether it is up.
        let writes = protections
            .iter()
            .filter(|it| it.duty == Duty::Captures && goes_to(estate, it, name));
        let up = writes.map(|it| it.failures == 0).reduce(|a, b| a && b);
        let repository = Repository {
            is_up: up,
            copy_of: of.copy_of.as_deref().cloned(),
            lag: copying.and_then(|it| it.lag).map(|lag| Duration::from_secs(lag.seconds)),
        };
        (name.clone(), repository)
    });
    Snapshot {
        version,
        estate: estate.name.clone(),
        site: here.clone(),
        not_ready,
        clusters,
        repositories: repositories.collect(),
        channels: channels
            .into_iter()
            .map(|it| (it.name, Channel { is_up: Some(it.trouble.is_none()), waiting: it.waiting }))
            .collect(),
    }
}

fn goes_to(estate: &Estate, report: &Protection, repository: &Name) -> bool {
    estate
        .clusters
        .get(&report.cluster)
        .is_some_and(|of| *of.repository == *repository)
}

/// Why it does not do for a cluster what it is for. Standing by for somebody else is what it is for.
fn not_ready(report: &Protection) -> Option<String> {
    let cluster = &report.cluster;
    match &report.duty {
        Duty::Begins => Some(format!("{cluster}: it has only just begun")),
        _ => {
            let told = report.troubles.get("capture")?;
            Some(format!("{cluster}: {}", told.text))
        }
    }
}

fn cluster(estate: &Estate, report: &Protection, now: Timestamp) -> Option<Cluster> {
    let of = estate.clusters.get(&report.cluster)?;
    let captures = report.duty == Duty::Captures;
    let at_risk = AtRisk::heard(report.at_risk_ms, report.silent_ms);
    let has_rpo = estate.objectives_of(of).rpo.is_some() && at_risk.most_ms().is_some();
    let missed = has_rpo.then(|| (Objective::Rpo, missed_rpo(estate, &report.cluster, at_risk).is_some()));
    let proven = report.proof.as_ref();
    let is_fresh = proven.map(|proof| {
        let age = Duration::try_from(now.duration_since(proof.at)).unwrap_or_default();
        age < *of.protect.etcd.prove * PROVEN
    });
    // One that failed counts, whatever was proven before.
    let is_proven = if report.troubles.contains_key("proof") {
        Some(false)
    } else {
        is_fresh
    };
    let made = report.newest.as_ref();
    // A point is proven with the history up to it.
    let proven_point = made.filter(|made| proven.is_some_and(|proof| proof.covers(report.timeline, made.revision)));
    Some(Cluster {
        at_risk: at_risk.most_ms().map(Duration::from_millis).filter(|_| captures),
        newest_point: made.map(|made| made.begun),
        newest_proven_point: proven_point.map(|made| made.begun),
        is_proven: is_proven.filter(|_| captures),
        // What could not be tested is not known to be complete.
        is_complete: report
            .judged
            .filter(|_| !report.lacks.is_empty() || report.untested.is_empty())
            .map(|_| report.lacks.is_empty()),
        follower_lag: report.following.as_ref().and_then(|it| {
            let seen = it.seen?;
            Duration::try_from(now.duration_since(seen)).ok()
        }),
        captured_revision: report.stored.and_then(|it| i64::try_from(it).ok()),
        is_captured: Some(captures),
        missed: missed.into_iter().filter(|_| captures).collect(),
        holds_lease: Some(captures),
        troubles: by_code(report),
        ..Cluster::unknown(*of.role)
    })
}

/// How many troubles there are, by the code of their page.
fn by_code(report: &Protection) -> BTreeMap<String, u64> {
    let mut codes = BTreeMap::new();
    for told in report.troubles.values() {
        *codes.entry(told.code.clone()).or_default() += 1;
    }
    codes
}

#[cfg(test)]
mod tests;
