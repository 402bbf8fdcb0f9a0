//! What a command works on: a history, a snapshot or a database, by its path; and which moment of it.

use super::moment::At;
use crate::failure::Failure;
use ::etcd::history::{Directory, History};
use ::etcd::import::{Imported, snapshot_file};
use ::etcd::selection::{DatabaseSource, HistorySource, Packs, Source};
use estate::Kind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a path leads to.
pub(crate) enum Opened {
    History(History),
    File(Box<Imported>),
}

/// Which moment.
#[derive(clap::Args)]
pub(crate) struct Which {
    /// A history, a snapshot of etcdctl, k3s, RKE2 or RKE1, or a database file
    pub(crate) from: PathBuf,
    /// The moment: a revision, or a time with its zone; without this the newest
    #[arg(long, value_name = "REVISION|TIME")]
    pub(crate) at: Option<At>,
    /// The timeline; without this the youngest, or of a time the one that it falls into
    #[arg(long, value_name = "NUMBER")]
    pub(crate) timeline: Option<u32>,
    /// Where an archive is unpacked while it is read; without this the system's temporary directory
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) spool: Option<PathBuf>,
}

/// A moment that was found.
pub(crate) struct Found {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) revision: u64,
    /// The timeline, in a history.
    pub(crate) timeline: Option<u32>,
    /// The version of the etcd that it comes from, as far as it is known.
    pub(crate) version: Option<String>,
}

/// Opens what is at `path`.
pub(crate) fn open(path: &Path, spool: Option<&Path>) -> Result<Opened, Failure> {
    if !path.is_dir() {
        let spool = spool.map_or_else(std::env::temp_dir, Path::to_owned);
        return Ok(Opened::File(Box::new(snapshot_file(path, &spool)?)));
    }
    if path.join("member").is_dir() {
        let shown = path.display();
        return Err(Failure::new(
            "LB0405",
            Kind::Invalid,
            format!("{shown} is the data directory of a member, not a history"),
        )
        .hint(format!("lifeboat etcd import {shown} --into HISTORY")));
    }
    history(path).map(Opened::History)
}

/// Opens the history at `path`, which must hold a base.
pub(crate) fn history(path: &Path) -> Result<History, Failure> {
    let nothing = || {
        let shown = path.display();
        Failure::new("LB0407", Kind::Invalid, format!("{shown} holds no history"))
            .hint(format!("lifeboat etcd capture --into {shown}"))
    };
    if !path.is_dir() {
        return Err(nothing());
    }
    let history = History::open(Arc::new(Directory::open(path)?))?;
    if history.newest().is_none() {
        Err(nothing())
    } else {
        Ok(history)
    }
}

impl Which {
    /// Finds the moment; `whole`: with everything that its timeline can answer for.
    pub(crate) fn find(&self, whole: bool) -> Result<Found, Failure> {
        match open(&self.from, self.spool.as_deref())? {
            Opened::History(history) => in_history(Arc::new(history), self.at, self.timeline, whole),
            Opened::File(imported) => in_file(*imported, self.at),
        }
    }
}

/// The timeline and the revision that `at` means.
pub(crate) fn revision(history: &History, at: Option<At>, timeline: Option<u32>) -> Result<(u32, u64), Failure> {
    let wrong = |why: String| {
        Failure::new("LB0407", Kind::Invalid, why).hint("lifeboat etcd show HISTORY: lists what can be rebuilt")
    };
    let chosen = match timeline {
        Some(number) => history.timeline(number),
        None => history.newest(),
    };
    let chosen = chosen.ok_or_else(|| wrong(format!("the history has no timeline {}", timeline.unwrap_or(1))))?;
    match at {
        Some(At::Revision(revision)) => Ok((chosen.number, revision)),
        Some(At::Time(time)) => {
            let at_ms = u64::try_from(time.as_millisecond()).unwrap_or(0);
            let found = match timeline {
                Some(number) => history.revision_at(number, at_ms)?.map(|revision| (number, revision)),
                None => history.newest_at(at_ms)?,
            };
            found.ok_or_else(|| wrong(format!("the history begins after {time}")))
        }
        None => match chosen.newest() {
            Some(revision) => Ok((chosen.number, revision)),
            None => Err(wrong(format!("timeline {} has no base", chosen.number))),
        },
    }
}

fn in_history(history: Arc<History>, at: Option<At>, timeline: Option<u32>, whole: bool) -> Result<Found, Failure> {
    let (timeline, revision) = revision(&history, at, timeline)?;
    let moment = history.moment(timeline, revision)?;
    let version = moment.base().header().base().map(|base| base.etcd_version.clone());
    // For comparing, the whole timeline; for making something, the leases as they were at the moment.
    let source: Arc<dyn Source> = if whole {
        let whole = HistorySource::new(history, timeline)?;
        Arc::new(whole.ok_or_else(|| Failure::new("LB0099", Kind::Bug, "a moment was found without a base"))?)
    } else {
        Arc::new(Packs::of(&moment)?)
    };
    Ok(Found {
        source,
        revision,
        timeline: Some(timeline),
        version: version.filter(|version| !version.is_empty()),
    })
}

fn in_file(imported: Imported, at: Option<At>) -> Result<Found, Failure> {
    let facts = imported.database.facts()?;
    let version = facts.storage_version.clone().or_else(|| facts.cluster_version.clone());
    let source: Arc<dyn Source> = Arc::new(DatabaseSource::new(imported.database)?);
    let revision = match at {
        None => source.last_revision(),
        Some(At::Revision(revision)) => revision,
        Some(At::Time(_)) => {
            return Err(Failure::new("LB0407", Kind::Invalid, "a single file knows revisions only, not times")
                .hint("--at REVISION, or without --at for the newest"));
        }
    };
    Ok(Found { source, revision, timeline: None, version })
}
