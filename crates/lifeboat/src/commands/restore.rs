//! `lifeboat restore`: what a copy has goes back, because a person asks for it. `restore files` for the files of a host, `restore etcd`
//! for the state of a cluster.

pub(crate) mod etcd;
mod files;
pub(crate) mod host;
mod moment;
mod place;

use crate::failure::Failure;
use crate::printer::Printer;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Put the files of a captured host back, onto a host or below a directory, shown first
    Files(files::Args),
    /// Bring a cluster back at any moment, onto hosts or as a data directory, and say what would be lost
    Etcd(etcd::Args),
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    match args.command {
        Command::Files(args) => files::run(args, printer).await,
        Command::Etcd(args) => etcd::run(args, printer).await,
    }
}
