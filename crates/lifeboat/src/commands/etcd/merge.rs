//! `lifeboat etcd merge`: makes a history smaller, without asking etcd.

use super::moment::{size, span};
use super::opened::history;
use crate::failure::Failure;
use crate::printer::{Printer, Report};
use crate::progress::Progress;
use ::etcd::history::Directory;
use ::etcd::merge::{Action, Facts, Policy, apply, plan};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// More rounds than any history needs: levels, and what becomes removable after them.
const ROUNDS: usize = 12;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The history
    history: PathBuf,
    /// For how long every revision stays rebuildable
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "7d")]
    window: Duration,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    /// What is done first; more may follow from it.
    planned: Vec<String>,
    created: u64,
    created_bytes: u64,
    removed: u64,
}

impl Report for Shown {
    fn text(&self) -> String {
        match (self.planned.as_slice(), self.created + self.removed) {
            ([], 0) => "nothing to do".to_owned(),
            (planned, 0) => planned.join("\n"),
            _ => format!("{} objects made ({}), {} removed", self.created, size(self.created_bytes), self.removed),
        }
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<(), Failure> {
    // It must be a history before a lock is laid into it.
    history(&args.history)?;
    if args.dry_run {
        let planned = planned(&args.history, args.window)?.iter().map(said).collect();
        return printer.show(&Shown { planned, ..Shown::default() });
    }
    let _lock = super::capture::locked(&Directory::open(&args.history)?)?;
    printer.show(&merge(&args.history, args.window)?)
}

/// Merges from time to time, beside a capture that holds the lock. What fails is said, and tried again the next time.
pub(super) async fn now_and_then(path: PathBuf, window: Duration, every: Duration, progress: Progress) {
    loop {
        ambient::sleep(every).await;
        let path = path.clone();
        match tokio::task::spawn_blocking(move || merge(&path, window)).await {
            Ok(Ok(done)) if done.created + done.removed > 0 => {
                progress.talk(&format!("{:.0} merged: {}", ambient::now(), done.text()));
            }
            Ok(Ok(_)) | Err(_) => {}
            Ok(Err(failure)) => progress.talk(&format!("{:.0} not merged: {}", ambient::now(), failure.text())),
        }
    }
}

fn planned(path: &Path, window: Duration) -> Result<Vec<Action>, Failure> {
    let history = history(path)?;
    let policy = Policy { window_ms: ms(window), ..Policy::default() };
    let now_ms = u64::try_from(ambient::now().as_millisecond()).unwrap_or(0);
    let facts = Facts::of(&history)?;
    Ok(facts.iter().flat_map(|facts| plan(facts, &policy, now_ms)).collect())
}

fn merge(path: &Path, window: Duration) -> Result<Shown, Failure> {
    let mut shown = Shown::default();
    for _ in 0..ROUNDS {
        let actions = planned(path, window)?;
        if actions.is_empty() {
            break;
        }
        let history = history(path)?;
        for action in &actions {
            let done = apply(&history, action, path)?;
            shown.created += u64::from(done.created.is_some());
            shown.created_bytes += done.bytes;
            shown.removed += done.removed;
        }
    }
    Ok(shown)
}

fn said(action: &Action) -> String {
    match action {
        Action::Merge(names) => format!("merge {} segments, with every version", names.len()),
        Action::Coalesce(names) => format!("coalesce {} segments before the window", names.len()),
        Action::Base { through, .. } => format!("make a new base of the old one and {} segments", through.len()),
        Action::Remove { names, .. } => format!("remove {} objects that are no longer needed", names.len()),
    }
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
