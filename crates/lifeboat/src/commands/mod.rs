//! The commands, a file each: its arguments with their help, and the function that carries it out.

mod carrying;
mod check;
mod clock;
mod completions;
mod etcd;
mod explain;
mod failover;
mod gate;
mod init;
mod known;
#[cfg(feature = "lab")]
mod lab;
mod plan;
mod playbook;
mod points;
mod protect;
mod readiness;
mod repository;
mod restore;
mod run;
mod runbook;
mod schema;
mod serve;
mod serves;
mod status;
mod verify;
mod version;

use crate::failure::Failure;
use crate::printer::Printer;
use estate::Kind;
use std::process::ExitCode;

/// What Lifeboat can be asked to do.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Build, break and remove two real sites on this machine
    #[cfg(feature = "lab")]
    Lab(lab::Args),
    /// Run this host's Lifeboat: capture and prove clusters, make points, keep the right to serve, fail over
    Serve(serve::Args),
    /// Wait until this site may start what serves; put it before kubelet and the manager
    Gate(gate::Args),
    /// Show of each cluster what would be lost now, and who serves the one that has a standby
    Status(status::Args),
    /// List the points of each cluster and the snapshots that others made; fetch a point, hold it, release it
    Points(points::Args),
    /// Rebuild a point, open it, test all of it, and start an etcd on it, in a directory of its own
    Verify(verify::Args),
    /// Make a point of a cluster now, before something risky
    Protect(protect::Args),
    /// Show how far each component of a recovery has come, and what is missing for the next level
    Readiness(readiness::Args),
    /// Write a first lifeboat.yaml from what is found on this host and in kubeconfigs
    Init(init::Args),
    /// Try everything that can be tried without changing what serves
    Check(check::Args),
    /// Make, check, mend, thin out and copy what a recovery depends on
    Repository(repository::Args),
    /// Show what a playbook would do now, step by step, also by hand; how two plans differ
    Plan(plan::Args),
    /// List, print, copy out and check playbooks
    Playbook(playbook::Args),
    /// Write a playbook as a document for people, with this estate's names and commands
    Runbook(runbook::Args),
    /// Fail over to the standby, or go on with a failover that stopped
    Failover(failover::Args),
    /// Restore the files of a host, or a cluster's etcd, by hand
    Restore(restore::Args),
    /// Keep an etcd as a history, prove it, and rebuild any moment of it
    Etcd(etcd::Args),
    /// List the runs
    Runs(run::ListArgs),
    /// Carry out a playbook; show a run, go on with it, undo it, end it, report it
    Run(run::Args),
    /// Print what this host's Lifeboat takes for the time, to compare hosts with each other
    Clock,
    /// Print the manual's page for an error code
    Explain(explain::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Print the JSON Schema of lifeboat.yaml, for editors
    Schema,
    /// Print the version and the features that were built in
    Version,
}

/// Carries out `command`.
pub(crate) fn run(command: Command, printer: &Printer) -> Result<ExitCode, Failure> {
    match command {
        #[cfg(feature = "lab")]
        // The only command with an exit code of its own: `lab exec` hands on that of what it ran.
        Command::Lab(args) => return block_on(lab::run(args, printer)),
        Command::Serve(args) => block_on(serve::run(args, printer))?,
        Command::Gate(args) => block_on(gate::run(args, printer))?,
        Command::Status(args) => only_look(status::run(args, printer))?,
        Command::Points(args) => block_on(points::run(args, printer))?,
        Command::Verify(args) => block_on(verify::run(args, printer))?,
        Command::Protect(args) => block_on(protect::run(args, printer))?,
        Command::Readiness(args) => only_look(readiness::run(args, printer))?,
        Command::Init(args) => init::run(args, printer)?,
        Command::Check(args) => only_look(check::run(args, printer))?,
        Command::Repository(args) => block_on(repository::run(args, printer))?,
        Command::Plan(args) => block_on(plan::run(args, printer))?,
        Command::Playbook(args) => playbook::run(args, printer)?,
        Command::Runbook(args) => block_on(runbook::run(args, printer))?,
        Command::Failover(args) => block_on(failover::run(args, printer))?,
        Command::Restore(args) => block_on(restore::run(args, printer))?,
        Command::Etcd(args) => return block_on(etcd::run(args, printer)),
        Command::Runs(args) => block_on(run::list(args, printer))?,
        Command::Run(args) => block_on(run::run(args, printer))?,
        Command::Clock => clock::run(printer)?,
        Command::Explain(args) => explain::run(args, printer)?,
        Command::Completions(args) => completions::run(args, printer)?,
        Command::Schema => schema::run(printer)?,
        Command::Version => version::run(printer)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A time as people say it: `90 s`, `12 min 5 s`, `30 h 20 min`, `9 d 4 h`. Programs get the number.
fn span(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match seconds {
        ..180 => format!("{seconds} s"),
        180..7200 => format!("{minutes} min {} s", seconds % 60),
        7200..172_800 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

/// Carries out a command that does several things at once.
fn block_on<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    runtime()?.block_on(command)
}

/// Carries out a command that changes nothing: whatever still waits for an answer when it has said what it knows is left behind.
fn only_look<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = runtime()?;
    let done = runtime.block_on(command);
    runtime.shutdown_background();
    done
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Runtime::new().map_err(|reason| {
        Failure::new("LB0004", Kind::Unreachable, "Lifeboat could not start working").because(&reason)
    })
}

#[cfg(test)]
mod tests;
