//! `lifeboat lab serve`: Lifeboat itself on the lab's hosts.

use super::Which;
use crate::commands::repository::init;
use crate::failure::Failure;
use crate::printer::Printer;
use ::lab::Lab;

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
    if !args.stop {
        make_repository(&lab, printer).await?;
    }
    lab.serve(!args.stop).await?;
    let what = if args.stop { "is ended on" } else { "is started on" };
    printer.talk(&format!("lifeboat serve {what} each of the three sites of lab {}", lab.topology().name()));
    Ok(())
}

/// The repository of the lab's estate, as an operator makes it.
async fn make_repository(lab: &Lab, printer: &Printer) -> Result<(), Failure> {
    let Some(file) = lab.estate_file() else { return Ok(()) };
    let world = crate::estate::read(&file)?;
    let Some((_, cluster)) = world.estate.management() else {
        return Ok(());
    };
    let root_key = world.path("lifeboat-root.key".as_ref());
    // Its estate names the root from the start, and there is nothing to lose.
    init::make(&world, &cluster.repository, &root_key, true, printer).await?;
    Ok(())
}
