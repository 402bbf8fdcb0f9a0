//! `lifeboat etcd capture`: keeps every change of a live etcd, until it is told to stop.

use super::failures::{inhabited, occupied};
use super::leased::{self, Waiting};
use super::lock::teller;
use super::moment::{bytes, span};
use super::opened::{Elsewhere, Place};
use super::source::{Source, unanswered};
use super::tidings::Tidings;
use crate::estate as estate_file;
use crate::failure::Failure;
use crate::printer::{Output, Printer};
use crate::progress::Progress;
use ::etcd::FileError;
use ::etcd::capture::{Behind, CaptureError, Note, Options, Risk, Tell, capture};
use ::etcd::history::{Directory, Lock};
use estate::{Kind, Name};
use jiff::Timestamp;
use protect::etcd::{Captured, Holder};
use repository::Repository;
use serde::Serialize;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How often it is said how far it is.
const SAY_EVERY: Duration = Duration::from_secs(1);

/// How long etcd may be silent where somebody waits for the end.
const ONCE_LIMIT: Duration = Duration::from_secs(30);

/// From which silence on it is said: etcd is asked each second.
const SILENT_S: f64 = 5.0;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The history; begun, if it is not there
    #[arg(
        long,
        value_name = "DIRECTORY",
        required_unless_present = "cluster",
        conflicts_with = "cluster"
    )]
    into: Option<PathBuf>,
    #[command(flatten)]
    elsewhere: Elsewhere,
    /// With --cluster: where a base waits for the repository; without this the system's temporary directory
    #[arg(long, value_name = "DIRECTORY", requires = "cluster")]
    spool: Option<PathBuf>,
    #[command(flatten)]
    source: Source,
    /// The member's data directory, when it is on this host: the base is read from it, which costs etcd almost nothing
    #[arg(long, value_name = "DIRECTORY")]
    pin: Option<PathBuf>,
    /// Take the base as a stream also from an etcd that was found on this host
    #[arg(long, conflicts_with = "pin")]
    no_pin: bool,
    /// After which time a segment is stored
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "500ms")]
    every: Duration,
    /// After how many bytes a segment is stored
    #[arg(long, value_name = "SIZE", value_parser = bytes, default_value = "1MiB")]
    bytes: u64,
    /// For how long every revision stays rebuildable
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "7d")]
    window: Duration,
    /// How often small segments are merged into large ones, and what is before the window goes
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "1h")]
    merge_every: Duration,
    /// End as soon as all is stored that etcd had when it answered; for whoever starts it on a schedule
    #[arg(long)]
    once: bool,
}

/// How far it is, once a second with --output json.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Now {
    at: Timestamp,
    source_revision: u64,
    stored_revision: Option<u64>,
    behind_revisions: u64,
    waiting_bytes: u64,
    /// Seconds since the oldest change arrived that is not stored; 0 when all is. Nobody knows before etcd was heard.
    at_risk_s: Option<f64>,
    /// What is waited for before anything can be captured: another host that has the lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<String>,
    /// Seconds since etcd was heard.
    silent_s: Option<f64>,
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let members = args.source.members()?;
    let place = args.elsewhere.or(args.into.as_deref())?;
    let target = target(&place)?;
    let spool = match &place {
        Place::Path(path) => path.clone(),
        Place::Repository { .. } => args.spool.clone().unwrap_or_else(std::env::temp_dir),
    };
    let mut options = Options::new(&spool);
    options.limits.every = args.every;
    options.limits.bytes = usize::try_from(args.bytes).unwrap_or(usize::MAX);
    options.give_up = args.once.then_some(ONCE_LIMIT);
    let data = args.pin.clone().or_else(|| args.source.data_dir().filter(|_| !args.no_pin));
    options.db_file = data.map(|directory| directory.join("member/snap/db"));

    let progress = Progress::new(*printer);
    let lock = super::lock::wanted(&place, &super::merge::policy(args.window), &progress).await?;
    let (behind, seen) = watch::channel(Risk::default().behind());
    let talker = progress.clone();
    let tidings = Mutex::new(Tidings::default());
    let waiting = Arc::new(Waiting::new(progress.clone()));
    let waited = Arc::clone(&waiting);
    let tell: Tell = Arc::new(move |note: Note| {
        // Whoever tells something of etcd has the lease.
        waited.over();
        let mut tidings = tidings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = tidings.text(&note, ambient::monotonic()) {
            talker.talk(&format!("{:.0} {text}", ambient::now()));
        }
    });
    let saying = tokio::spawn(say(seen.clone(), Arc::clone(&waiting), *printer, progress.clone()));
    let times = (args.window, args.merge_every);
    let merging = tokio::spawn(super::merge::now_and_then(place.clone(), spool, times, progress.clone()));
    let stop = stopped(args.once, seen);
    let looking = tokio::spawn(super::rotation::told(place.clone(), progress.clone()));
    let failed = |error| failed(error, &place);
    let ended = match target {
        Target::Directory(shelf, _lock) => {
            let ended = capture(members, shelf, options, tell, behind, stop).await;
            ended.map_err(failed)
        }
        Target::Repository(repository, cluster) => {
            let lock = lock.map(|lock| (lock, teller(progress.clone())));
            let captured = Captured { cluster, source: members, options, lock };
            let name = estate_file::machine();
            let holder = Holder {
                name: &name,
                waiting: &|error| waiting.tell(error),
                patient: !args.once,
            };
            let ended = protect::etcd::capture(repository, captured, &holder, tell, behind, stop).await;
            ended.map_err(|error| leased::ended(error, failed))
        }
    };
    saying.abort();
    merging.abort();
    looking.abort();
    progress.clear();
    ended
}

/// Where it goes.
enum Target<'a> {
    Directory(Arc<Directory>, Lock),
    Repository(&'a Repository, &'a Name),
}

/// A directory is made if it is not there, and locked.
fn target(place: &Place) -> Result<Target<'_>, Failure> {
    match place {
        Place::Path(path) if path.join("member").is_dir() => Err(inhabited(path)),
        Place::Path(path) if path.is_file() => Err(occupied(path)),
        Place::Path(path) => {
            let shelf = Arc::new(Directory::open(path)?);
            let lock = locked(&shelf)?;
            Ok(Target::Directory(shelf, lock))
        }
        Place::Repository { repository, cluster, .. } => Ok(Target::Repository(repository, cluster)),
    }
}

/// Takes the history's lock.
pub(super) fn locked(shelf: &Directory) -> Result<Lock, Failure> {
    shelf.lock().map_err(|error| match &error {
        FileError::Io { source, .. } if source.kind() == ErrorKind::WouldBlock => {
            let shown = shelf.path().display();
            Failure::new("LB0410", Kind::Conflict, format!("another process writes to {shown}"))
                .hint(format!("fuser -v {shown}/.lock"))
        }
        _ => error.into(),
    })
}

/// Waits for Ctrl-C, for a supervisor's TERM, or, with `--once`, until all is stored.
/// The signals are caught from the call on, not only once it is waited for.
fn stopped(once: bool, mut seen: watch::Receiver<Behind>) -> impl Future<Output = ()> {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let told = async {
        match signals {
            (Ok(mut interrupt), Ok(mut terminate)) => {
                tokio::select! { _ = interrupt.recv() => {} _ = terminate.recv() => {} }
            }
            // Without handlers the signals end the process, which loses nothing either.
            _ => std::future::pending().await,
        }
    };
    let stored = async move {
        if !once || !caught_up(&mut seen).await {
            std::future::pending::<()>().await;
        }
    };
    async {
        tokio::select! { () = told => {} () = stored => {} }
    }
}

/// Waits until all is stored that etcd had when it was first heard. What an earlier capture stored says nothing about today.
async fn caught_up(seen: &mut watch::Receiver<Behind>) -> bool {
    let Ok(there) = seen.wait_for(|behind| behind.heard.is_some()).await.map(|behind| behind.source) else {
        return false;
    };
    let stored = seen
        .wait_for(|behind| behind.stored.is_some_and(|stored| stored >= there))
        .await;
    stored.is_ok()
}

/// Says how far it is: a line that changes on a terminal, a JSON object a second for programs, and nothing otherwise.
async fn say(seen: watch::Receiver<Behind>, waiting: Arc<Waiting>, printer: Printer, progress: Progress) {
    loop {
        ambient::sleep(SAY_EVERY).await;
        let now = now(&seen.borrow(), waiting.now());
        if printer.output() == Output::Json {
            let line = serde_json::to_string(&now).unwrap_or_default();
            if printer.text(&line).is_err() {
                return;
            }
        } else {
            progress.hint(&said(&now));
        }
    }
}

/// How far it is, in a line for 80 columns.
fn said(now: &Now) -> String {
    if let Some(waiting) = &now.waiting {
        return waiting.clone();
    }
    let far = match now.stored_revision {
        None => "no base yet".to_owned(),
        Some(revision) => format!("revision {revision} stored, {} behind", now.behind_revisions),
    };
    let far = match now.at_risk_s.filter(|_| now.stored_revision.is_some()) {
        None => far,
        Some(at_risk) => format!("{far}, {at_risk:.1} s at risk"),
    };
    match now.silent_s {
        None => format!("{far}, etcd not heard yet"),
        Some(silent) if silent > SILENT_S => format!("{far}, etcd not heard for {silent:.0} s"),
        Some(_) => far,
    }
}

fn now(behind: &Behind, waiting: Option<String>) -> Now {
    let at = ambient::monotonic();
    let is_heard = behind.heard.is_some();
    Now {
        at: ambient::now(),
        source_revision: behind.source,
        stored_revision: behind.stored,
        behind_revisions: behind.revisions(),
        waiting_bytes: behind.waiting_bytes,
        at_risk_s: is_heard.then(|| behind.at_risk(at).as_secs_f64()),
        waiting,
        silent_s: behind.silent(at).map(|silent| silent.as_secs_f64()),
    }
}

fn failed(error: CaptureError, place: &Place) -> Failure {
    let message = error.to_string();
    match error {
        CaptureError::Etcd(error) => unanswered(error),
        CaptureError::File(error) => error.into(),
        CaptureError::GaveUp { .. } => Failure::new("LB0401", Kind::Unreachable, message),
        CaptureError::Rival { .. } => Failure::new("LB0410", Kind::Conflict, message)
            .hint(format!("two hosts write to {}: give each a history of its own", place.shown())),
        CaptureError::Skipped(_) => Failure::new("LB0099", Kind::Bug, message),
    }
}

#[cfg(test)]
mod tests;
