//! Clusters under load, protected by one Lifeboat, in turns with fewer and fewer of them: [`run`].

use crate::figures::{Turn, carried, line_through, three};
use crate::flags::Flags;
use crate::home::Home;
use crate::load::{fill, steady};
use crate::server::Server;
use crate::serving::Serving;
use anyhow::{Context, Result};
use etcd::Client;
use futures::future::try_join_all;
use measure::{Goal, Row, say, settle};
use std::time::Duration;
use tokio::task::JoinSet;

/// For what is at risk, at the 99th percentile.
const RISK_GOAL_S: f64 = 2.0;
/// Between two looks at what is at risk.
const SAMPLE_EVERY: Duration = Duration::from_millis(250);
/// What is written to meanwhile is written to for longer than it is measured.
const MARGIN_S: u64 = 600;

/// The rows.
pub(crate) async fn run(flags: &Flags) -> Result<Vec<Row>> {
    let servers = servers(flags).await?;
    let endpoints: Vec<String> = servers.iter().map(|it| it.connection.endpoint.clone()).collect();
    let home = Home::make(&flags.work.join("estate"), &endpoints).await?;
    let half = (flags.seconds / 2).max(1);
    let busy = turn(flags, &home, &servers, Some(flags.busy), flags.seconds).await?;
    let mut turns = Vec::new();
    for clusters in &flags.clusters {
        turns.push(turn(flags, &home, &servers[..*clusters], None, half).await?);
    }
    for server in servers {
        server.stop().await?;
    }
    Ok(rows(flags, &busy, &turns))
}

/// The etcds, each with its database.
async fn servers(flags: &Flags) -> Result<Vec<Server>> {
    let starting = (0..flags.most()).map(async |at| {
        let data = flags.work.join(format!("etcd-{at}"));
        std::fs::create_dir(&data)?;
        Server::start(&flags.tools, &data, &[]).await
    });
    let servers: Vec<Server> = try_join_all(starting).await?;
    for server in &servers {
        fill(&server.client, flags.bytes).await?;
    }
    settle().await?;
    let sizes = servers.iter().map(|it| Ok(std::fs::metadata(it.database())?.len()));
    let bytes: u64 = sizes.collect::<Result<Vec<_>>>()?.into_iter().sum();
    say(&format!("{} etcds with {} MB", servers.len(), bytes / 1_000_000));
    Ok(servers)
}

/// Protects the etcds while they are written to, the first as busily as is said, and measures that for so many seconds.
async fn turn(flags: &Flags, home: &Home, servers: &[Server], busy: Option<u64>, seconds: u64) -> Result<Turn> {
    let mut writing = JoinSet::new();
    for (at, server) in servers.iter().enumerate() {
        let rate = busy.filter(|_| at == 0).unwrap_or(flags.rate);
        writing.spawn(written(server.client.clone(), rate, seconds + MARGIN_S));
    }
    let begun = ambient::monotonic();
    let mut serving = Serving::begin(home, servers.len())?;
    serving.protected(servers.len()).await?;
    let mut turn = Turn {
        clusters: servers.len(),
        protected_s: begun.elapsed().as_secs_f64(),
        ..Turn::default()
    };
    let etcds = || servers.iter().map(|it| it.usage().cpu_s).sum::<f64>();
    let (before, etcds_before, from) = (serving.usage().cpu_s, etcds(), ambient::monotonic());
    while from.elapsed() < Duration::from_secs(seconds) {
        for it in serving.says().await? {
            // Not to know is worse than any number.
            let at_risk_s = it.at_risk_ms.map_or(f64::INFINITY, |ms| ms as f64 / 1e3);
            turn.at_risk_s.push(at_risk_s);
            if it.cluster.as_str() == crate::home::name(0) {
                turn.first_at_risk_s.push(at_risk_s);
            }
        }
        // A writer that has ended has failed: there was to be more.
        if let Some(ended) = writing.try_join_next() {
            ended??;
        }
        ambient::sleep(SAMPLE_EVERY).await;
    }
    let took = from.elapsed().as_secs_f64();
    let usage = serving.usage();
    turn.cpu = (usage.cpu_s - before) / took;
    turn.etcd_cpu = (etcds() - etcds_before) / took;
    turn.peak_mib = usage.peak_mib;
    say(&turn.line());
    writing.shutdown().await;
    serving.end().await?;
    Ok(turn)
}

async fn written(client: Client, rate: u64, seconds: u64) -> Result<()> {
    steady(&client, rate, Duration::from_secs(seconds)).await.context("writing")?;
    Ok(())
}

fn rows(flags: &Flags, busy: &Turn, turns: &[Turn]) -> Vec<Row> {
    let plain = |work: String, unit, figure: f64, goal| Row { work, unit, ours: vec![figure], peer: None, goal };
    let beside = |of: &Turn, work: String| Row {
        work,
        unit: "CPU s/s",
        ours: vec![of.cpu],
        peer: Some(("their etcds, together".to_owned(), vec![of.etcd_cpu])),
        goal: Goal::None,
    };
    let load = format!("{} clusters, one at {} writes/s", busy.clusters, flags.busy);
    let [middle, high, most] = three(&busy.at_risk_s);
    let mut rows = vec![
        plain(format!("at risk, p50, {load}"), "s", middle, Goal::None),
        plain(format!("at risk, p99, {load}"), "s", high, Goal::AtMost(RISK_GOAL_S)),
        plain(format!("at risk, most, {load}"), "s", most, Goal::None),
        plain(
            "at risk, p99, the busy one".to_owned(),
            "s",
            three(&busy.first_at_risk_s)[1],
            Goal::AtMost(RISK_GOAL_S),
        ),
        beside(busy, format!("CPU, {load}")),
        plain(format!("peak memory, bases included, {load}"), "MiB", busy.peak_mib, Goal::None),
        plain(format!("from nothing to protected, {load}"), "s", busy.protected_s, Goal::None),
    ];
    for turn in turns {
        let load = format!("{} at {} writes/s", turn.clusters, flags.rate);
        rows.push(plain(
            format!("at risk, p99, {load}"),
            "s",
            three(&turn.at_risk_s)[1],
            Goal::AtMost(RISK_GOAL_S),
        ));
        rows.push(beside(turn, format!("CPU, {load}")));
        rows.push(plain(format!("peak memory, {load}"), "MiB", turn.peak_mib, Goal::None));
    }
    let of = |figure: fn(&Turn) -> f64| {
        let points: Vec<_> = turns.iter().map(|turn| (turn.clusters as f64, figure(turn))).collect();
        line_through(&points)
    };
    if let (Some(cpu), Some(etcd), Some(memory)) = (of(|it| it.cpu), of(|it| it.etcd_cpu), of(|it| it.peak_mib)) {
        rows.push(Row {
            work: "each further cluster".to_owned(),
            unit: "CPU s/s",
            ours: vec![cpu.1],
            peer: Some(("its etcd".to_owned(), vec![etcd.1])),
            goal: Goal::None,
        });
        rows.push(plain("each further cluster".to_owned(), "MiB", memory.1, Goal::None));
        rows.push(plain(
            format!("one core carries, at {} writes/s", flags.rate),
            "clusters",
            carried(cpu),
            Goal::None,
        ));
    }
    rows
}
