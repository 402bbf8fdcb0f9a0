//! `cargo xtask bench`: our figures beside those of peers, measured in one run on this machine. Start at [`run`].
//!
//! The works themselves are a program that is built with optimisations: `crates/etcd/examples/bench`.

use crate::install::install;
use crate::printer::heading;
use crate::runner::{command, run as run_command};
use crate::tally::Tally;
use anyhow::Result;
use clap::Subcommand;
use std::path::PathBuf;
use std::process::ExitCode;

/// The arguments of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Capture, rebuild and keep a history of etcd, beside etcd's own tools and deltas in JSON
    Etcd(Etcd),
}

#[derive(clap::Args)]
struct Etcd {
    /// Only the works whose names begin so: first, rebuild, replay, risk, cost, bytes
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// How often each is repeated, ours and the peer's in turn
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Size of the large database, as in 1GiB or 200MiB
    #[arg(long, default_value = "1GiB")]
    size: String,
    /// How long each load lasts
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Directory on the disk to measure; some 6 times the size has to be free there
    #[arg(long, value_name = "DIRECTORY", default_value_os_t = std::env::temp_dir())]
    work: PathBuf,
}

/// Builds the works and runs them.
pub(crate) fn run(Args { what: What::Etcd(it) }: Args) -> Result<ExitCode> {
    heading("install what is missing");
    install()?;
    heading("build the bench");
    run_command(command(&format!("cargo build {BENCH}")), &mut Tally::default())?;
    let mut bench = command(&format!("cargo run --quiet {BENCH} --"));
    bench
        .arg("--tools")
        .arg(lab::tools::etcd(lab::EtcdLine::V3_6))
        .arg("--work")
        .arg(&it.work);
    bench.args([
        "--runs",
        &it.runs.to_string(),
        "--size",
        &it.size,
        "--seconds",
        &it.seconds.to_string(),
    ]);
    if !it.only.is_empty() {
        bench.args(["--only", &it.only.join(",")]);
    }
    run_command(bench, &mut Tally::default())?;
    Ok(ExitCode::SUCCESS)
}

const BENCH: &str = "--release --locked --package etcd --example bench";
