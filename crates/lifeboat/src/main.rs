//! The binary `lifeboat`: reads the arguments, runs one command, says once what went wrong.
//!
//! Start at [`commands`], a file a command; the flags that all share are in [`cli`].

mod bug;
mod cli;
mod commands;
mod estate;
mod failure;
mod guiding;
mod log;
mod metrics;
mod pages;
mod printer;
mod progress;
mod runner;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use printer::Printer;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Before all else: whatever opens a TLS connection later finds exactly one provider. It fails only when there is one.
    _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    allow_more_files();
    let cli = match cli::parse(std::env::args_os().collect()) {
        Ok(cli) => cli,
        Err(said) => return said,
    };
    let printer = Printer::new(cli.output);
    bug::catch(printer, || commands::run(cli.command, &printer)).unwrap_or_else(|failure| printer.failure(&failure))
}

/// Raises how many files may be open, as far as that needs nobody's leave: what a process has without asking (often 1,024) is for those
/// that use select(2). Not beyond what is ever needed: programs started from here inherit it, and some go through all of them.
fn allow_more_files() {
    const ENOUGH: u64 = 65_536;
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard.min(ENOUGH)
    {
        // Without it, a few things are slower or refused later, and say so.
        _ = setrlimit(Resource::RLIMIT_NOFILE, hard.min(ENOUGH), hard);
    }
}
