//! `lifeboat repository copy`: a second repository that is the same, once or all the time.

use super::{Of, size};
use crate::commands::etcd;
use crate::commands::span;
use crate::failure::Failure;
use crate::printer::{Printer, Report, card};
use crate::progress::Progress;
use estate::{Kind, Name};
use recovery::Trouble;
use repository::{Copied, CopyOptions, Followed, Repository};
use serde::Serialize;
use std::sync::{Mutex, PoisonError};
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
    /// Also remove from the copy what this repository has let go of or replaced; what it seems to have lost is held back and named
    #[arg(long)]
    remove: bool,
    /// Also write the settings of files over (clusters/NAME/files/config) where they differ, if this repository's open
    #[arg(long)]
    files_config: bool,
    /// Go on for ever, and say how far the copy is behind; Ctrl-C ends it
    #[arg(long)]
    follow: bool,
    /// With --follow: from one round to the next, such as 10s or 1m; a bare number is seconds
    #[arg(long, value_name = "TIME", value_parser = every, default_value = "10s", requires = "follow")]
    every: Duration,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Shown<'a>(&'a Copied);

impl Report for Shown<'_> {
    fn text(&self) -> String {
        let it = self.0;
        let damaged: Vec<String> = it.damaged.iter().map(|(key, why)| format!("{key}: {why}")).collect();
        let rows = [
            ("copied", format!("{} objects, {}", it.objects, size(it.bytes))),
            ("there already", format!("{} objects", it.there)),
            ("removed", format!("{} objects", it.removed)),
            ("damaged", damaged.join("\n")),
            ("differing", it.differing.join(", ")),
            ("not signed", it.unsigned.join(", ")),
            ("held back", it.held_back.join("\n")),
        ];
        card(rows.into_iter().filter(|(_, value)| !value.is_empty()))
    }
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let (world, name) = args.of.open()?;
    if args.to == name {
        return Err(
            Failure::new("LB0202", Kind::Invalid, format!("repository {name} cannot be a copy of itself")).hint(
                format!("lifeboat repository copy --repository {name} --to NAME: another repository of the estate"),
            ),
        );
    }
    let (from, to) = (world.repository(&name)?, world.repository(&args.to)?);
    to.prepare().map_err(Trouble::from)?;
    let options = CopyOptions {
        verify: args.verify,
        remove: args.remove,
        files_config: args.files_config,
    };
    if args.follow {
        let stop = async { drop(tokio::signal::ctrl_c().await) };
        let last = Mutex::new(None::<Copied>);
        let report = |round: &Followed| {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            lines(round, last.as_ref()).iter().for_each(|line| printer.talk(line));
            if let Some(copied) = &round.copied {
                *last = Some(copied.clone());
            }
        };
        repository::follow(&from, &to, &options, args.every, stop, &report)
            .await
            .map_err(Trouble::from)?;
        let last = last.into_inner().unwrap_or_else(PoisonError::into_inner).unwrap_or_default();
        return ended(&last, &from, &to);
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
    printer.show(&Shown(&copied))?;
    ended(&copied, &from, &to)
}

/// A time, as other commands take one, or a number of seconds.
fn every(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => etcd::span(text),
    }
}

/// What is not the same, in the end, and who has to act.
fn ended(copied: &Copied, from: &Repository, to: &Repository) -> Result<(), Failure> {
    let (from, to) = (from.store(), to.store());
    if !copied.damaged.is_empty() {
        let message = format!("{} objects in {from} are damaged, and were not copied", copied.damaged.len());
        return Err(Failure::new("LB0306", Kind::Damaged, message)
            .hint("lifeboat repository check, then lifeboat repository repair --from COPY, if the copy has them"));
    }
    match (copied.differing.len() + copied.unsigned.len(), copied.held_back.len()) {
        (0, 0) => Ok(()),
        (0, held) => Err(Failure::new(
            "LB0317",
            Kind::Person,
            format!("{to} has what {from} seems to have lost: for {held} reasons nothing of it was removed"),
        )
        .hint("lifeboat repository check --against COPY, then lifeboat repository repair --from COPY\nlifeboat explain LB0317")),
        _ if copied.differing.is_empty() => Err(Failure::new(
            "LB0311",
            Kind::Damaged,
            format!("{} in {from} is not signed by its root, and was not copied", copied.unsigned.join(", ")),
        )
        .hint("lifeboat repository check\nlifeboat explain LB0311")),
        _ => Err(Failure::new(
            "LB0306",
            Kind::Damaged,
            format!("{} objects differ between {from} and {to}", copied.differing.len()),
        )
        .hint(
            "lifeboat repository check --read-data on both: it says which is sound; then lifeboat repository repair",
        )),
    }
}

/// What is said of a round. What is alarming is said again only when it has changed since the round before; its number, each time.
fn lines(round: &Followed, before: Option<&Copied>) -> Vec<String> {
    let at = round.at;
    match (&round.error, &round.lag, &round.copied) {
        (Some(error), ..) => vec![format!("{at} this round broke off: {error}")],
        (None, _, Some(copied)) => {
            let mut said = format!("{at} copied {} objects, {}", copied.objects, size(copied.bytes));
            let (now, before) = (alarms(copied), before.map(alarms).unwrap_or_default());
            if !now.is_empty() {
                let (damaged, differing) = (copied.damaged.len(), copied.differing.len());
                let held = copied.held_back.len();
                said.push_str(&format!("; {damaged} damaged, {differing} differ, {held} held back"));
            }
            let news = now.iter().filter(|it| !before.contains(it)).map(|it| format!("{at} {it}"));
            [said].into_iter().chain(news).collect()
        }
        (None, Some(lag), None) => vec![format!(
            "{at} the copy is {} behind: {} objects, {}",
            span(lag.seconds.cast_signed()),
            lag.objects,
            size(lag.bytes)
        )],
        (None, None, None) => Vec::new(),
    }
}

/// What a person should hear of.
fn alarms(copied: &Copied) -> Vec<String> {
    let differing = copied
        .differing
        .iter()
        .map(|key| format!("{key} differs: one of the two is harmed"));
    let held = copied.held_back.iter().map(|why| format!("not removed from the copy: {why}"));
    let unsigned = copied
        .unsigned
        .iter()
        .map(|key| format!("{key} is not copied: the root did not sign it"));
    let damaged = copied.damaged.iter().map(|(key, why)| format!("{key} is not copied: {why}"));
    damaged.chain(differing).chain(unsigned).chain(held).collect()
}

#[cfg(test)]
mod tests;
