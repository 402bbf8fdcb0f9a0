//! Capture of an etcd that is written to: seconds at risk with [`risk`], and what it costs the etcd with [`cost`].

use crate::flags::Flags;
use crate::large;
use crate::load::{Written, full_speed, steady};
use crate::server::Server;
use anyhow::{Context, Result, bail, ensure};
use measure::{Goal, Row, itself, percentile, say};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

/// The database that is there before.
const BYTES: u64 = 200_000_000;
const RATES: [u64; 2] = [100, 1_000];
const RISK_GOAL_S: f64 = 1.0;
/// Within 3 %.
const COST_GOAL: f64 = 1.03;
/// Loads for comparison take turns, and each needs no longer than this.
const TURN_MAX_S: u64 = 30;

/// A capturing process, which has its base.
struct Capture {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// What a capture took and saw.
struct Captured {
    /// Seconds at risk: in the middle, at the 99th percentile, at most.
    at_risk: [f64; 3],
    /// How often they were looked at.
    samples: f64,
    /// Its CPU time since it had its base, in seconds.
    cpu_s: f64,
    /// Its peak memory since it started, in MiB.
    peak_mib: f64,
}

impl Capture {
    /// Begins a capture of so many seconds.
    async fn begin(server: &Server, folder: &Path, seconds: u64) -> Result<Self> {
        let (shelf, spool) = (folder.join("history"), folder.join("spool"));
        if shelf.exists() {
            std::fs::remove_dir_all(&shelf)?;
        }
        std::fs::create_dir_all(&spool)?;
        let mut command = itself()?;
        command
            .args(["watch", &server.connection.endpoint])
            .arg(&shelf)
            .arg(&spool)
            .arg(seconds.to_string());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("its output")?).lines();
        let first = lines.next_line().await?;
        ensure!(first.as_deref() == Some("ready"), "the capture says {first:?}");
        Ok(Self { child, lines })
    }

    /// Waits for its end.
    async fn end(mut self) -> Result<Captured> {
        let mut figures = Vec::new();
        while let Some(line) = self.lines.next_line().await? {
            ensure!(!line.starts_with("error"), "the capture ended with {line}");
            figures.extend(line.split_whitespace().filter_map(|word| word.parse::<f64>().ok()));
        }
        self.child.wait().await?;
        let [cpu_s, peak_mib, middle, high, most, samples] = *figures else {
            bail!("the capture says {figures:?}")
        };
        Ok(Captured { at_risk: [middle, high, most], samples, cpu_s, peak_mib })
    }
}

/// An etcd that serves a database of some size.
async fn seeded(flags: &Flags, folder: &Path) -> Result<Server> {
    let data = folder.join("etcd");
    let snap = data.join("member/snap");
    std::fs::create_dir_all(&snap)?;
    let seeded = large::seed(&snap.join("db"), BYTES, false)?;
    say(&format!(
        "{} keys, {} records, {:.0} MB",
        seeded.store.keys(),
        seeded.records,
        seeded.bytes as f64 / 1e6
    ));
    Server::start(&flags.tools, &data, &[]).await
}

/// The rows of seconds at risk.
pub(crate) async fn risk(flags: &Flags) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(&flags.work)?;
    let server = seeded(flags, folder.path()).await?;
    let mut rows = Vec::new();
    for rate in RATES {
        let capture = Capture::begin(&server, folder.path(), flags.seconds).await?;
        let written = steady(&server.client, rate, Duration::from_secs(flags.seconds)).await?;
        let it = capture.end().await?;
        say(&format!("{rate} writes a second: {:.0} were made; {} samples", written.rate, it.samples));
        let row = |what: &str, unit, figure, goal| Row {
            work: format!("{what} at {rate} writes/s"),
            unit,
            ours: vec![figure],
            peer: None,
            goal,
        };
        let [middle, high, most] = it.at_risk;
        let share = 100.0 * it.cpu_s / flags.seconds as f64;
        rows.extend([
            row("at risk, p50,", "s", middle, Goal::None),
            row("at risk, p99,", "s", high, Goal::AtMost(RISK_GOAL_S)),
            row("at risk, most,", "s", most, Goal::None),
            row("put latency, p99,", "s", percentile(&written.latencies, 0.99), Goal::None),
            row("capture's CPU", "% of one core", share, Goal::None),
            row("capture's peak memory, base included,", "MiB", it.peak_mib, Goal::None),
        ]);
    }
    server.stop().await?;
    Ok(rows)
}

/// The rows of what a capture costs the etcd: loads with and without it take turns.
pub(crate) async fn cost(flags: &Flags) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(&flags.work)?;
    let server = seeded(flags, folder.path()).await?;
    let turn = Duration::from_secs(flags.seconds.min(TURN_MAX_S));
    let mut figures: [[Vec<f64>; 4]; 2] = Default::default();
    // A first one for nobody: file and caches become as they stay.
    full_speed(&server.client, turn / 2).await?;
    for run in 1..=flags.runs {
        // Who is first takes turns as well.
        for with in [run % 2 == 0, run % 2 != 0] {
            let [alone, captured] = &mut figures;
            let [times, latencies, steady_latencies, etcd_cpu] = if with { captured } else { alone };
            // Long enough for both loads; what is left of it is waited for.
            let capture = match with {
                true => Some(Capture::begin(&server, folder.path(), 2 * turn.as_secs() + 2).await?),
                false => None,
            };
            let before = server.usage().cpu_s;
            let Written { rate, latencies: all } = full_speed(&server.client, turn).await?;
            etcd_cpu.push((server.usage().cpu_s - before) / all.len() as f64 * 1e3);
            times.push(1e3 / rate);
            latencies.push(percentile(&all, 0.99) * 1e3);
            let steady = steady(&server.client, RATES[0], turn).await?;
            steady_latencies.push(percentile(&steady.latencies, 0.99) * 1e3);
            say(&format!("run {run}, {}: {rate:.0} puts/s", if with { "captured" } else { "alone" }));
            if let Some(capture) = capture {
                capture.end().await?;
            }
        }
    }
    server.stop().await?;
    let [alone, captured] = figures;
    let [times, latencies, steady_latencies, etcd_cpu] = captured;
    let [times_alone, latencies_alone, steady_alone, etcd_cpu_alone] = alone;
    let row = |work: &str, unit, ours: Vec<f64>, theirs: Vec<f64>, goal| Row {
        work: work.to_owned(),
        unit,
        ours,
        peer: Some(("the same etcd, not captured".to_owned(), theirs)),
        goal,
    };
    Ok(vec![
        row("1,000 puts at full speed, captured", "s", times, times_alone, Goal::Ratio(COST_GOAL)),
        row(
            "put latency at full speed, p99, captured",
            "ms",
            latencies,
            latencies_alone,
            Goal::Ratio(COST_GOAL),
        ),
        row(
            "put latency at 100/s, p99, captured",
            "ms",
            steady_latencies,
            steady_alone,
            Goal::Ratio(COST_GOAL),
        ),
        row("etcd's CPU for 1,000 puts, captured", "s", etcd_cpu, etcd_cpu_alone, Goal::None),
    ])
}
