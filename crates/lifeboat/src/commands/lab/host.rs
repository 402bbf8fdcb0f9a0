//! `lifeboat lab host`: machines that come and go while a lab runs.

use super::Which;
use crate::failure::Failure;
use crate::printer::Printer;
use estate::Name;
use std::net::Ipv4Addr;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make an empty machine and start it; one that is there already is left as it is
    Add(AddArgs),
    /// Destroy a machine that was made so, with all that is on it
    Remove(RemoveArgs),
}

#[derive(clap::Args)]
struct AddArgs {
    #[command(flatten)]
    which: Which,
    /// Its name
    host: Name,
    /// The site that it stands in
    #[arg(long)]
    site: Name,
    /// Its address; without this the first one that is free there
    #[arg(long)]
    address: Option<Ipv4Addr>,
}

#[derive(clap::Args)]
struct RemoveArgs {
    #[command(flatten)]
    which: Which,
    /// Its name
    host: Name,
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    match args.command {
        Command::Add(args) => {
            let made = args.which.open()?.add_host(&args.host, &args.site, args.address).await?;
            printer.talk(&format!("{} runs at {}, with the address {}", made.name, made.site, made.address));
        }
        Command::Remove(args) => {
            args.which.open()?.remove_host(&args.host).await?;
            printer.talk(&format!("{} is no more", args.host));
        }
    }
    Ok(())
}
