//! The commands, a file each: its arguments with their help, and the function that carries it out.

mod clock;
mod completions;
mod explain;
#[cfg(feature = "lab")]
mod lab;
mod version;

use crate::failure::Failure;
use crate::printer::Printer;
#[cfg(feature = "lab")]
use estate::Kind;
use std::process::ExitCode;

/// What Lifeboat can be asked to do.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Build, break and remove two real sites on this machine
    #[cfg(feature = "lab")]
    Lab(lab::Args),
    /// Print what this host's Lifeboat takes for the time, to compare hosts with each other
    Clock,
    /// Print the manual's page for an error code
    Explain(explain::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Print the version and the features that were built in
    Version,
}

/// Carries out `command`.
pub(crate) fn run(command: Command, printer: &Printer) -> Result<ExitCode, Failure> {
    match command {
        #[cfg(feature = "lab")]
        // The only command with an exit code of its own: `lab exec` hands on that of what it ran.
        Command::Lab(args) => return block_on(lab::run(args, printer)),
        Command::Clock => clock::run(printer)?,
        Command::Explain(args) => explain::run(args, printer)?,
        Command::Completions(args) => completions::run(args, printer)?,
        Command::Version => version::run(printer)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Carries out a command that does several things at once.
#[cfg(feature = "lab")]
fn block_on<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(|reason| {
        Failure::new("LB0004", Kind::Unreachable, "Lifeboat could not start working").because(&reason)
    })?;
    runtime.block_on(command)
}
