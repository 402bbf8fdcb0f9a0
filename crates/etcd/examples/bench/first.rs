//! The first copy of a live etcd: ours by stream, and by pin and read, beside `etcdctl snapshot save`. Start at [`run`].

use crate::flags::Flags;
use crate::load::fill;
use crate::server::Server;
use anyhow::Result;
use measure::{Cost, Goal, Row, itself, say, settle};
use std::path::Path;
use tokio::process::Command;

const MB: f64 = 1e6;

/// Figures of one way, one for each run.
#[derive(Default)]
struct Way {
    wall_s: Vec<f64>,
    etcd_cpu_s: Vec<f64>,
    cpu_s: Vec<f64>,
    peak_mib: Vec<f64>,
    stored_mb: Vec<f64>,
}

/// The rows of this work.
pub(crate) async fn run(flags: &Flags) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(&flags.work)?;
    let server = large(flags).await?;
    let [mut stream, mut pin, mut peer] = [(); 3].map(|()| Way::default());
    // The first time, files come from the disk, whoever reads them.
    let mut warm = Way::default();
    save(flags, &server, folder.path(), &mut warm).await?;
    for run in 1..=flags.runs {
        save(flags, &server, folder.path(), &mut peer).await?;
        ours(&server, folder.path(), false, &mut stream).await?;
        ours(&server, folder.path(), true, &mut pin).await?;
        let last = |way: &Way| way.wall_s.last().copied().unwrap_or_default();
        say(&format!(
            "run {run}: etcdctl {:.2} s, stream {:.2} s, pin {:.2} s",
            last(&peer),
            last(&stream),
            last(&pin)
        ));
    }
    server.stop().await?;
    let row = |work: &str, unit, ours: &Vec<f64>, theirs: &Vec<f64>, goal| Row {
        work: work.to_owned(),
        unit,
        ours: ours.clone(),
        peer: Some(("etcdctl snapshot save".to_owned(), theirs.clone())),
        goal,
    };
    Ok(vec![
        row("first copy, by stream", "s", &stream.wall_s, &peer.wall_s, Goal::Ratio(1.0)),
        row("first copy, by pin and read", "s", &pin.wall_s, &peer.wall_s, Goal::Ratio(0.5)),
        row("etcd's CPU, by stream", "s", &stream.etcd_cpu_s, &peer.etcd_cpu_s, Goal::None),
        row("etcd's CPU, by pin and read", "s", &pin.etcd_cpu_s, &peer.etcd_cpu_s, Goal::Ratio(0.1)),
        row("own CPU, by stream", "s", &stream.cpu_s, &peer.cpu_s, Goal::None),
        row("own CPU, by pin and read", "s", &pin.cpu_s, &peer.cpu_s, Goal::None),
        row("own peak memory, by stream", "MiB", &stream.peak_mib, &peer.peak_mib, Goal::None),
        row("own peak memory, by pin and read", "MiB", &pin.peak_mib, &peer.peak_mib, Goal::None),
        row("stored", "MB", &stream.stored_mb, &peer.stored_mb, Goal::None),
    ])
}

/// An etcd that serves a database of the size that was asked for, which etcds wrote: the first time that it is asked for, it is
/// filled.
pub(crate) async fn large(flags: &Flags) -> Result<Server> {
    let data = flags.work.join("large");
    if !data.exists() {
        let began = ambient::monotonic();
        let server = Server::start(&flags.tools, &data, &["--unsafe-no-fsync"]).await?;
        fill(&server.client, flags.bytes).await?;
        server.stop().await?;
        say(&format!("filled in {:.0} s", began.elapsed().as_secs_f64()));
    }
    let server = Server::start(&flags.tools, &data, &[]).await?;
    let bytes = std::fs::metadata(server.database())?.len();
    say(&format!("{:.0} MB in etcd's file", bytes as f64 / MB));
    Ok(server)
}

/// The peer's way.
async fn save(flags: &Flags, server: &Server, folder: &Path, way: &mut Way) -> Result<()> {
    let path = folder.join("snapshot");
    let mut command = Command::new(flags.tools.join("etcdctl"));
    command
        .args(["--endpoints", &server.connection.endpoint, "snapshot", "save"])
        .arg(&path);
    measured(server, &mut command, way).await?;
    way.stored_mb.push(std::fs::metadata(&path)?.len() as f64 / MB);
    std::fs::remove_file(&path)?;
    Ok(())
}

/// Ours.
async fn ours(server: &Server, folder: &Path, pin: bool, way: &mut Way) -> Result<()> {
    let (shelf, spool) = (folder.join("history"), folder.join("spool"));
    std::fs::create_dir_all(&spool)?;
    let mut command = itself()?;
    command.args(["first", &server.connection.endpoint]).arg(&shelf).arg(&spool);
    if pin {
        command.arg(server.database());
    }
    let said = measured(server, &mut command, way).await?;
    anyhow::ensure!(
        said.contains(if pin { "from the database file" } else { "by stream" }),
        "another way:\n{said}"
    );
    let files = std::fs::read_dir(&shelf)?.filter_map(|entry| entry.ok()?.metadata().ok());
    way.stored_mb.push(files.map(|file| file.len()).sum::<u64>() as f64 / MB);
    std::fs::remove_dir_all(&shelf)?;
    std::fs::remove_dir_all(&spool)?;
    Ok(())
}

async fn measured(server: &Server, command: &mut Command, way: &mut Way) -> Result<String> {
    settle().await?;
    let before = server.usage().cpu_s;
    let (said, Cost { wall_s, cpu_s, peak_mib }) = measure::run(command).await?;
    way.etcd_cpu_s.push(server.usage().cpu_s - before);
    way.wall_s.push(wall_s);
    way.cpu_s.push(cpu_s);
    way.peak_mib.push(peak_mib);
    Ok(said)
}
