//! `lifeboat etcd show`: what can be rebuilt from a history.

use super::moment::At;
use super::opened::{Broken, Elsewhere, IN_FLIGHT, Place, broken, revision};
use crate::failure::Failure;
use crate::printer::{Printer, Report, table};
use ::etcd::FileError;
use ::etcd::history::{BaseHeader, Began, History, Stretch, Timeline};
use estate::Kind;
use jiff::Timestamp;
use serde::Serialize;
use std::path::PathBuf;
use tokio::runtime::Handle;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The history
    #[arg(required_unless_present = "cluster", conflicts_with = "cluster")]
    history: Option<PathBuf>,
    #[command(flatten)]
    elsewhere: Elsewhere,
    /// Also say which revision was the newest at this time, or when this revision was seen
    #[arg(long, value_name = "REVISION|TIME")]
    at: Option<At>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    timelines: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Moment>,
    /// Objects that nothing leads to, or that others replace.
    unused: usize,
    /// Where an object is missing, and what is cut off by that.
    broken: Vec<Broken>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    number: u32,
    began: &'static str,
    /// The version of etcd that it was begun with.
    etcd_version: String,
    /// From which revision to which every one can be rebuilt.
    windows: Vec<[u64; 2]>,
    /// What is missing between windows: the last revision before, the first after.
    holes: Vec<[u64; 2]>,
    bases: usize,
    segments: usize,
    newest: Option<u64>,
    /// When something was seen last, be it that nothing had changed.
    newest_at: Option<Timestamp>,
    /// What is wrong with those of its objects that were looked at: bases, and the last segments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damage: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Moment {
    timeline: u32,
    revision: u64,
    seen_at: Option<Timestamp>,
    /// Whether it can be rebuilt.
    rebuildable: bool,
}

impl Report for Shown {
    fn text(&self) -> String {
        let mut rows = Vec::new();
        for row in &self.timelines {
            for (number, window) in row.windows.iter().enumerate() {
                let last = number + 1 == row.windows.len();
                let seen = row.newest_at.filter(|_| last).map_or_else(String::new, |at| format!("{at:.0}"));
                let first = if number == 0 {
                    (row.number.to_string(), row.began.to_owned())
                } else {
                    Default::default()
                };
                rows.push([first.0, first.1, window[0].to_string(), window[1].to_string(), seen]);
            }
        }
        let mut text = table(["TIMELINE", "BEGAN", "FROM", "THROUGH", "LAST SEEN"], rows);
        for row in &self.timelines {
            for [after, until] in &row.holes {
                let (first, last) = (after + 1, until.saturating_sub(1));
                text += &format!("\nhole: revisions {first} to {last} of timeline {} are not here", row.number);
            }
        }
        if let Some(at) = &self.at {
            let seen = at
                .seen_at
                .map_or_else(|| "never seen".to_owned(), |seen| format!("seen {seen:.3}"));
            let whether = if at.rebuildable {
                "can be rebuilt"
            } else {
                "cannot be rebuilt"
            };
            text += &format!("\n\nrevision {} of timeline {}: {seen}, {whether}", at.revision, at.timeline);
        }
        for damage in self.timelines.iter().flat_map(|row| &row.damage) {
            text += &format!("\nwarning: {damage}");
        }
        for broken in &self.broken {
            text += &format!("\nwarning: {}", broken.text());
        }
        text
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<(), Failure> {
    let place = args.elsewhere.or(args.history.as_deref())?;
    let history = place.history()?;
    let at = match args.at {
        None => None,
        Some(at) => {
            let found = revision(&history, Some(at), None);
            let (timeline, revision) = found.map_err(|failure| failure.fill("HISTORY", &place.typed()))?;
            let seen = history.seen_at(timeline, revision)?;
            let rebuildable = history.moment(timeline, revision).is_ok();
            Some(Moment {
                timeline,
                revision,
                seen_at: seen.and_then(time),
                rebuildable,
            })
        }
    };
    let rows: Result<Vec<_>, Failure> = history.timelines().iter().map(|timeline| row(&history, timeline)).collect();
    let broken = lasting(&place, &history)?;
    let gaps = broken.len();
    printer.show(&Shown { timelines: rows?, at, unused: history.unused().len(), broken })?;
    match gaps {
        0 => Ok(()),
        _ => Err(
            Failure::new("LB0405", Kind::Damaged, format!("{} breaks off", place.shown())).hint(match place {
                Place::Path(path) => format!("lifeboat etcd verify {}", path.display()),
                Place::Repository { .. } => {
                    "lifeboat repository check, then lifeboat repository repair --from NAME".to_owned()
                }
            }),
        ),
    }
}

/// Where it breaks off, and not only because whoever captures stores several objects at once.
fn lasting(place: &Place, history: &History) -> Result<Vec<Broken>, Failure> {
    let mut found = broken(history);
    if !found.is_empty() {
        Handle::current().block_on(ambient::sleep(IN_FLIGHT));
        let again = broken(&place.history()?);
        found.retain(|it| again.iter().any(|other| it.is_at(other)));
    }
    Ok(found)
}

fn row(history: &History, timeline: &Timeline) -> Result<Row, Failure> {
    let number = timeline.number;
    let stretches = &timeline.stretches;
    let facts = first_base(history, stretches)?;
    // Whatever is wrong there, it must be seen what can be rebuilt.
    let (newest_at, newer) = match last_seen(history, timeline) {
        Ok(seen) => (seen.and_then(time), None),
        Err(FileError::Damaged { .. }) => (None, None),
        Err(error @ FileError::Newer { .. }) => (None, Some(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    let windows = history.windows(number)?;
    let damaged = history.damaged().into_iter().filter(|(name, _)| name.timeline() == number);
    Ok(Row {
        number,
        began: facts.as_ref().map_or("no base", |base| began(base.began)),
        etcd_version: facts.map(|base| base.etcd_version).unwrap_or_default(),
        windows: windows.into_iter().map(|(from, to)| [from, to]).collect(),
        holes: history
            .holes(number)?
            .into_iter()
            .map(|hole| [hole.after, hole.until])
            .collect(),
        bases: stretches.iter().map(|stretch| stretch.bases.len()).sum(),
        segments: stretches.iter().map(|stretch| stretch.chain.len()).sum(),
        newest: timeline.newest(),
        newest_at,
        damage: damaged.map(|(_, why)| why).chain(newer).collect(),
    })
}

/// What the first base says of itself that is not damaged.
fn first_base(history: &History, stretches: &[Stretch]) -> Result<Option<BaseHeader>, Failure> {
    for name in stretches.iter().flat_map(|stretch| &stretch.bases) {
        match history.base(name) {
            Ok(pack) => return Ok(pack.header().base().cloned()),
            Err(e) if e.is_damage() => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(None)
}

/// When something was seen last; of a timeline that has ended, when its newest revision was.
fn last_seen(history: &History, timeline: &Timeline) -> Result<Option<u64>, FileError> {
    let tail = history.tail()?.filter(|tail| tail.timeline == timeline.number);
    match (tail, timeline.newest()) {
        // Where it ends in what is damaged, that is not known.
        (Some(tail), newest) => Ok(Some(tail.seen_ms).filter(|_| newest == Some(tail.through))),
        (None, Some(newest)) => history.seen_at(timeline.number, newest),
        (None, None) => Ok(None),
    }
}

fn began(began: Began) -> &'static str {
    match began {
        Began::First => "captured",
        Began::Gap => "after a gap",
        Began::JumpedBack => "source restored",
        Began::OtherCluster => "another cluster",
        Began::Imported => "imported",
        Began::Merged => "merged",
        Began::Distrust => "proof failed",
    }
}

/// Milliseconds of Unix time as a time.
fn time(ms: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()
}
