//! `lifeboat etcd`: an etcd as a history. Works on plain files and a live etcd, without an estate or a repository; or, with
//! `--cluster`, on the history that the estate's repository has of a cluster.

mod capture;
mod damage;
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
mod moving;
mod opened;
mod promote;
mod rebuild;
mod restore_objects;
mod rotation;
mod show;
mod source;
mod tidings;
mod transplant;
mod verify;

pub(in crate::commands) use moment::{At, size, span};
pub(in crate::commands) use opened::{Broken, Elsewhere, Found, IN_FLIGHT, Which, broken};
pub(in crate::commands) use rebuild::{How, Made, directories, make_of, member};

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
    #[command(
        override_usage = "lifeboat etcd capture [OPTIONS] --into DIRECTORY\n       lifeboat etcd capture [OPTIONS] --cluster NAME"
    )]
    Capture(capture::Args),
    /// Show what can be rebuilt from a history
    #[command(
        override_usage = "lifeboat etcd show [OPTIONS] HISTORY\n       lifeboat etcd show [OPTIONS] --cluster NAME"
    )]
    Show(show::Args),
    /// Count what is in an etcd at any moment, by resource and namespace, or list its keys
    Keys(keys::Args),
    /// Show an object as it was at any moment
    Get(get::Args),
    /// Show what changed between two moments, object by object
    Diff(diff::Args),
    /// Show what happened to an object, as far as it is known
    Log(log::Args),
    /// Bring objects of any moment back to a cluster, shown first
    RestoreObjects(restore_objects::Args),
    /// Check a history, a snapshot or a database, also against the members of a live etcd
    #[command(
        override_usage = "lifeboat etcd verify [OPTIONS] FROM\n       lifeboat etcd verify [OPTIONS] --cluster NAME"
    )]
    Verify(verify::Args),
    /// Show what would be otherwise in a cluster that moves to other hosts
    Transplant(transplant::Args),
    /// Make a data directory of any moment
    Rebuild(rebuild::Args),
    /// Keep the newest state of a history ready on this host, so that it becomes a data directory at once
    Follow(follow::Args),
    /// Make a data directory of what follow keeps ready
    Promote(promote::Args),
    /// Make a snapshot of any moment, for etcdutl, k3s and RKE2
    Export(exchange::ExportArgs),
    /// Begin a history with a snapshot, or with the data directory of a stopped member
    #[command(
        override_usage = "lifeboat etcd import [OPTIONS] FROM --into DIRECTORY\n       lifeboat etcd import [OPTIONS] FROM --cluster NAME"
    )]
    Import(exchange::ImportArgs),
    /// Make a history smaller: few large segments of many small ones, a new base of an old one
    #[command(
        override_usage = "lifeboat etcd merge [OPTIONS] HISTORY --window TIME\n       lifeboat etcd merge [OPTIONS] --cluster NAME"
    )]
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
        Command::RestoreObjects(args) => restore_objects::run(args, printer).await?,
        Command::Transplant(args) => apart(move || transplant::run(&args, &own)).await?,
        Command::Verify(args) => return verify::run(args, printer).await,
        Command::Rebuild(args) => apart(move || rebuild::run(args, &own)).await?,
        Command::Follow(args) => follow::run(args, printer).await?,
        Command::Promote(args) => match args.followed.clone() {
            Some(cluster) => promote::of_this_host(args, cluster, printer).await?,
            None => apart(move || promote::run(args, &own)).await?,
        },
        Command::Export(args) => apart(move || exchange::export(&args, &own)).await?,
        Command::Import(args) => apart(move || exchange::import(&args, &own)).await?,
        Command::Merge(args) => apart(move || merge::run(&args, &own)).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// On a thread of its own, since it takes as long as disks and stores do.
pub(in crate::commands) async fn apart<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, Failure> + Send + 'static,
) -> Result<R, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|reason| Failure::new("LB0099", Kind::Bug, "the work broke off").because(&reason))?
}
