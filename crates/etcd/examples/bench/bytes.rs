//! Bytes stored for an hour of a busy control plane: a history with segments of one second, beside full snapshots every five
//! minutes, and JSON deltas every twenty seconds. Start at [`run`].
//!
//! The hour is simulated, everything else is real: each write goes to an etcd, whose snapshots are taken by etcdctl, and the
//! segments are made by the encoder that capture uses.

use crate::deltas::{Delta, deflated};
use crate::flags::Flags;
use crate::large::{SOURCE, Segments};
use crate::server::Server;
use crate::workload::{BUSY, Churn, START_MS, Store, Write};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use etcd::Record;
use etcd::history::{BaseHeader, BaseWriter, Began, Buckets, Pack};
use measure::{Goal, Row, say};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::process::Command;

const AGE_MS: u64 = 1_800_000;
const HOUR_MS: u64 = 3_600_000;
const SECOND_MS: u64 = 1_000;
const DELTA_MS: u64 = 20_000;
const FULL_MS: u64 = 300_000;
/// As the API server does: up to where it was five minutes ago. Not at the same moment as the full snapshots.
const COMPACTION_AT_MS: u64 = 120_000;
/// Fewer than etcd allows in a transaction.
const BATCH: usize = 100;
const MB: f64 = 1e6;

/// Sums, in bytes.
#[derive(Default)]
struct Sums {
    base: u64,
    segments: u64,
    segments_count: u64,
    deltas: u64,
    fulls: Vec<u64>,
    zips: Vec<u64>,
    records: u64,
    raw: u64,
}

/// The rows of this work.
pub(crate) async fn run(flags: &Flags) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(&flags.work)?;
    let server = Server::start(&flags.tools, &folder.path().join("etcd"), &["--unsafe-no-fsync"]).await?;
    let mut sums = Sums::default();
    let mut churn = Churn::new(1, BUSY);
    let mut store = Store::new();
    let mut live = fill(&server, &churn, &mut store).await?;
    age(&server, &mut churn, &mut store, &mut live).await?;
    let (base, pack) = base(&live, &store)?;
    sums.base = base;
    say(&format!("{} keys are there: a base takes {:.1} MB", live.len(), base as f64 / MB));
    drop(live);
    let dictionary = pack.dictionaries()?.pop().context("the base has a dictionary")?;
    let mut open = Segments::after(pack.chain(), store.revision, Some(dictionary));
    let mut delta = Delta::default();
    let mut compactions = VecDeque::new();
    let begin = START_MS + AGE_MS;
    let mut last = begin;
    loop {
        let (ms, write) = churn.next().context("churn never ends")?;
        for second in (last / SECOND_MS..ms / SECOND_MS).map(|second| (second + 1) * SECOND_MS) {
            if let Some((written, _)) = open.cut(second, store.revision)? {
                sums.segments += written.bytes;
                sums.segments_count += 1;
            }
            let since = second - begin;
            if since.is_multiple_of(DELTA_MS) {
                sums.deltas += std::mem::take(&mut delta).stored()?;
            }
            if since % FULL_MS == COMPACTION_AT_MS {
                compactions.push_back(store.revision);
                // The first one that is remembered is the one of five minutes ago.
                if compactions.len() > 1
                    && let Some(revision) = compactions.pop_front()
                {
                    server.client.compact(revision, true).await?;
                }
            }
            if since.is_multiple_of(FULL_MS) {
                full(flags, &server, folder.path(), &mut sums).await?;
            }
        }
        last = ms;
        if ms >= begin + HOUR_MS {
            break;
        }
        let records = store.apply(&write);
        for record in &records {
            delta.add(record, ms)?;
            sums.records += 1;
            sums.raw += record.value.len() as u64;
        }
        open.add(ms, &write, records);
        server.write(write).await?;
    }
    let revision = server.client.status().await?.revision;
    ensure!(revision == store.revision, "etcd is at {revision}, and ought to be at {}", store.revision);
    server.stop().await?;
    Ok(rows(&sums))
}

/// Brings the cluster to where the hour starts; its records by key.
async fn fill(server: &Server, churn: &Churn, store: &mut Store) -> Result<BTreeMap<Bytes, Record>> {
    let mut live = BTreeMap::new();
    let mut batch = Vec::new();
    let first = churn.first().map(Some).chain(std::iter::once(None));
    for write in first {
        let put = matches!(write, Some(Write::Put { .. }));
        if batch.len() == BATCH || !put {
            for record in store.transaction(&batch) {
                live.insert(record.key().map_err(anyhow::Error::msg)?, record);
            }
            if !batch.is_empty() {
                let revision = server.write_all(&batch).await?;
                ensure!(revision == store.revision, "etcd is at {revision}, not at {}", store.revision);
                batch.clear();
            }
        }
        match write {
            Some(write) if put => batch.push(write),
            Some(write) => {
                store.apply(&write);
                server.write(write).await?;
            }
            None => {}
        }
    }
    Ok(live)
}

/// Half an hour before the base is taken: what changes often has been changed often.
async fn age(server: &Server, churn: &mut Churn, store: &mut Store, live: &mut BTreeMap<Bytes, Record>) -> Result<()> {
    for (_, write) in churn.take_until(START_MS + AGE_MS) {
        for record in store.apply(&write) {
            let key = record.key().map_err(anyhow::Error::msg)?;
            if record.tombstone {
                live.remove(&key);
            } else {
                live.insert(key, record);
            }
        }
        server.write(write).await?;
    }
    server.client.compact(store.revision, true).await?;
    Ok(())
}

/// The base of what is there: its size, and itself.
fn base(live: &BTreeMap<Bytes, Record>, store: &Store) -> Result<(u64, Pack)> {
    let mut writer = BaseWriter::new(Vec::new())?;
    live.values().try_for_each(|record| writer.live(record))?;
    let header = BaseHeader {
        timeline: 1,
        revision: store.revision,
        compaction: store.revision,
        taken_ms: START_MS + AGE_MS,
        source: SOURCE,
        etcd_version: String::new(),
        began: Began::First,
        note: String::new(),
        stands_for: None,
        live: 0,
        older: 0,
        raw: 0,
    };
    let (written, bytes) = writer.finish(header, &Buckets::default())?;
    let pack = Pack::open(&written.name, Arc::new(Bytes::from(bytes)))?;
    Ok((written.bytes, pack))
}

/// Takes a full snapshot as people do: etcdctl's file, and that file in a zip, as k3s keeps it.
async fn full(flags: &Flags, server: &Server, folder: &std::path::Path, sums: &mut Sums) -> Result<()> {
    let path = folder.join("snapshot");
    let mut command = Command::new(flags.tools.join("etcdctl"));
    command
        .args(["--endpoints", &server.connection.endpoint, "snapshot", "save"])
        .arg(&path);
    measure::run(&mut command).await?;
    sums.fulls.push(std::fs::metadata(&path)?.len());
    sums.zips.push(deflated(&mut std::fs::File::open(&path)?)?);
    std::fs::remove_file(&path)?;
    let (full, zip) = (sums.fulls.last().copied().unwrap_or(0), sums.zips.last().copied().unwrap_or(0));
    let so_far = (sums.segments as f64 / MB, sums.deltas as f64 / MB);
    say(&format!(
        "{} min: a full one takes {:.1} MB, zipped {:.1} MB; segments so far {:.2} MB, deltas {:.2} MB",
        sums.fulls.len() * 5,
        full as f64 / MB,
        zip as f64 / MB,
        so_far.0,
        so_far.1
    ));
    Ok(())
}

fn rows(sums: &Sums) -> Vec<Row> {
    say(&format!(
        "{} records, {:.1} MB; {} segments of {} bytes on average",
        sums.records,
        sums.raw as f64 / MB,
        sums.segments_count,
        sums.segments / sums.segments_count.max(1)
    ));
    let mb = |bytes: u64| vec![bytes as f64 / MB];
    let (fulls, zips) = (sums.fulls.iter().sum(), sums.zips.iter().sum());
    let row = |work: &str, ours: u64, peer: &str, theirs: u64, goal| Row {
        work: work.to_owned(),
        unit: "MB",
        ours: mb(ours),
        peer: Some((peer.to_owned(), mb(theirs))),
        goal,
    };
    let hour = "an hour of changes in segments of 1 s";
    let both = "the same and the base";
    let first_zip = sums.zips.first().copied().unwrap_or(0);
    vec![
        row(hour, sums.segments, "12 full snapshots, zipped as k3s does", zips, Goal::Ratio(0.05)),
        row(hour, sums.segments, "12 full snapshots as etcdctl saves them", fulls, Goal::Ratio(0.05)),
        row(hour, sums.segments, "180 JSON deltas with gzip", sums.deltas, Goal::Ratio(0.5)),
        row(both, sums.segments + sums.base, "12 full snapshots, zipped", zips, Goal::None),
        row(
            both,
            sums.segments + sums.base,
            "a full snapshot, zipped, and 180 deltas",
            sums.deltas + first_zip,
            Goal::None,
        ),
    ]
}
