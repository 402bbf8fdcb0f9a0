//! `lifeboat lab down`: nothing stays behind but the cache.

use super::{Which, saying};
use crate::failure::Failure;
use crate::printer::Printer;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    saying(printer, async |say| lab::Lab::down(&args.which.name, say).await).await?;
    printer.talk(&format!("lab {} is gone", args.which.name));
    Ok(())
}
