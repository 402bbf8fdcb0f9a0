//! `lifeboat etcd`: an etcd as a history. Works on plain files and a live etcd, without an estate or a repository; or, with
//! `--cluster`, on the history that the estate's repository has of a cluster.

mod capture;
mod diff;
mod exchange;
mod failures;
mod follow;
mod get;
mod inside;
mod keys;
mod leased;
mod lock;
mod log;
mod merge;
mod moment;
mod opened;
mod promote;
mod rebuild;
mod show;
mod source;
mod tidings;
mod verify;

pub(in crate::commands) use opened::{Broken, broken};

use crate::failure::Failure;
use crate::printer::Printer;
use estate::Kind;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Keep every change of a live etcd in a history, from now on
    Capture(capture::Args),
    /// Show what can be rebuilt from a history
    Show(show::Args),
    /// Count what is in an etcd at any moment, by resource and namespace, or list its keys
    Keys(keys::Args),
    /// Show an object as it was at any moment
    Get(get::Args),
    /// Show what changed between two moments, object by object
    Diff(diff::Args),
    /// Show what happened to an object, as far as it is known
    Log(log::Args),
    /// Check a history, a snapshot or a database, also against the members of a live etcd
    Verify(verify::Args),
    /// Make a data directory of any moment
    Rebuild(rebuild::Args),
    /// Keep the newest state of a history ready on this host, so that it becomes a data directory at once
    Follow(follow::Args),
    /// Make a data directory of what follow keeps ready
    Promote(promote::Args),
    /// Make a snapshot of any moment, for etcdutl, k3s and RKE2
    Export(exchange::ExportArgs),
    /// Begin a history with a snapshot, or with the data directory of a stopped member
    Import(exchange::ImportArgs),
    /// Make a history smaller: few large segments of many small ones, a new base of an old one
    Merge(merge::Args),
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<ExitCode, Failure> {
    let own = *printer;
    match args.command {
        Command::Capture(args) => capture::run(args, printer).await?,
        Command::Show(args) => apart(move || show::run(&args, &own)).await?,
        Command::Keys(args) => apart(move || keys::run(&args, &own)).await?,
        Command::Get(args) => apart(move || get::run(&args, &own)).await?,
        Command::Diff(args) => apart(move || diff::run(&args, &own)).await?,
        Command::Log(args) => apart(move || log::run(&args, &own)).await?,
        Command::Verify(args) => return verify::run(args, printer).await,
        Command::Rebuild(args) => apart(move || rebuild::run(args, &own)).await?,
        Command::Follow(args) => follow::run(args, printer).await?,
        Command::Promote(args) => apart(move || promote::run(args, &own)).await?,
        Command::Export(args) => apart(move || exchange::export(&args, &own)).await?,
        Command::Import(args) => apart(move || exchange::import(&args, &own)).await?,
        Command::Merge(args) => apart(move || merge::run(&args, &own)).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// On a thread of its own, since it takes as long as disks and stores do.
async fn apart<R: Send + 'static>(work: impl FnOnce() -> Result<R, Failure> + Send + 'static) -> Result<R, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|reason| Failure::new("LB0099", Kind::Bug, "the work broke off").because(&reason))?
}
