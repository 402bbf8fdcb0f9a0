//! `cargo xtask`: the project's own chores. Start at [`test`], which is also what the build server runs.

mod demo;
mod install;
mod printer;
mod runner;
mod tally;
mod test;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The chores of the Lifeboat project
#[derive(Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install what is missing, check the style, and run every test
    Test(test::Args),
    /// Build the lab, show it, break its main site, heal it, and take it down
    Demo,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().chore {
        Chore::Test(args) => test::run(args),
        Chore::Demo => demo::run(),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            printer::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
