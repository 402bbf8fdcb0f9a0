//! `lifeboat etcd show`: what can be rebuilt from a history.

use super::moment::At;
use super::opened::{Broken, broken, history, revision};
use crate::failure::Failure;
use crate::printer::{Printer, Report, table};
use ::etcd::FileError;
use ::etcd::history::{Began, History, Timeline};
use jiff::Timestamp;
use serde::Serialize;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The history
    history: PathBuf,
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
    /// What is wrong with its last object.
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<String>,
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
                text += &format!("\nhole: revisions {first} to {last} of timeline {} are lost", row.number);
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
        for damage in self.timelines.iter().filter_map(|row| row.damage.as_ref()) {
            text += &format!("\nwarning: {damage}");
        }
        for broken in &self.broken {
            text += &format!("\nwarning: {}", broken.text());
        }
        text
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<(), Failure> {
    let history = history(&args.history)?;
    let at = match args.at {
        None => None,
        Some(at) => {
            let shown = args.history.display().to_string();
            let (timeline, revision) =
                revision(&history, Some(at), None).map_err(|failure| failure.fill("HISTORY", &shown))?;
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
    printer.show(&Shown {
        timelines: rows?,
        at,
        unused: history.unused().len(),
        broken: broken(&history),
    })
}

fn row(history: &History, timeline: &Timeline) -> Result<Row, Failure> {
    let number = timeline.number;
    let stretches = &timeline.stretches;
    let facts = match stretches.first().and_then(|stretch| stretch.bases.first()) {
        Some(base) => history.moment(number, base.revision)?.base().header().base().cloned(),
        None => None,
    };
    // Also then it must be seen what can be rebuilt.
    let (newest_at, damage) = match last_seen(history, timeline) {
        Ok(seen) => (seen.and_then(time), None),
        Err(error @ (FileError::Damaged { .. } | FileError::Newer { .. })) => (None, Some(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    Ok(Row {
        number,
        began: facts.as_ref().map_or("no base", |base| began(base.began)),
        etcd_version: facts.map(|base| base.etcd_version).unwrap_or_default(),
        windows: history.windows(number)?.into_iter().map(|(from, to)| [from, to]).collect(),
        holes: history
            .holes(number)?
            .into_iter()
            .map(|hole| [hole.after, hole.until])
            .collect(),
        bases: stretches.iter().map(|stretch| stretch.bases.len()).sum(),
        segments: stretches.iter().map(|stretch| stretch.chain.len()).sum(),
        newest: timeline.newest(),
        newest_at,
        damage,
    })
}

/// When something was seen last; of a timeline that has ended, when its newest revision was.
fn last_seen(history: &History, timeline: &Timeline) -> Result<Option<u64>, FileError> {
    let tail = history.tail()?.filter(|tail| tail.timeline == timeline.number);
    match (tail, timeline.newest()) {
        (Some(tail), _) => Ok(Some(tail.seen_ms)),
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
