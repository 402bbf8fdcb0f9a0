//! `lifeboat lab load NAME`: a saved lab, running again.

use super::saying;
use crate::failure::Failure;
use crate::printer::{Printer, Report, table};
use estate::{Kind, Name};
use lab::Lab;
use serde::Serialize;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The name it was saved under
    #[arg(required_unless_present = "list")]
    save: Option<Name>,
    /// List what was saved
    #[arg(long, conflicts_with = "save")]
    list: bool,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Saved(Vec<Name>);

impl Report for Saved {
    fn text(&self) -> String {
        table(["SAVED LAB"], self.0.iter().map(|name| [name.to_string()]))
    }
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    if args.list {
        return printer.show(&Saved(lab::saved()));
    }
    let save = args
        .save
        .ok_or_else(|| Failure::new("LB0116", Kind::Invalid, "no saved lab was named"))?;
    let begun = ambient::monotonic();
    let lab = saying(printer, async |say| Lab::load(&save, say).await).await?;
    super::up::report(&lab, begun, printer).await
}
