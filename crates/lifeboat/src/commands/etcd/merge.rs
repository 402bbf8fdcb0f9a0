//! `lifeboat etcd merge`: makes a history smaller, without asking etcd.

use super::leased::Waiting;
use super::lock;
use super::moment::{size, span};
use super::opened::{Elsewhere, Place, shown as time};
use crate::estate as estate_file;
use crate::failure::Failure;
use crate::printer::{Printer, Report};
use crate::progress::Progress;
use ::etcd::history::Directory;
use ::etcd::merge::{Action, Held, Policy, apply};
use protect::etcd::{Holder, lock_merged, merge_once, planned, with_points};
use recovery::Trouble;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// More rounds than any history needs: levels, and what becomes removable after them.
const ROUNDS: usize = 12;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The history
    #[arg(required_unless_present = "cluster", conflicts_with = "cluster")]
    history: Option<PathBuf>,
    #[command(flatten)]
    elsewhere: Elsewhere,
    /// For how long every revision stays rebuildable; with --cluster 7d if nothing else is said
    #[arg(long, value_name = "TIME", value_parser = span, required_unless_present = "cluster")]
    window: Option<Duration>,
    /// Remove also the last moment of a timeline that a later one has taken over, once it is before the window
    #[arg(long)]
    forget_ended_timelines: bool,
    /// With --cluster: where objects lie while they are made; without this the system's temporary directory
    #[arg(long, value_name = "DIRECTORY", requires = "cluster")]
    spool: Option<PathBuf>,
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
    /// Replaced, and left for those who read now: the next merging removes them.
    #[serde(skip_serializing_if = "is_none")]
    left: u64,
    /// What the store did not let go.
    #[serde(skip_serializing_if = "is_none")]
    refused: u64,
    /// How many objects were locked for longer than they were, where the bucket has object lock.
    #[serde(skip_serializing_if = "is_none")]
    locked: u64,
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
        if self.left > 0 {
            text += &format!(
                "\n{} are replaced, and stay for those who read now; the next merging removes them",
                self.left
            );
        }
        if self.refused > 0 {
            text += &format!(
                "\n{} stay since the store does not let them go: they are locked, or the credentials may not remove them",
                self.refused
            );
        }
        if self.locked > 0 {
            text += &format!("\n{} are locked for longer than they were", self.locked);
        }
        for kept in &self.kept {
            text += &format!("\nkept: {kept}");
        }
        text
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<(), Failure> {
    let place = args.elsewhere.or(args.history.as_deref())?;
    // It must be a history before a lock is laid into it.
    let history = place.history()?;
    let window = args.window.map_or_else(Policy::default, policy);
    let policy = Policy { forget_ended: args.forget_ended_timelines, ..window };
    if args.dry_run {
        let policy = match &place {
            Place::Path(_) => policy,
            Place::Repository { repository, cluster, .. } => {
                let asked = with_points(repository, cluster, &policy, ambient::now());
                tokio::runtime::Handle::current().block_on(asked).map_err(Trouble::from)?
            }
        };
        let (actions, kept) = planned(&history, &policy, now_ms())?;
        let (planned, kept) = (actions.iter().map(said).collect(), kept.into_iter().map(why).collect());
        return printer.show(&Shown { planned, kept, ..Shown::default() });
    }
    let _lock = match &place {
        Place::Path(path) => Some(super::capture::locked(&Directory::open(path)?)?),
        Place::Repository { .. } => None,
    };
    let progress = Progress::new(*printer);
    let merged = merge(&place, &policy, args.spool.as_deref(), &progress);
    progress.clear();
    printer.show(&merged?)
}

/// Merges from time to time, beside a capture that holds the lock. What fails is said, and tried again the next time.
pub(super) async fn now_and_then(
    place: Place,
    spool: PathBuf,
    (window, every): (Duration, Duration),
    progress: Progress,
) {
    loop {
        ambient::sleep(every).await;
        let (place, spool, telling) = (place.clone(), spool.clone(), progress.clone());
        let merging = move || merge(&place, &policy(window), Some(&spool), &telling);
        match tokio::task::spawn_blocking(merging).await {
            Ok(Ok(done)) if done.created + done.removed > 0 => {
                progress.styled(&format!("{:.0} merged: {}", ambient::now(), done.text()));
            }
            Ok(Ok(_)) | Err(_) => {}
            Ok(Err(failure)) => progress.styled(&format!("{:.0} not merged: {}", ambient::now(), failure.text())),
        }
    }
}

/// How a history is merged whose revisions stay rebuildable for so long.
pub(super) fn policy(window: Duration) -> Policy {
    Policy { window_ms: ms(window), ..Policy::default() }
}

fn now_ms() -> u64 {
    u64::try_from(ambient::now().as_millisecond()).unwrap_or(0)
}

fn merge(place: &Place, policy: &Policy, spool: Option<&Path>, progress: &Progress) -> Result<Shown, Failure> {
    match place {
        Place::Path(path) => in_directory(path, policy),
        Place::Repository { repository, cluster, .. } => {
            let spool = spool.map_or_else(std::env::temp_dir, Path::to_owned);
            let runtime = tokio::runtime::Handle::current();
            let now = ambient::now();
            let (name, waiting) = (estate_file::machine(), Waiting::new(progress.clone()));
            let holder = Holder {
                name: &name,
                waiting: &|error| waiting.tell(error),
                patient: false,
            };
            let merged = runtime.block_on(merge_once(repository, cluster, &holder, policy, now, &spool))?;
            let locked = runtime.block_on(async {
                match lock::wanted(place, policy, progress).await? {
                    Some(lock) => Ok(lock_merged(repository, cluster, &lock, &merged, now)
                        .await
                        .map_err(Trouble::from)?),
                    None => Ok::<_, Failure>(0),
                }
            })?;
            Ok(Shown {
                planned: Vec::new(),
                created: merged.created,
                created_bytes: merged.created_bytes,
                removed: merged.removed,
                left: merged.left,
                refused: merged.refused,
                locked,
                kept: merged.held.into_iter().map(why).collect(),
            })
        }
    }
}

fn in_directory(path: &Path, policy: &Policy) -> Result<Shown, Failure> {
    let place = Place::Path(path.to_owned());
    let mut shown = Shown::default();
    for _ in 0..ROUNDS {
        let history = place.history()?;
        let (actions, kept) = planned(&history, policy, now_ms())?;
        shown.kept = kept.into_iter().map(why).collect();
        if actions.is_empty() {
            break;
        }
        for action in &actions {
            let done = apply(&history, action, path)?;
            shown.created += u64::from(done.created.is_some());
            shown.created_bytes += done.bytes;
            shown.removed += done.removed;
        }
    }
    Ok(shown)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_none(count: &u64) -> bool {
    *count == 0
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
