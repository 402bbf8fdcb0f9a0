//! From a copy to a data directory: ours beside `etcdutl snapshot restore`, and beside a replay through an etcd. Start at [`run`]
//! and [`replay`].

use crate::first;
use crate::flags::Flags;
use crate::large;
use crate::server::Server;
use anyhow::{Context, Result, ensure};
use etcd::database::Database;
use etcd::history::{Began, Directory, History, Shelf, Taken, take_base};
use etcd::{Change, Record};
use measure::{Cost, Costs, Goal, Row, itself, say, settle};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::process::Command;

const MEMORY_GOAL_MIB: f64 = 256.0;
/// What etcd-backup-restore published a figure for: 22.2 s.
const REPLAY_BYTES: u64 = 344_000_000;
const REPLAY_REVISIONS: u64 = 131_811;
const REPLAY_GOAL_S: f64 = 2.0;

/// The rows of a rebuild of one large database.
pub(crate) async fn run(flags: &Flags) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(&flags.work)?;
    let server = first::large(flags).await?;
    let snapshot = folder.path().join("snapshot");
    save(flags, &server, &snapshot).await?;
    server.stop().await?;
    let shelf = folder.path().join("history");
    base(&snapshot, &shelf, folder.path())?;
    let [mut history, mut file, mut peer] = [(); 3].map(|()| Costs::default());
    for run in 0..=flags.runs {
        let into = folder.path().join("made");
        let costs = [
            restore(flags, &snapshot, &into, true).await?,
            ours("rebuild", &shelf, &into).await?,
            ours("restore", &snapshot, &into).await?,
        ];
        let [theirs, of_history, of_file] = costs;
        // Before the first, files come from the disk, whoever reads them.
        if run > 0 {
            peer.push(theirs);
            history.push(of_history);
            file.push(of_file);
        }
        let [a, b, c] = costs.map(|cost| cost.wall_s);
        say(&format!(
            "run {run}: etcdutl {a:.2} s, from a history {b:.2} s, from the snapshot {c:.2} s"
        ));
    }
    let row = |work: &str, unit, ours: &Vec<f64>, theirs: &Vec<f64>, goal| Row {
        work: work.to_owned(),
        unit,
        ours: ours.clone(),
        peer: Some(("etcdutl snapshot restore".to_owned(), theirs.clone())),
        goal,
    };
    Ok(vec![
        row("rebuild from a history", "s", &history.wall_s, &peer.wall_s, Goal::Ratio(0.5)),
        row("rebuild from the same snapshot", "s", &file.wall_s, &peer.wall_s, Goal::Ratio(0.5)),
        row("CPU, from a history", "s", &history.cpu_s, &peer.cpu_s, Goal::None),
        row("CPU, from the same snapshot", "s", &file.cpu_s, &peer.cpu_s, Goal::None),
        row(
            "peak memory, from a history",
            "MiB",
            &history.peak_mib,
            &peer.peak_mib,
            Goal::AtMost(MEMORY_GOAL_MIB),
        ),
        row(
            "peak memory, from the same snapshot",
            "MiB",
            &file.peak_mib,
            &peer.peak_mib,
            Goal::AtMost(MEMORY_GOAL_MIB),
        ),
    ])
}

/// The rows of a full copy and many revisions after it.
pub(crate) async fn replay(flags: &Flags) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(&flags.work)?;
    let (db, shelf) = (folder.path().join("db"), folder.path().join("history"));
    let mut seeded = large::seed(&db, REPLAY_BYTES, true)?;
    base(&db, &shelf, folder.path())?;
    let directory = Directory::open(&shelf)?;
    let tail = History::open(Arc::new(Directory::open(&shelf)?))?
        .tail()?
        .context("there is a base")?;
    let (segments, bytes) = large::segments(&mut seeded, tail, &directory, REPLAY_REVISIONS)?;
    let last = seeded.store.revision;
    say(&format!(
        "{:.0} MB with {} records, then {segments} segments of {:.1} MB in all, up to revision {last}",
        seeded.bytes as f64 / 1e6,
        seeded.records,
        bytes as f64 / 1e6
    ));
    let [mut own, mut peer] = [(); 2].map(|()| Costs::default());
    for run in 1..=flags.runs {
        let into = folder.path().join("made");
        own.push(ours("rebuild", &shelf, &into).await?);
        let wall_s = replayed(flags, &db, &into, last).await?;
        peer.push(Cost { wall_s, ..Cost::default() });
        let ours = own.wall_s.last().copied().unwrap_or_default();
        say(&format!("run {run}: ours {ours:.2} s, replayed in {wall_s:.1} s"));
    }
    let name = "restored, then replayed into an etcd without fsync";
    Ok(vec![
        Row {
            work: format!("344 MB and {REPLAY_REVISIONS} revisions into a directory, with fsync"),
            unit: "s",
            ours: own.wall_s,
            peer: Some((name.to_owned(), peer.wall_s)),
            goal: Goal::AtMost(REPLAY_GOAL_S),
        },
        Row {
            work: "its CPU".to_owned(),
            unit: "s",
            ours: own.cpu_s,
            peer: None,
            goal: Goal::None,
        },
        Row {
            work: "its peak memory".to_owned(),
            unit: "MiB",
            ours: own.peak_mib,
            peer: None,
            goal: Goal::AtMost(MEMORY_GOAL_MIB),
        },
    ])
}

async fn save(flags: &Flags, server: &Server, path: &Path) -> Result<()> {
    let mut command = Command::new(flags.tools.join("etcdctl"));
    command
        .args(["--endpoints", &server.connection.endpoint, "snapshot", "save"])
        .arg(path);
    measure::run(&mut command).await?;
    Ok(())
}

/// A history that begins with a database.
pub(crate) fn base(database: &Path, shelf: &Path, scratch: &Path) -> Result<()> {
    let database = Database::open(database)?;
    let taken = Taken {
        timeline: 1,
        taken_ms: crate::workload::START_MS,
        source: large::SOURCE,
        etcd_version: "3.6.16".to_owned(),
        began: Began::First,
        note: String::new(),
    };
    let path = scratch.join("base");
    let (written, _file) = take_base(&database, taken, scratch, std::fs::File::create(&path)?, &mut |_| Ok(()))?;
    Directory::open(shelf)?.create(&written.name, &mut std::fs::File::open(&path)?)?;
    std::fs::remove_file(&path)?;
    say(&format!("the base takes {:.1} MB", written.bytes as f64 / 1e6));
    Ok(())
}

async fn ours(work: &str, from: &Path, into: &Path) -> Result<Cost> {
    settle().await?;
    let (_, cost) = measure::run(itself()?.arg(work).arg(from).arg(into)).await?;
    std::fs::remove_dir_all(into)?;
    Ok(cost)
}

/// The peer's way; leaves nothing.
async fn restore(flags: &Flags, snapshot: &Path, into: &Path, bump: bool) -> Result<Cost> {
    settle().await?;
    let cost = etcdutl(flags, snapshot, into, bump).await?;
    std::fs::remove_dir_all(into)?;
    Ok(cost)
}

async fn etcdutl(flags: &Flags, snapshot: &Path, into: &Path, bump: bool) -> Result<Cost> {
    let mut command = Command::new(flags.tools.join("etcdutl"));
    command.args(["snapshot", "restore"]).arg(snapshot).arg("--data-dir").arg(into);
    if bump {
        command.args(["--bump-revision", "1000000000", "--mark-compacted"]);
    } else {
        // The database was never sent, and bears no hash.
        command.arg("--skip-hash-check");
    }
    Ok(measure::run(&mut command).await?.1)
}

/// As etcd-backup-restore does it, with an etcd of its own instead of one built in: the full copy is restored, etcd started on it,
/// and each revision becomes a transaction. The seconds that it takes.
async fn replayed(flags: &Flags, database: &Path, into: &PathBuf, last: u64) -> Result<f64> {
    // Not part of the work: the same writes once more.
    let mut seeded = large::seed(&into.with_extension("again"), REPLAY_BYTES, true)?;
    std::fs::remove_file(into.with_extension("again"))?;
    let mut transactions = Vec::new();
    while seeded.store.revision < last {
        let (_, write) = seeded.churn.next().context("churn never ends")?;
        let records = seeded.store.apply(&write);
        transactions.extend(transaction(&records));
    }
    settle().await?;
    let began = ambient::monotonic();
    etcdutl(flags, database, into, false).await?;
    let server = Server::start(&flags.tools, into, &["--unsafe-no-fsync", "--max-txn-ops", "10000"]).await?;
    for changes in transactions {
        server.client.txn(Vec::new(), changes).await?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let revision = server.client.status().await?.revision;
    ensure!(revision == last, "the replay came to revision {revision}, not to {last}");
    server.stop().await?;
    std::fs::remove_dir_all(into)?;
    Ok(seconds)
}

/// The changes of one revision; leases are left out, as the peer does.
fn transaction(records: &[Record]) -> Option<Vec<Change>> {
    let changes = records.iter().filter_map(|record| {
        let it = record.decode().ok()?;
        Some(match record.tombstone {
            true => Change::Delete { key: it.key, end: Default::default() },
            false => Change::Put { key: it.key, value: it.value, lease: 0 },
        })
    });
    let changes: Vec<_> = changes.collect();
    (!changes.is_empty()).then_some(changes)
}
