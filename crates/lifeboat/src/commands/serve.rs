//! `lifeboat serve`: one host's Lifeboat, until it is told to stop.

use crate::estate::Which;
use crate::failure::Failure;
use crate::log::{Log, written};
use crate::metrics::snapshot;
use crate::printer::Printer;
use daemon::{CONTROL, DIRECTORY, Options, Report, Say, Watch};
use estate::{Kind, Name};
use recovery::World;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    /// Where it keeps what must survive it: a voter's promises, followed states, and copies on their way
    #[arg(long, value_name = "DIRECTORY", default_value = DIRECTORY)]
    directory: PathBuf,
    /// Protect this cluster, whoever else is meant to; may be repeated. Without it, those that the estate gives to this host
    #[arg(long = "cluster", value_name = "NAME")]
    clusters: Vec<Name>,
    /// Where it can be asked on this host
    #[arg(long, value_name = "SOCKET", default_value = CONTROL)]
    control: PathBuf,
    /// How the log on stderr is written: lines for people, or a JSON object a line
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    log: Log,
    /// Answer /healthz, /readyz and /metrics here, as in 127.0.0.1:7446
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let world = args.which.open()?;
    let printer = *printer;
    let say = Say::new(move |line| printer.styled(&written(args.log, ambient::now(), line)));
    for cluster in &args.clusters {
        world.cluster(cluster)?;
    }
    let watch = match args.metrics {
        Some(address) => Some(watched(&world, dashboard::bind(address).await?)),
        None => None,
    };
    let options = Options {
        watch,
        directory: args.directory,
        control: args.control,
        clusters: args.clusters,
    };
    let no_signals = |reason: std::io::Error| {
        Failure::new("LB0004", Kind::Unreachable, "Lifeboat could not start working").because(&reason)
    };
    let mut term = signal(SignalKind::terminate()).map_err(no_signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let stop = async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(daemon::serve(world, options, say, stop).await?)
}

/// Answers over HTTP as soon as there is somebody to ask.
fn watched(world: &World, listener: TcpListener) -> Watch {
    let estate = world.estate.clone();
    let here = world.here.clone().unwrap_or_else(|| estate.name.clone());
    let listener = std::sync::Mutex::new(Some(listener));
    Arc::new(move |report: Report| {
        let taken = listener.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let Some(listener) = taken else { return };
        let (estate, here) = (estate.clone(), here.clone());
        let look = move || snapshot(&estate, &here, report(), ambient::now());
        tokio::spawn(dashboard::serve(listener, look, std::future::pending()));
    })
}
