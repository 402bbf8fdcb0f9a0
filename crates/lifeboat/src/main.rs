//! The binary `lifeboat`: reads the arguments, runs one command, says once what went wrong.
//!
//! Start at [`commands`], a file a command; the flags that all share are in [`cli`].

mod bug;
mod cli;
mod commands;
mod estate;
mod failure;
mod pages;
mod printer;
mod progress;
mod runner;

use printer::Printer;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Before all else: whatever opens a TLS connection later finds exactly one provider. It fails only when there is one.
    _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let cli = match cli::parse(std::env::args_os().collect()) {
        Ok(cli) => cli,
        Err(said) => return said,
    };
    let printer = Printer::new(cli.output);
    bug::catch(printer, || commands::run(cli.command, &printer)).unwrap_or_else(|failure| printer.failure(&failure))
}
