//! `lifeboat run show`: a run as its journal has it, once or until it is over.

use super::{At, Shown};
use crate::failure::Failure;
use crate::printer::{Output, Printer, Report};
use indicatif::{ProgressBar, ProgressStyle};
use recovery::report::Measured;
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,
    /// Its number; without this the newest
    number: Option<u64>,
    /// Go on showing it until it is over or stands still
    #[arg(long)]
    follow: bool,
}

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let place = args.at.open()?;
    let mut run = place.named(args.number).await?;
    if !args.follow || printer.output() != Output::Table {
        return printer.show(&Shown(Measured::of(&run, ambient::now())));
    }
    let number = Some(run.number);
    let live = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        live.set_style(style);
    }
    let mut told: Vec<String> = Vec::new();
    loop {
        let measured = Measured::of(&run, ambient::now());
        let lines = measured.tree(ambient::now());
        match live.is_hidden() {
            // A terminal that cannot be written over gets each change once.
            true => lines
                .iter()
                .filter(|line| !told.contains(line))
                .for_each(|line| printer.talk(line)),
            false => live.set_message(lines.join("\n")),
        }
        told = lines;
        if measured.state != "running" && measured.state != "undoing" {
            live.finish_and_clear();
            return printer.text(&Shown(measured).text());
        }
        ambient::sleep(PAUSE).await;
        // A store that is away for a moment ends nothing.
        if let Ok(next) = place.named(number).await {
            run = next;
        }
    }
}
