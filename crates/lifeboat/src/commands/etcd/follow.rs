//! `lifeboat etcd follow`: keeps the newest state of a history ready, until it is told to stop.

use super::moment::{size, span};
use super::opened::{Elsewhere, Place, shown};
use crate::failure::Failure;
use crate::printer::{Output, Printer, Report, card};
use crate::progress::Progress;
use ::etcd::follow::{Done, FollowError, Follower, Lag};
use ::etcd::history::{Directory, Shelf};
use jiff::Timestamp;
use protect::etcd::RepositoryShelf;
use recovery::Trouble;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often the same trouble is said while it lasts.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The history
    #[arg(required_unless_present = "cluster", conflicts_with = "cluster")]
    history: Option<PathBuf>,
    #[command(flatten)]
    elsewhere: Elsewhere,
    /// The directory to keep the state in, for nothing else; made, if it is not there
    #[arg(long, value_name = "DIRECTORY")]
    into: PathBuf,
    /// How often to look for what is new
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "1s")]
    every: Duration,
    /// End when all is there that the history has now
    #[arg(long)]
    once: bool,
}

/// How far it is, after each look with --output json.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Far {
    at: Timestamp,
    timeline: Option<u32>,
    revision: Option<u64>,
    /// When the source was last seen to be at that revision, by its own clock.
    seen_at: Option<Timestamp>,
    /// The newest revision that the history had when it was looked at, and when that was; nothing while nobody could.
    history_revision: Option<u64>,
    looked_at: Option<Timestamp>,
    /// Nothing where it is not known.
    behind_revisions: Option<u64>,
    current: bool,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

impl Far {
    pub(super) fn of(lag: &Lag, bytes: u64, trouble: Option<String>) -> Self {
        let own = lag.own.as_ref();
        Self {
            at: ambient::now(),
            timeline: own.map(|it| it.timeline),
            revision: own.map(|it| it.revision),
            seen_at: own.and_then(|it| time(it.seen_ms)),
            history_revision: lag.seen.map(|it| it.revision),
            looked_at: lag.seen.and_then(|it| time(it.at_ms)),
            behind_revisions: lag.behind(),
            current: lag.is_current(),
            bytes,
            trouble,
        }
    }

    /// How far behind it is, in words.
    pub(super) fn behind(&self) -> String {
        match (self.behind_revisions, self.history_revision) {
            (Some(0), _) => "nothing".to_owned(),
            (Some(behind), _) => format!("{behind} revisions"),
            (None, Some(last)) => format!("not known: the history was last seen at revision {last}"),
            (None, None) => "not known: nobody has looked".to_owned(),
        }
    }
}

impl Report for Far {
    fn text(&self) -> String {
        let seen = self.seen_at.map_or_else(String::new, |it| format!(", at {it:.3}"));
        card([
            ("timeline", self.timeline.map_or_else(|| "-".to_owned(), |it| it.to_string())),
            ("revision", self.revision.map_or_else(|| "-".to_owned(), |it| format!("{it}{seen}"))),
            ("behind", self.behind()),
            ("database", size(self.bytes)),
        ])
    }
}

fn time(ms: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()
}

/// The shelf of a place that holds a history.
pub(super) fn shelf(place: &Place) -> Result<Arc<dyn Shelf>, Failure> {
    // It must be there: a shelf makes its directory.
    let history = place.history()?;
    drop(history);
    Ok(match place {
        Place::Path(path) => Arc::new(Directory::open(path)?),
        Place::Repository { repository, cluster, .. } => Arc::new(RepositoryShelf::new(repository, cluster)),
    })
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let place = args.elsewhere.or(args.history.as_deref())?;
    let progress = Progress::new(*printer);
    let (path, from) = (args.into.clone(), place.clone());
    let once = args.once;
    let begun = super::apart(move || {
        // A name that is mistyped ends it. Once something was followed, a history that is not there may come back.
        let there = shelf(&from);
        let follower = Follower::open(&path)?;
        match there {
            Err(failure) if once || follower.position().is_none() => Err(failure),
            there => Ok((there.ok(), follower)),
        }
    });
    let (mut shelf_there, mut follower) = begun.await.map_err(|failure| failure.fill("HISTORY", &place.typed()))?;
    if let Some(why) = follower.lost() {
        progress.talk(&format!("it begins anew: {why}"));
    }
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let stop = async {
        match signals {
            (Ok(mut interrupt), Ok(mut terminate)) => {
                tokio::select! { _ = interrupt.recv() => {} _ = terminate.recv() => {} }
            }
            // Without handlers the signals end the process, which loses nothing either.
            _ => std::future::pending().await,
        }
    };
    tokio::pin!(stop);
    let mut told: Option<(String, std::time::Instant)> = None;
    loop {
        let (known, from) = (shelf_there.take(), place.clone());
        let look = super::apart(move || {
            let there = known.map_or_else(|| shelf(&from), Ok);
            let done = match &there {
                Ok(there) => follower.advance(there).map_err(Failure::from),
                Err(_) => Ok(Done::Nothing),
            };
            Ok((follower, there, done))
        });
        // A look is never broken off by a signal: it ends, or the process is killed.
        let (there, done);
        (follower, there, done) = look.await?;
        let trouble = there.as_ref().err().or(done.as_ref().err());
        let trouble = trouble.map(|failure| failure.message().to_owned());
        shelf_there = there.ok();
        let far = Far::of(follower.lag(), follower.bytes(), trouble.clone());
        if args.once {
            done?;
            progress.clear();
            return printer.show(&far);
        }
        if let Ok(Done::Built { instead: Some(why) }) = &done {
            progress.talk(&format!("{:.0} made anew: {why}", ambient::now()));
        }
        match &trouble {
            Some(why)
                if told
                    .as_ref()
                    .is_none_or(|(what, when)| what != why || when.elapsed() > AGAIN_AFTER) =>
            {
                progress.talk(&format!("{:.0} {why}", ambient::now()));
                told = Some((why.clone(), ambient::monotonic()));
            }
            Some(_) => {}
            None => told = None,
        }
        if printer.output() == Output::Json {
            printer.text(&serde_json::to_string(&far).unwrap_or_default())?;
        } else {
            let revision = far
                .revision
                .map_or_else(|| "nothing yet".to_owned(), |it| format!("revision {it}"));
            progress.hint(&format!("{revision}, behind: {}", far.behind()));
        }
        tokio::select! {
            () = &mut stop => break,
            () = ambient::sleep(args.every) => {}
        }
    }
    progress.clear();
    Ok(())
}

impl From<FollowError> for Failure {
    fn from(error: FollowError) -> Self {
        Trouble::from(error).into()
    }
}

/// When the source was last seen to be where the state is.
pub(super) fn seen(lag: &Lag) -> String {
    lag.own.as_ref().map_or_else(String::new, |own| shown(own.seen_ms))
}
