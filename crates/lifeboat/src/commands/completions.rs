//! `lifeboat completions SHELL`.

use crate::cli::Cli;
use crate::failure::Failure;
use crate::printer::Printer;
use clap::CommandFactory;
use clap_complete::Shell;

/// The arguments of `lifeboat completions`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The shell that will read the script
    shell: Shell,
}

pub(crate) fn run(Args { shell }: Args, printer: &Printer) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "lifeboat", &mut script);
    printer.text(&String::from_utf8_lossy(&script))
}
