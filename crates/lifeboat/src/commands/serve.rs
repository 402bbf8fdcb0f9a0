//! `lifeboat serve`: one site's Lifeboat, until it is told to stop.

use crate::estate::Which;
use crate::failure::Failure;
use crate::log::{Log, written};
use crate::printer::Printer;
use daemon::{DIRECTORY, Daemon, Say};
use estate::Kind;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    /// Where this site keeps its voter's promises, and copies on their way
    #[arg(long, value_name = "DIRECTORY", default_value = DIRECTORY)]
    directory: PathBuf,
    /// How the log on stderr is written: lines for people, or a JSON object a line
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    log: Log,
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let world = args.which.open()?;
    let printer = *printer;
    let say = Say::new(move |line| printer.styled(&written(args.log, ambient::now(), line)));
    let daemon = Daemon::open(world, args.directory, say).await?;
    let no_signals = |reason: std::io::Error| {
        Failure::new("LB0004", Kind::Unreachable, "Lifeboat could not start working").because(&reason)
    };
    let mut term = signal(SignalKind::terminate()).map_err(no_signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let stop = async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(daemon.run(stop).await?)
}
