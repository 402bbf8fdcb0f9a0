//! Who serves the cluster that has a standby, and what the sites see: a section of `lifeboat status`.

use super::etcd::size;
use crate::commands::span;
use crate::estate::me;
use crate::failure::Failure;
use crate::printer::{lines_in, table_in};
use estate::{Copying, Lag, Name, Report, Serving};
use failover::Verdict;
use jiff::Timestamp;
use recovery::World;
use recovery::gather::Heard;
use serde::Serialize;
use std::time::Duration;

const ANSWER: Duration = Duration::from_secs(3);

/// All that is known, site by site.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Serves {
    /// When this was asked, by this machine's clock.
    now: Timestamp,
    pub(crate) cluster: Name,
    sites: Vec<Site>,
    verdict: Option<Verdict>,
    /// The site that the copies are lost with.
    copies_at: Option<Name>,
    /// How old the newest proven copy may be for a failover that no person asked for, in seconds.
    maximum_loss_s: u64,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Site {
    name: Name,
    role: &'static str,
    report: Option<Report>,
    /// Why there is no report.
    reason: Option<String>,
    /// How far its clock is ahead of this machine's, in milliseconds; a report takes some time on its way.
    clock_ahead_ms: Option<i64>,
}

impl Serves {
    /// The form for people, for a terminal with so many columns, or with as many as there are.
    pub(crate) fn in_columns(&self, columns: Option<u16>) -> String {
        let mut text = String::new();
        let rows = self.sites.iter().map(|site| {
            let report = site.report.as_ref();
            [
                site.name.to_string(),
                site.role.to_owned(),
                report.map_or_else(|| "no answer".to_owned(), |report| state(&report.serving)),
                report
                    .and_then(|report| report.standing.as_ref())
                    .map_or_else(|| "?".to_owned(), ToString::to_string),
                report.map_or_else(|| site.reason.clone().unwrap_or_default(), seen),
            ]
        });
        text += &table_in(columns, ["SITE", "ROLE", "STATE", "KNOWS", "SEES"], rows);
        text += "\n\n";
        text + &lines_in(columns, &self.lines())
    }

    /// What stands under the table.
    fn lines(&self) -> String {
        let mut text = String::new();
        let proven = self
            .sites
            .iter()
            .filter_map(|site| site.report.as_ref()?.proven.as_ref())
            .max_by_key(|p| p.id.clone());
        text += &match proven {
            Some(proven) => {
                let age = self.now.duration_since(proven.begun).as_secs();
                let late = if u64::try_from(age).is_ok_and(|age| age > self.maximum_loss_s) {
                    "if the site were lost now, a person would have to declare it: no proven copy is young enough\n"
                } else {
                    ""
                };
                format!(
                    "newest proven copy: {}, {} old, revision {}\n{late}",
                    proven.id,
                    span(age),
                    proven.revision
                )
            }
            None if self.sites.iter().any(|site| site.role == "standby" && site.report.is_some()) => {
                "newest proven copy: none\n".to_owned()
            }
            None => "newest proven copy: not known, since the standby does not answer\n".to_owned(),
        };
        for site in &self.sites {
            for copy in site.report.iter().flat_map(|report| &report.copies) {
                text += &format!("copy {} of {}, kept by {}: {}\n", copy.repository, copy.of, site.name, behind(copy));
            }
        }
        match &self.verdict {
            Some(verdict) => {
                text += &format!("verdict: {}\n", verdict.kind);
                for reason in &verdict.reasons {
                    text += &format!("  {reason}\n");
                }
            }
            None => text += "verdict: none, since the standby does not answer, or has only just started\n",
        }
        let serves =
            |site: &&Site| matches!(&site.report, Some(report) if matches!(report.serving, Serving::Serving { .. }));
        if let Some(site) = self
            .sites
            .iter()
            .find(serves)
            .filter(|site| Some(&site.name) == self.copies_at.as_ref())
        {
            text += &format!(
                "the copies are at {} too, and would be lost together with what they are copies of\n",
                site.name
            );
        }
        for site in &self.sites {
            let report = site.report.as_ref();
            for trouble in report.into_iter().flat_map(|report| &report.troubles) {
                text += &format!("trouble at {}: {trouble}\n", site.name);
            }
            for unfit in report.and_then(|report| report.unfit.as_ref()).into_iter().flatten() {
                text += &format!("{} is not fit to take over: {unfit}\n", site.name);
            }
            if let Some(ahead) = site.clock_ahead_ms.filter(|ahead| ahead.abs() > 2000) {
                let way = if ahead > 0 { "ahead of" } else { "behind" };
                let apart = ahead.unsigned_abs() as f64 / 1000.0;
                text += &format!("the clock of {} is {apart:.1} s {way} this machine's\n", site.name);
            }
        }
        text
    }
}

fn ahead_ms(theirs: Timestamp, ours: Timestamp) -> i64 {
    i64::try_from(theirs.duration_since(ours).as_millis()).unwrap_or(i64::MAX)
}

fn state(serving: &Serving) -> String {
    match serving {
        Serving::Never => "watches".to_owned(),
        Serving::Standby => "stands by".to_owned(),
        Serving::TakingOver { epoch } => format!("is taking over, epoch {epoch}"),
        Serving::Serving { epoch, .. } => format!("serves, epoch {epoch}"),
        Serving::Alone { epoch } => format!("stopped: no majority confirms epoch {epoch}"),
        Serving::Fenced { standing } => format!("stopped for good: {standing} is newer"),
        Serving::Unknown => "does not know yet".to_owned(),
    }
}

fn seen(report: &Report) -> String {
    if report.probes.is_empty() {
        return "nothing yet".to_owned();
    }
    let told = report.probes.iter().map(|seen| {
        let name = serde_json::to_value(seen.probe)
            .ok()
            .and_then(|v| v.as_str().map(str::to_owned))
            .unwrap_or_default();
        let time = span(i64::try_from(seen.for_ms / 1000).unwrap_or(i64::MAX));
        if seen.good {
            format!("{name} good for {time}")
        } else {
            format!("{name} bad for {time}")
        }
    });
    told.collect::<Vec<_>>().join(", ")
}

/// How far a copy of a repository is behind.
pub(crate) fn behind(copy: &Copying) -> String {
    let seconds = |seconds: u64| span(i64::try_from(seconds).unwrap_or(i64::MAX));
    let ago = seconds(copy.ago_ms / 1000);
    match copy.lag {
        None => "not known yet how far".to_owned(),
        Some(Lag { objects: 0, .. }) => format!("complete {ago} ago"),
        Some(lag) => {
            let (objects, bytes) = (lag.objects, size(lag.bytes));
            format!("{} behind {ago} ago, {objects} objects, {bytes}", seconds(lag.seconds))
        }
    }
}

/// What the sites reported of `cluster`, with the standby's verdict.
pub(crate) async fn serves(world: &World, cluster: &Name, asked: Vec<Heard>) -> Result<Serves, Failure> {
    let failover = world.failover(cluster)?;
    let (of, me) = (failover.of, me(world));
    let standby = world.estate.site_of(failover.standby).cloned();
    let primary = world.estate.site_of(failover.primary).cloned();
    let verdict = match &standby {
        // Whoever has not reported does not judge either.
        Some(standby) if asked.iter().any(|heard| heard.site == *standby && heard.report.is_ok()) => {
            recovery::ask_site::<_, Option<Verdict>>(world, &me, standby, "verdict", &(), ANSWER).await
        }
        _ => Ok(None),
    };
    let sites = asked.into_iter().map(|heard| Site {
        role: match &heard.site {
            site if Some(site) == primary.as_ref() => "primary",
            site if Some(site) == standby.as_ref() => "standby",
            _ => "witness",
        },
        clock_ahead_ms: heard.report.as_ref().ok().map(|report| ahead_ms(report.now, heard.at)),
        reason: heard.report.as_ref().err().map(ToString::to_string),
        report: heard.report.ok(),
        name: heard.site,
    });
    Ok(Serves {
        now: ambient::now(),
        cluster: cluster.clone(),
        sites: sites.collect(),
        verdict: verdict.ok().flatten(),
        maximum_loss_s: world.estate.monitor.maximum_loss.as_secs(),
        copies_at: world
            .estate
            .repositories
            .get(&*of.repository)
            .map(|repository| (*repository.site).clone()),
    })
}

#[cfg(test)]
mod tests;
