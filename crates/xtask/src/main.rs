//! `cargo xtask`: the project's own chores. Start at [`test`], which is also what the build server runs.

mod bench;
mod demo;
mod install;
mod printer;
mod runner;
mod schema;
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
    /// Protect two real sites in the lab, cut the power of one, and see the other take over
    Demo,
    /// Measure what we do beside what others do, on this machine
    Bench(bench::Args),
    /// Play the whole road in the lab, with the tests that take too long for every change
    Soak,
    /// Ask Kubernetes' own types, in Go, for what is known of them here
    Schema,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().chore {
        Chore::Test(args) => test::run(args),
        Chore::Demo => demo::run(),
        Chore::Bench(args) => bench::run(args),
        Chore::Soak => test::soak(),
        Chore::Schema => schema::run(),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            printer::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
