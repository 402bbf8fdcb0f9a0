//! `lifeboat lab`: two real sites on this machine, a file a subcommand.

mod r#break;
mod churn;
mod down;
mod exec;
mod heal;
mod host;
mod inside;
mod install;
mod load;
mod save;
mod serve;
mod status;
mod up;

use crate::failure::Failure;
use crate::printer::Printer;
use crate::progress::Progress;
use estate::Name;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: LabCommand,
}

#[derive(clap::Subcommand)]
enum LabCommand {
    /// Install the tools that a lab runs: Debian packages, Go modules, a Python wheel, all pinned
    Install(install::Args),
    /// Build a lab, start it, fill it, and return when all of it is ready
    Up(up::Args),
    /// Show hosts, processes, clusters, agents, names and faults
    Status(status::Args),
    /// Run a command on a host
    Exec(exec::Args),
    /// Break a site or a host; the fault is in force on return
    Break(r#break::Args),
    /// Undo a fault, or all of them
    Heal(heal::Args),
    /// Make an empty machine at a site, or destroy one that was made so: what a cloud does for OpenTofu
    Host(host::Args),
    /// Keep changing objects in a cluster, as a busy one does
    Churn(churn::Args),
    /// Keep a running lab's state
    Save(save::Args),
    /// Bring a saved lab back
    Load(load::Args),
    /// Let Lifeboat protect the lab: `lifeboat serve` on the host of each site that decides
    Serve(serve::Args),
    /// Take a lab away: processes, namespaces, links, mounts, files
    Down(down::Args),
    #[command(hide = true)]
    StaticPods(inside::StaticPods),
    #[command(hide = true)]
    Relay(inside::Relay),
}

/// Which lab is meant.
#[derive(clap::Args)]
pub(super) struct Which {
    /// The lab's name
    #[arg(long, default_value = "lab")]
    name: Name,
}

impl Which {
    fn open(&self) -> Result<lab::Lab, Failure> {
        Ok(lab::Lab::open(&self.name)?)
    }
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<ExitCode, Failure> {
    match args.command {
        LabCommand::Exec(args) => return exec::run(&args),
        LabCommand::Install(args) => install::run(&args, printer).await?,
        LabCommand::Up(args) => up::run(args, printer).await?,
        LabCommand::Status(args) => status::run(args, printer).await?,
        LabCommand::Break(args) => r#break::run(args, printer).await?,
        LabCommand::Heal(args) => heal::run(args, printer).await?,
        LabCommand::Host(args) => host::run(args, printer).await?,
        LabCommand::Churn(args) => churn::run(args, printer).await?,
        LabCommand::Save(args) => save::run(args, printer).await?,
        LabCommand::Load(args) => load::run(args, printer).await?,
        LabCommand::Serve(args) => serve::run(args, printer).await?,
        LabCommand::Down(args) => down::run(args, printer).await?,
        LabCommand::StaticPods(args) => inside::static_pods(args, printer).await?,
        LabCommand::Relay(args) => inside::relay(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Does long work with a line that says how far it is.
async fn saying<T>(
    printer: &Printer,
    work: impl AsyncFnOnce(lab::tools::Say<'_>) -> lab::Result<T>,
) -> Result<T, Failure> {
    let progress = Progress::new(*printer);
    let outcome = work(&|text: &str| progress.step(text)).await;
    progress.clear();
    Ok(outcome?)
}
