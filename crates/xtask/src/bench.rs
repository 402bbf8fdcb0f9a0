//! `cargo xtask bench`: our figures beside those of peers, measured in one run on this machine. Start at [`run`].
//!
//! The works themselves are programs that are built with optimisations: `crates/etcd/examples/bench`,
//! `crates/repository/examples/bench` and `crates/lifeboat/examples/bench`.

use crate::install::install;
use crate::printer::heading;
use crate::runner::{command, run as run_command};
use crate::tally::Tally;
use anyhow::Result;
use clap::Subcommand;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

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
    /// Seal, store and read back, beside zstd -3 and restic
    Repository(Repository),
    /// Protect many clusters with one lifeboat serve, beside what their etcds take
    Daemon(Daemon),
}

#[derive(clap::Args)]
struct Etcd {
    /// Only the works whose names begin so: first, rebuild, replay, lookup, follow, risk, cost, bytes
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

#[derive(clap::Args)]
struct Repository {
    /// Only the works whose names begin so: seal, read, files, memory
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// How often each but memory is repeated, ours and the peer's in turn
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Size of the object, and of all files together, as in 1GiB or 200MiB
    #[arg(long, default_value = "1GiB")]
    size: String,
    /// Size of the very large file
    #[arg(long, default_value = "10GB")]
    large: String,
    /// Directory on the disk to measure; some 3 times the larger size has to be free there
    #[arg(long, value_name = "DIRECTORY", default_value_os_t = std::env::temp_dir())]
    work: PathBuf,
}

#[derive(clap::Args)]
struct Daemon {
    /// How many clusters are protected, one number a turn; the largest comes first, with a busy one among them
    #[arg(long, value_name = "NUMBER", value_delimiter = ',', default_values_t = [20, 10, 5, 1],
          value_parser = clap::value_parser!(u32).range(1..))]
    clusters: Vec<u32>,
    /// Size of each cluster's database, as in 50MB
    #[arg(long, default_value = "50MB")]
    size: String,
    /// How long the first turn is measured; the others half as long
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Writes a second to each cluster
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u64).range(1..))]
    rate: u64,
    /// Writes a second to the busy one
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
    busy: u64,
    /// Directory on the disk to measure; some 6 times the size of all databases has to be free there
    #[arg(long, value_name = "DIRECTORY", default_value_os_t = std::env::temp_dir())]
    work: PathBuf,
}

/// Builds the works and runs them.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    heading("install what is missing");
    install()?;
    heading("build the bench");
    match args.what {
        What::Etcd(it) => {
            let mut bench = bench("etcd", &it.size)?;
            repeated(&mut bench, &it.only, it.runs);
            bench.arg("--tools").arg(lab::tools::etcd(lab::EtcdLine::V3_6));
            bench.args(["--seconds", &it.seconds.to_string()]).arg("--work").arg(&it.work);
            run_command(bench, &mut Tally::default())?;
        }
        What::Repository(it) => {
            let mut bench = bench("repository", &it.size)?;
            repeated(&mut bench, &it.only, it.runs);
            bench.args(["--large", &it.large]).arg("--work").arg(&it.work);
            run_command(bench, &mut Tally::default())?;
        }
        What::Daemon(it) => {
            // It measures the program itself, which has to be as quick.
            let lifeboat = "cargo build --release --locked --package lifeboat --bin lifeboat --example bench-lifeboat";
            run_command(command(lifeboat), &mut Tally::default())?;
            let mut bench = bench("lifeboat", &it.size)?;
            let clusters: Vec<String> = it.clusters.iter().map(u32::to_string).collect();
            bench.args(["--clusters", &clusters.join(",")]);
            for (name, number) in [("--seconds", it.seconds), ("--rate", it.rate), ("--busy", it.busy)] {
                bench.args([name, &number.to_string()]);
            }
            bench
                .arg("--tools")
                .arg(lab::tools::etcd(lab::EtcdLine::V3_6))
                .arg("--work")
                .arg(&it.work);
            run_command(bench, &mut Tally::default())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the works of a crate: the command that does them, with what all have in common.
fn bench(package: &str, size: &str) -> Result<Command> {
    let which = format!("--release --locked --package {package} --example bench-{package}");
    run_command(command(&format!("cargo build {which}")), &mut Tally::default())?;
    let mut bench = command(&format!("cargo run --quiet {which} --"));
    bench.args(["--size", size]);
    Ok(bench)
}

/// Says which works are done, and how often.
fn repeated(bench: &mut Command, only: &[String], runs: u32) {
    bench.args(["--runs", &runs.to_string()]);
    if !only.is_empty() {
        bench.args(["--only", &only.join(",")]);
    }
}
