//! `lifeboat lab save NAME`: the state of a running lab, kept in the cache.

use super::{Which, saying};
use crate::failure::Failure;
use crate::printer::Printer;
use estate::Name;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// The name to keep it under
    save: Name,
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let mut lab = args.which.open()?;
    saying(printer, async |say| lab.save(&args.save, say).await).await?;
    printer.talk(&format!("saved; bring it back with: lifeboat lab load {}", args.save));
    Ok(())
}
