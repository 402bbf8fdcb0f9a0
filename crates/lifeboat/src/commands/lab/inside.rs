//! What a lab runs of Lifeboat inside itself: the runner of static pods on hosts, the relay between sites.

use crate::failure::Failure;
use crate::printer::Printer;
use std::path::PathBuf;
use std::time::Duration;

#[derive(clap::Args)]
pub(super) struct StaticPods {
    /// The directory with the manifests
    directory: PathBuf,
}

#[derive(clap::Args)]
pub(super) struct Relay {
    /// The tun device to make
    #[arg(long)]
    device: String,
    /// How long each packet is held
    #[arg(long)]
    ms: u64,
    /// Where to note this process
    #[arg(long)]
    pid_file: PathBuf,
}

pub(super) async fn static_pods(args: StaticPods, printer: &Printer) -> Result<(), Failure> {
    Ok(lab::static_pods(&args.directory, &|text| printer.talk(text)).await?)
}

pub(super) async fn relay(args: Relay) -> Result<(), Failure> {
    Ok(lab::relay(&args.device, Duration::from_millis(args.ms), &args.pid_file).await?)
}
