//! `lifeboat etcd merge`: makes a history smaller, without asking etcd.

use super::moment::{size, span};
use super::opened::{history, shown as time};
use crate::failure::Failure;
use crate::printer::{Printer, Report};
use crate::progress::Progress;
use ::etcd::history::Directory;
use ::etcd::merge::{Action, Facts, Held, Policy, apply, held, plan};
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
    #[arg(long, value_name = "TIME", value_parser = span)]
    window: Duration,
    /// Remove also the last moment of a timeline that a later one has taken over, once it is before the window
    #[arg(long)]
    forget_ended_timelines: bool,
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
    /// What was not removed although it is before the window, and why.
    kept: Vec<String>,
}

impl Report for Shown {
    fn text(&self) -> String {
        let mut text = match (self.planned.as_slice(), self.created + self.removed) {
            ([], 0) => "nothing to do".to_owned(),
            (planned, 0) => planned.join("\n"),
            _ => format!("{} objects made ({}), {} removed", self.created, size(self.created_bytes), self.removed),
        };
        for kept in &self.kept {
            text += &format!("\nkept: {kept}");
        }
        text
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<(), Failure> {
    // It must be a history before a lock is laid into it.
    history(&args.history)?;
    let policy = Policy {
        forget_ended: args.forget_ended_timelines,
        ..policy(args.window)
    };
    if args.dry_run {
        let (actions, kept) = planned(&args.history, &policy)?;
        let planned = actions.iter().map(said).collect();
        return printer.show(&Shown { planned, kept, ..Shown::default() });
    }
    let _lock = super::capture::locked(&Directory::open(&args.history)?)?;
    printer.show(&merge(&args.history, &policy)?)
}

/// Merges from time to time, beside a capture that holds the lock. What fails is said, and tried again the next time.
pub(super) async fn now_and_then(path: PathBuf, window: Duration, every: Duration, progress: Progress) {
    loop {
        ambient::sleep(every).await;
        let path = path.clone();
        match tokio::task::spawn_blocking(move || merge(&path, &policy(window))).await {
            Ok(Ok(done)) if done.created + done.removed > 0 => {
                progress.talk(&format!("{:.0} merged: {}", ambient::now(), done.text()));
            }
            Ok(Ok(_)) | Err(_) => {}
            Ok(Err(failure)) => progress.talk(&format!("{:.0} not merged: {}", ambient::now(), failure.text())),
        }
    }
}

fn policy(window: Duration) -> Policy {
    Policy { window_ms: ms(window), ..Policy::default() }
}

/// What is to be done, and what is kept that would be expected to go.
fn planned(path: &Path, policy: &Policy) -> Result<(Vec<Action>, Vec<String>), Failure> {
    let history = history(path)?;
    let now_ms = u64::try_from(ambient::now().as_millisecond()).unwrap_or(0);
    let facts = Facts::of(&history)?;
    let actions = facts.iter().flat_map(|facts| plan(facts, policy, now_ms)).collect();
    let mut kept: Vec<_> = facts.iter().filter_map(|it| held(it, policy, now_ms)).map(why).collect();
    kept.dedup();
    Ok((actions, kept))
}

fn merge(path: &Path, policy: &Policy) -> Result<Shown, Failure> {
    let mut shown = Shown::default();
    for _ in 0..ROUNDS {
        let (actions, kept) = planned(path, policy)?;
        shown.kept = kept;
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

fn why(held: Held) -> String {
    match held {
        Held::Clock { latest_ms } => format!(
            "all that is before the window, since the history ends at {}: either this host's clock is wrong, or nothing was captured since",
            time(latest_ms)
        ),
        Held::Ended { timeline } => format!(
            "the last moment of timeline {timeline}, which ended before the window; --forget-ended-timelines removes it"
        ),
    }
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
