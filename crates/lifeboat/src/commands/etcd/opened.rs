//! What a command works on: a history, a snapshot or a database, by its path, or the history of a cluster in the repository; and
//! which moment of it.

use super::failures::SHOW;
use super::moment::At;
use crate::estate as estate_file;
use crate::failure::Failure;
use ::etcd::history::{Directory, History, Timeline};
use ::etcd::import::{Imported, snapshot_file};
use ::etcd::selection::{Aside, DatabaseSource, HistorySource, Packs, Source};
use estate::{Kind, LockMode, Name};
use jiff::Timestamp;
use protect::etcd::RepositoryShelf;
use recovery::World;
use repository::Repository;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The history of a cluster in the repository, instead of one in a directory.
#[derive(Clone, clap::Args)]
pub(crate) struct Elsewhere {
    /// The history of this cluster in the estate's repository, instead of one in a directory
    #[arg(long, value_name = "NAME")]
    cluster: Option<Name>,
    #[command(flatten)]
    estate: estate_file::Which,
}

/// Where a history is, or a file.
#[derive(Clone)]
pub(crate) enum Place {
    Path(PathBuf),
    Repository {
        repository: Repository,
        cluster: Name,
        /// How the estate wants what is stored to be locked.
        lock: Option<LockMode>,
    },
}

impl Elsewhere {
    /// That of `cluster`.
    pub(crate) fn of(cluster: Name, estate: estate_file::Which) -> Self {
        Self { cluster: Some(cluster), estate }
    }

    /// Whether a cluster is named.
    pub(crate) fn is_named(&self) -> bool {
        self.cluster.is_some()
    }

    /// The estate that is meant, also where no cluster is named.
    pub(crate) fn world(&self) -> Result<World, Failure> {
        self.estate.open()
    }

    /// Where it is: at `path`, unless a cluster is named.
    pub(crate) fn or(&self, path: Option<&Path>) -> Result<Place, Failure> {
        let Some(cluster) = &self.cluster else {
            // One of the two is there: clap sees to that.
            return Ok(Place::Path(path.unwrap_or(Path::new(".")).to_owned()));
        };
        let world = self.estate.open()?;
        let name = world.cluster(cluster)?.repository.clone();
        Ok(Place::Repository {
            repository: world.repository(&name)?,
            cluster: cluster.clone(),
            lock: world.repository_of(&name)?.lock.as_deref().copied(),
        })
    }
}

impl Place {
    /// As it is typed.
    pub(crate) fn typed(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Repository { cluster, .. } => format!("--cluster {cluster}"),
        }
    }

    /// As it is typed where something goes into it.
    pub(crate) fn typed_into(&self) -> String {
        match self {
            Self::Path(path) => format!("--into {}", path.display()),
            Self::Repository { .. } => self.typed(),
        }
    }

    /// How it is called.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Repository { repository, cluster, .. } => {
                format!("the history of cluster {cluster} in {}", repository.store())
            }
        }
    }

    /// Opens what is there.
    pub(crate) fn open(&self, spool: Option<&Path>) -> Result<Opened, Failure> {
        match self {
            Self::Path(path) if path.is_file() => {
                let spool = spool.map_or_else(std::env::temp_dir, Path::to_owned);
                Ok(Opened::File(Box::new(snapshot_file(path, &spool)?)))
            }
            _ => Ok(Opened::History(Box::new(self.history()?))),
        }
    }

    /// Opens the history, which must hold a base. Blocks; needs a runtime.
    pub(crate) fn history(&self) -> Result<History, Failure> {
        match self {
            Self::Path(path) => history(path),
            Self::Repository { repository, cluster, .. } => {
                let history = History::open(Arc::new(RepositoryShelf::new(repository, cluster)))?;
                with_base(history, &self.shown(), format!("lifeboat etcd capture --cluster {cluster}"))
            }
        }
    }
}

/// What a path leads to.
pub(crate) enum Opened {
    History(Box<History>),
    File(Box<Imported>),
}

/// Which moment.
#[derive(Clone, clap::Args)]
#[group(id = "moment")]
pub(crate) struct Which {
    /// A history, a snapshot of etcdctl, k3s, RKE2 or RKE1, or a database file
    #[arg(required_unless_present = "cluster", conflicts_with = "cluster")]
    from: Option<PathBuf>,
    #[command(flatten)]
    elsewhere: Elsewhere,
    /// The moment: a revision, a time with its zone, or a time ago (1h-ago); without this the newest
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
    /// The history that it is in, if it is in one.
    pub(crate) history: Option<Arc<History>>,
    /// The timeline, in a history.
    pub(crate) timeline: Option<u32>,
    /// The version of the etcd that it comes from, as far as it is known.
    pub(crate) version: Option<String>,
    /// The id of the cluster that it comes from; 0 where it is not known.
    pub(crate) cluster_id: u64,
    /// What a person should know of it.
    pub(crate) note: Option<String>,
    /// Where those who look note records that are damaged.
    pub(crate) aside: Aside,
}

/// Opens the history at `path`, which must hold a base.
fn history(path: &Path) -> Result<History, Failure> {
    let shown = path.display();
    let none =
        |why: &str, hint: String| Err(Failure::new("LB0407", Kind::Invalid, format!("{shown} {why}")).hint(hint));
    let import = || format!("lifeboat etcd import {shown} --into NEW");
    if path.join("member").is_dir() {
        return none("is the data directory of a member, not a history", import());
    }
    if !path.is_dir() {
        return match path.symlink_metadata() {
            Ok(_) => none("is a file, and a history is a directory", import()),
            Err(_) => none("is not there", format!("ls {}", parent(path).display())),
        };
    }
    let history = History::open(Arc::new(Directory::open(path)?))?;
    with_base(history, &shown.to_string(), format!("lifeboat etcd capture --into {shown}"))
}

fn with_base(history: History, shown: &str, capture: String) -> Result<History, Failure> {
    if history.newest().is_some() {
        return Ok(history);
    }
    let left: usize = history.timelines().iter().map(|it| it.orphans.len()).sum();
    if left > 0 {
        let message = format!("{shown} lacks the base that its {left} segments begin with");
        return Err(Failure::new("LB0405", Kind::Damaged, message));
    }
    Err(Failure::new("LB0407", Kind::Invalid, format!("{shown} holds no history")).hint(capture))
}

fn parent(path: &Path) -> &Path {
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// A place where what a timeline goes on with is missing, although more is there behind it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Broken {
    pub(crate) timeline: u32,
    /// The last revision before what is missing.
    after: u64,
    /// How many segments cannot be used.
    segments: usize,
    /// The revision that they reach.
    through: u64,
}

impl Broken {
    /// Whether the other one is the same gap, though more may have come behind it.
    pub(crate) fn is_at(&self, other: &Self) -> bool {
        (self.timeline, self.after) == (other.timeline, other.after)
    }

    /// Whether the object of this name is in the gap, or may be.
    pub(crate) fn holds(&self, name: &str) -> bool {
        match name.parse() {
            Ok(::etcd::history::Name::Segment(it)) => {
                it.timeline == self.timeline && it.through >= self.after && it.after < self.through
            }
            _ => false,
        }
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let Self { timeline, after, segments, through } = self;
        format!(
            "timeline {timeline} breaks off at revision {after}: what follows it is missing, \
             and {segments} segments that reach revision {through} cannot be used"
        )
    }
}

/// How long whoever captures may need until what it stores at once is all there.
pub(crate) const IN_FLIGHT: Duration = Duration::from_secs(3);

/// Where each timeline breaks off. What others cover already is no loss.
pub(crate) fn broken(history: &History) -> Vec<Broken> {
    let one = |timeline: &Timeline| {
        let after = timeline.newest().unwrap_or(0);
        let beyond: Vec<_> = timeline.orphans.iter().filter(|it| it.through > after).collect();
        let through = beyond.iter().map(|it| it.through).max()?;
        Some(Broken {
            timeline: timeline.number,
            after,
            segments: beyond.len(),
            through,
        })
    };
    history.timelines().iter().filter_map(one).collect()
}

impl Which {
    /// The same as words would say it.
    pub(crate) fn new(
        from: Option<PathBuf>,
        elsewhere: Elsewhere,
        at: Option<At>,
        timeline: Option<u32>,
        spool: Option<PathBuf>,
    ) -> Self {
        Self { from, elsewhere, at, timeline, spool }
    }

    /// Finds the moment; `whole`: with everything that its timeline can answer for.
    pub(crate) fn find(&self, whole: bool) -> Result<Found, Failure> {
        self.found(whole, None)
    }

    /// The same for those who look only: records that are damaged stop nothing, and are noted.
    pub(crate) fn look(&self, whole: bool, aside: &Aside) -> Result<Found, Failure> {
        let found = self.found(whole, Some(aside))?;
        Ok(Found { aside: aside.clone(), ..found })
    }

    fn found(&self, whole: bool, aside: Option<&Aside>) -> Result<Found, Failure> {
        let place = self.place()?;
        let found = match place.open(self.spool.as_deref())? {
            Opened::History(history) => in_history(Arc::from(history), self.at, self.timeline, whole, aside),
            Opened::File(imported) => in_file(*imported, self.at, aside),
        };
        found.map_err(|failure| failure.fill("HISTORY", &place.typed()))
    }

    /// Where it is.
    pub(crate) fn place(&self) -> Result<Place, Failure> {
        self.elsewhere.or(self.from.as_deref())
    }
}

/// The timeline and the revision that `at` means.
pub(crate) fn revision(history: &History, at: Option<At>, timeline: Option<u32>) -> Result<(u32, u64), Failure> {
    let wrong = |why: String| Failure::new("LB0407", Kind::Invalid, why).hint(SHOW);
    let chosen = match timeline {
        Some(number) => history.timeline(number),
        None => history.newest(),
    };
    let chosen = chosen.ok_or_else(|| wrong(format!("the history has no timeline {}", timeline.unwrap_or(1))))?;
    match at {
        Some(At::Revision(revision)) => {
            // A number means the newest timeline that has it, as a time does.
            let has = |it: &&Timeline| timeline.is_none() && history.moment(it.number, revision).is_ok();
            let has = history.timelines().iter().rev().find(has).unwrap_or(chosen);
            Ok((has.number, revision))
        }
        Some(At::Time(time)) => {
            let at_ms = u64::try_from(time.as_millisecond()).unwrap_or(0);
            let found = match timeline {
                Some(number) => history.revision_at(number, at_ms)?.map(|revision| (number, revision)),
                None => history.newest_at(at_ms)?,
            };
            let Some((number, revision)) = found else {
                let first = timeline.map_or_else(|| history.timelines().first(), |_| Some(chosen));
                return Err(wrong(format!("the history begins after {time}{}", beginning(history, first)?)));
            };
            // What came after its last object, nobody knows.
            match history.tail()?.filter(|tail| tail.timeline == number && tail.seen_ms < at_ms) {
                Some(tail) => Err(wrong(format!(
                    "the history ends before {time}: it was last kept up at {}, at revision {}",
                    shown(tail.seen_ms),
                    tail.through
                ))),
                None => Ok((number, revision)),
            }
        }
        None => match chosen.newest() {
            Some(revision) => Ok((chosen.number, revision)),
            None => Err(wrong(format!("timeline {} has no base", chosen.number))),
        },
    }
}

/// Where a timeline begins, for an error's end.
fn beginning(history: &History, timeline: Option<&Timeline>) -> Result<String, Failure> {
    let base = timeline.and_then(|it| Some((it.number, it.stretches.first()?.bases.first()?.revision)));
    let Some((number, revision)) = base else {
        return Ok(String::new());
    };
    let seen = history.seen_at(number, revision)?;
    Ok(seen.map_or_else(String::new, |ms| format!(", at {} with revision {revision}", shown(ms))))
}

/// A time in a hole leads to what was seen before it; nobody knows whether that was still so.
fn hole(history: &History, timeline: u32, revision: u64, at_ms: u64) -> Result<Option<String>, Failure> {
    let hole = history.holes(timeline)?.into_iter().find(|hole| hole.after == revision);
    let Some(hole) = hole else {
        return between(history, timeline, revision, at_ms);
    };
    let until = history
        .seen_at(timeline, hole.until)?
        .map_or_else(String::new, |ms| format!(" and {}", shown(ms)));
    let after = history.seen_at(timeline, hole.after)?.map_or_else(String::new, shown);
    Ok(Some(format!(
        "between {after}{until} revisions {} to {} were written, which are not here: some objects may be older than the time asked for",
        hole.after + 1,
        hole.until.saturating_sub(1)
    )))
}

/// Nor does anybody know what was between the end of a timeline and the beginning of the next one.
fn between(history: &History, timeline: u32, revision: u64, at_ms: u64) -> Result<Option<String>, Failure> {
    let ended = history.timeline(timeline).and_then(Timeline::newest) == Some(revision);
    let next = history.timelines().iter().find(|it| it.number > timeline);
    let Some(next) = next.filter(|_| ended) else {
        return Ok(None);
    };
    let seen = history.seen_at(timeline, revision)?.filter(|seen| *seen < at_ms);
    Ok(seen.map(|seen| {
        format!(
            "timeline {timeline} ends with revision {revision}, seen at {}, and the next one is {}: what was between them is not known, and \
             some objects may be older than the time asked for",
            shown(seen),
            next.number
        )
    }))
}

/// Milliseconds of Unix time as a time.
pub(super) fn shown(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| format!("{ms} ms"), |time| format!("{time:.3}"))
}

fn in_history(
    history: Arc<History>,
    at: Option<At>,
    timeline: Option<u32>,
    whole: bool,
    aside: Option<&Aside>,
) -> Result<Found, Failure> {
    let (timeline, revision) = revision(&history, at, timeline)?;
    let note = match at {
        Some(At::Time(time)) => {
            let at_ms = u64::try_from(time.as_millisecond()).unwrap_or(0);
            hole(&history, timeline, revision, at_ms)?
        }
        _ => None,
    };
    let moment = history.moment(timeline, revision)?;
    let header = moment.base().header().base();
    let version = header.map(|base| base.etcd_version.clone());
    let cluster_id = header.map_or(0, |base| base.source.cluster_id);
    // For comparing, the whole timeline; for making something, the leases as they were at the moment.
    let source: Arc<dyn Source> = if whole {
        let whole = HistorySource::new(Arc::clone(&history), timeline)?;
        let whole = whole.ok_or_else(|| Failure::new("LB0099", Kind::Bug, "a moment was found without a base"))?;
        match aside {
            Some(aside) => Arc::new(whole.setting_aside(aside.clone())),
            None => Arc::new(whole),
        }
    } else {
        let packs = Packs::of(&moment)?;
        match aside {
            Some(aside) => Arc::new(packs.setting_aside(aside.clone())),
            None => Arc::new(packs),
        }
    };
    Ok(Found {
        source,
        revision,
        history: Some(history),
        timeline: Some(timeline),
        version: version.filter(|version| !version.is_empty()),
        cluster_id,
        note,
        aside: Aside::default(),
    })
}

fn in_file(imported: Imported, at: Option<At>, aside: Option<&Aside>) -> Result<Found, Failure> {
    let facts = imported.database.facts()?;
    let version = facts.storage_version.clone().or_else(|| facts.cluster_version.clone());
    let source = DatabaseSource::new(imported.database)?;
    let source: Arc<dyn Source> = match aside {
        Some(aside) => Arc::new(source.setting_aside(aside.clone())),
        None => Arc::new(source),
    };
    let revision = match at {
        None => source.last_revision(),
        Some(At::Revision(revision)) => revision,
        Some(At::Time(_)) => {
            return Err(Failure::new("LB0407", Kind::Invalid, "a single file knows revisions only, not times")
                .hint("--at REVISION, or without --at for the newest"));
        }
    };
    Ok(Found {
        source,
        revision,
        history: None,
        timeline: None,
        version,
        cluster_id: 0,
        note: None,
        aside: Aside::default(),
    })
}
