//! `lifeboat lab heal`: faults undone, the youngest first.

use super::r#break::Shown;
use super::{Which, saying};
use crate::failure::Failure;
use crate::printer::{Printer, Report};
use serde::Serialize;
use std::time::Duration;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// The number of a fault; all of them where it is left out
    fault: Option<u32>,
    /// Wait until all is ready again, at most this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    wait: Option<u64>,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Healed(Vec<Shown>);

impl Report for Healed {
    fn text(&self) -> String {
        if self.0.is_empty() {
            "nothing was broken\n".into()
        } else {
            self.0.iter().map(Report::text).collect()
        }
    }
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let mut lab = args.which.open()?;
    let healed = lab.heal(args.fault).await?;
    if let Some(seconds) = args.wait {
        saying(printer, async |say| lab.wait_ready(Duration::from_secs(seconds), say).await).await?;
    }
    printer.show(&Healed(healed.iter().map(|f| Shown::new(f, false)).collect()))
}
