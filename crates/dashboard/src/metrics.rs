//! A snapshot as OpenMetrics text. Start at [`text`]; what each metric means stands in `docs/metrics.md`.

use crate::{Channel, Cluster, Objective, Repository, Snapshot};
use estate::{Name, Role};
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text::encode};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeMap;
use std::fmt::Error;

/// What it is, for the header of an answer. Source: OpenMetrics 1.0, "Overall Structure".
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A snapshot as OpenMetrics text.
///
/// # Errors
/// None that is known: the encoder's own, which writes into memory.
pub fn text(snapshot: Snapshot) -> Result<String, Error> {
    let mut registry = Registry::with_prefix("lifeboat");
    registry.register_collector(Box::new(Metrics(snapshot)));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Metrics(Snapshot);

/// The labels of one value. None has free text: each text would be a time series of its own.
type Labels<'a> = Vec<(&'static str, &'a str)>;

impl Collector for Metrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let Snapshot {
            version,
            estate,
            site,
            not_ready,
            clusters,
            repositories,
            channels,
        } = &self.0;
        let mut page = Page(encoder);
        let process: Labels<'_> = vec![
            ("version", version.as_str()),
            ("estate", estate.as_str()),
            ("site", site.as_str()),
        ];
        page.gauges("build_info", "Which Lifeboat this is", None, [(process, 1.0)])?;
        let ready = truth(not_ready.is_empty());
        page.gauges("ready", "Whether it does what it is for", None, [(Vec::new(), ready)])?;
        page.of_clusters(clusters)?;
        page.of_repositories(repositories)?;
        page.of_channels(channels)
    }
}

struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn of_clusters(&mut self, all: &BTreeMap<Name, Cluster>) -> Result<(), Error> {
        let roles = all
            .iter()
            .map(|(name, of)| (vec![("cluster", name.as_str()), ("role", role(of.role))], 1.0));
        self.gauges("cluster_info", "The clusters that are known here, and what they are for", None, roles)?;
        let mut each = |name, help, unit, of: fn(&Cluster) -> Option<f64>| {
            let known = all
                .iter()
                .filter_map(|(name, it)| Some((vec![("cluster", name.as_str())], of(it)?)));
            self.gauges(name, help, unit, known)
        };
        let seconds = Some(Unit::Seconds);
        each(
            "at_risk",
            "Age of the oldest change that is in no repository yet",
            seconds.clone(),
            |it| it.at_risk.map(|age| age.as_secs_f64()),
        )?;
        each(
            "newest_point_timestamp",
            "When the newest point was taken, by the source's clock",
            seconds.clone(),
            |it| it.newest_point.map(unix),
        )?;
        each(
            "newest_proven_point_timestamp",
            "When the newest point that is proven was taken, by the source's clock",
            seconds.clone(),
            |it| it.newest_proven_point.map(unix),
        )?;
        each("proven", "Whether the newest proof succeeded", None, |it| it.is_proven.map(truth))?;
        each("complete", "Whether all that a recovery needs is there and fits together", None, |it| {
            it.is_complete.map(truth)
        })?;
        each("follower_lag", "How far the follower at this site is behind", seconds, |it| {
            it.follower_lag.map(|lag| lag.as_secs_f64())
        })?;
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, which no etcd reaches")]
        each("captured_revision", "The newest revision of etcd that is stored", None, |it| {
            it.captured_revision.map(|revision| revision as f64)
        })?;
        each("capture_up", "Whether its changes are being followed from here", None, |it| {
            it.is_captured.map(truth)
        })?;
        each("lease_held", "Whether this process holds the lease of its capture", None, |it| {
            it.holds_lease.map(truth)
        })?;
        let missed = all.iter().flat_map(|(name, of)| {
            let labels = |it: &Objective| vec![("cluster", name.as_str()), ("objective", objective(*it))];
            of.missed.iter().map(move |(it, missed)| (labels(it), truth(*missed)))
        });
        self.gauges("objective_missed", "Whether an objective of the estate is missed now", None, missed)?;
        #[expect(clippy::cast_precision_loss, reason = "there are never so many")]
        let troubles = all.iter().flat_map(|(name, of)| {
            let labels = |code| vec![("cluster", name.as_str()), ("code", code)];
            of.troubles
                .iter()
                .map(move |(code, number)| (labels(code.as_str()), *number as f64))
        });
        self.gauges("troubles", "Troubles that there are now, by the code of their page", None, troubles)
    }

    fn of_repositories(&mut self, all: &BTreeMap<Name, Repository>) -> Result<(), Error> {
        let up = all
            .iter()
            .filter_map(|(name, of)| Some((vec![("repository", name.as_str())], truth(of.is_up?))));
        self.gauges("repository_up", "Whether it answered when it was asked last", None, up)?;
        let lags = all.iter().filter_map(|(name, of)| {
            let labels = vec![
                ("repository", name.as_str()),
                ("copy_of", of.copy_of.as_ref()?.as_str()),
            ];
            Some((labels, of.lag?.as_secs_f64()))
        });
        let help = "How far a copy of a repository is behind it";
        self.gauges("repository_copy_lag", help, Some(Unit::Seconds), lags)
    }

    fn of_channels(&mut self, all: &BTreeMap<Name, Channel>) -> Result<(), Error> {
        let labels = |name| vec![("channel", name)];
        let up = all
            .iter()
            .filter_map(|(name, of)| Some((labels(name.as_str()), truth(of.is_up?))));
        self.gauges("notify_up", "Whether a channel took the last message", None, up)?;
        #[expect(clippy::cast_precision_loss, reason = "there are never so many")]
        let waiting = all.iter().map(|(name, of)| (labels(name.as_str()), of.waiting as f64));
        self.gauges("notify_waiting", "Messages that a channel has not taken yet", None, waiting)
    }

    /// One metric with all its values; without any it is left out.
    fn gauges<'a>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        values: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> Result<(), Error> {
        let mut values = values.into_iter().peekable();
        if values.peek().is_none() {
            return Ok(());
        }
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
        values.try_for_each(|(labels, value)| match labels.is_empty() {
            true => family.encode_gauge(&value),
            false => family.encode_family(&labels)?.encode_gauge(&value),
        })
    }
}

fn truth(it: bool) -> f64 {
    f64::from(u8::from(it))
}

/// Seconds since 1970.
fn unix(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Management => "management",
        Role::Downstream => "downstream",
    }
}

fn objective(objective: Objective) -> &'static str {
    match objective {
        Objective::Rpo => "rpo",
    }
}

#[cfg(test)]
pub(crate) mod tests;
