//! `lifeboat lab serve`: Lifeboat itself on the lab's hosts.

use super::Which;
use crate::failure::Failure;
use crate::printer::Printer;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// End it instead; nothing holds a site back any more when it starts again
    #[arg(long)]
    stop: bool,
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let lab = args.which.open()?;
    lab.serve(!args.stop).await?;
    let what = if args.stop { "is ended on" } else { "is started on" };
    printer.talk(&format!("lifeboat serve {what} each of the three sites of lab {}", lab.topology().name()));
    Ok(())
}
