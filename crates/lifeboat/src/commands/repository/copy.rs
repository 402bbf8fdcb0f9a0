//! `lifeboat repository copy`: a second repository that is the same, once or all the time.

use super::{Of, size};
use crate::commands::span;
use crate::failure::Failure;
use crate::printer::{Printer, Report, card};
use crate::progress::Progress;
use estate::{Kind, Name};
use recovery::Trouble;
use repository::{Copied, CopyOptions, Followed};
use serde::Serialize;
use std::time::Duration;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    of: Of,
    /// The repository of the estate that becomes the copy
    #[arg(long, value_name = "NAME")]
    to: Name,
    /// Compare what is there already byte by byte, not by its size
    #[arg(long)]
    verify: bool,
    /// Also remove from the copy what this repository no longer has
    #[arg(long)]
    remove: bool,
    /// Also write the settings of files over (clusters/NAME/files/config) where they differ, if this repository's open
    #[arg(long)]
    files_config: bool,
    /// Go on for ever, and say how far the copy is behind; Ctrl-C ends it
    #[arg(long)]
    follow: bool,
    /// With --follow: seconds between two rounds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, requires = "follow")]
    every: u64,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Shown(Copied);

impl Report for Shown {
    fn text(&self) -> String {
        let it = &self.0;
        card([
            ("copied", format!("{} objects, {}", it.objects, size(it.bytes))),
            ("there already", format!("{} objects", it.there)),
            ("removed", format!("{} objects", it.removed)),
            ("differing", it.differing.join(", ")),
            ("held back", it.held_back.join(", ")),
        ])
    }
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let (world, name) = args.of.open()?;
    let (from, to) = (world.repository(&name)?, world.repository(&args.to)?);
    to.prepare().map_err(Trouble::from)?;
    let options = CopyOptions {
        verify: args.verify,
        remove: args.remove,
        files_config: args.files_config,
    };
    if args.follow {
        let stop = async { drop(tokio::signal::ctrl_c().await) };
        let every = Duration::from_secs(args.every);
        let report = |round: &Followed| told(round, printer);
        return repository::follow(&from, &to, &options, every, stop, &report)
            .await
            .map_err(|error| Trouble::from(error).into());
    }
    let progress = Progress::new(*printer);
    let seen = progress.clone();
    let on = move |at: repository::CopyProgress| {
        seen.hint(&format!(
            "{} of {} objects, {} of {}",
            at.objects,
            at.of_objects,
            size(at.bytes),
            size(at.of_bytes)
        ));
    };
    let copied = repository::copy(&from, &to, &options, &on).await.map_err(Trouble::from)?;
    progress.clear();
    let differing = copied.differing.len();
    printer.show(&Shown(copied))?;
    match differing {
        0 => Ok(()),
        _ => Err(Failure::new(
            "LB0306",
            Kind::Damaged,
            format!("{differing} objects differ between {} and {}", from.store(), to.store()),
        )
        .hint(
            "lifeboat repository check --read-data on both: it says which is sound; then lifeboat repository repair",
        )),
    }
}

fn told(round: &Followed, printer: &Printer) {
    match (&round.error, &round.lag, &round.copied) {
        (Some(error), ..) => printer.talk(&format!("{} this round broke off: {error}", round.at)),
        (None, _, Some(copied)) => {
            printer.talk(&format!("{} copied {} objects, {}", round.at, copied.objects, size(copied.bytes)));
        }
        (None, Some(lag), None) => printer.talk(&format!(
            "{} the copy is {} behind: {} objects, {}",
            round.at,
            span(lag.seconds.cast_signed()),
            lag.objects,
            size(lag.bytes)
        )),
        (None, None, None) => {}
    }
}
