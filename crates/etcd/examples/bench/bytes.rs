//! Bytes stored for an hour of a busy control plane: a history with segments of one second, beside full snapshots every five
//! minutes, and JSON deltas every twenty seconds. Start at [`run`].
//!
//! The hour is simulated, everything else is real: each write goes to an etcd, whose snapshots are taken by etcdctl, and the
//! segments are made by the encoder that capture uses.

use crate::deltas::{Delta, deflated};
use crate::figures::{Goal, Row};
use crate::flags::Flags;
use crate::printer::say;
use crate::process;
use crate::server::Server;
use crate::workload::{BUSY, Churn, START_MS, Store, Write};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use etcd::Record;
use etcd::history::{
    BaseHeader, BaseWriter, Began, Buckets, Dictionary, Kind, LeaseSeen, Link, Pack, Seen, SegmentHeader, Source,
    encode_segment,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::process::Command;

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
    let live = fill(&server, &churn, &mut store).await?;
    let (base, pack) = base(&live, &store)?;
    sums.base = base;
    say(&format!("{} keys are there: a base takes {:.1} MB", live.len(), base as f64 / MB));
    drop(live);
    let dictionary = pack.dictionaries()?.pop().context("the base has a dictionary")?;
    let mut cutter = Cutter {
        prev: pack.chain(),
        after: store.revision,
        dictionary,
        records: Vec::new(),
        leases: Vec::new(),
    };
    let mut delta = Delta::default();
    let mut compactions = VecDeque::from([store.revision]);
    let mut last = START_MS;
    loop {
        let (ms, write) = churn.next().context("churn never ends")?;
        for second in (last / SECOND_MS..ms / SECOND_MS).map(|second| (second + 1) * SECOND_MS) {
            cutter.cut(second, store.revision, &mut sums)?;
            let since = second - START_MS;
            if since.is_multiple_of(DELTA_MS) {
                sums.deltas += std::mem::take(&mut delta).stored()?;
            }
            if since % FULL_MS == COMPACTION_AT_MS {
                compactions.push_back(store.revision);
                if let Some(revision) = compactions.pop_front() {
                    server.client.compact(revision, true).await?;
                }
            }
            if since.is_multiple_of(FULL_MS) {
                full(flags, &server, folder.path(), &mut sums).await?;
            }
        }
        last = ms;
        if ms >= START_MS + HOUR_MS {
            break;
        }
        if let Write::Grant { lease, ttl_s } = write {
            let seen = LeaseSeen { id: lease, granted_s: ttl_s, remaining_s: ttl_s, at_ms: ms };
            cutter.leases.push(seen);
        }
        for record in store.apply(&write) {
            delta.add(&record, ms)?;
            sums.records += 1;
            sums.raw += record.value.len() as u64;
            cutter.records.push(record);
        }
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

/// The base of what is there: its size, and itself.
fn base(live: &BTreeMap<Bytes, Record>, store: &Store) -> Result<(u64, Pack)> {
    let mut writer = BaseWriter::new(Vec::new())?;
    live.values().try_for_each(|record| writer.live(record))?;
    let header = BaseHeader {
        timeline: 1,
        revision: store.revision,
        compaction: store.revision,
        taken_ms: START_MS,
        source: Source::default(),
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

/// Makes segments as capture does.
struct Cutter {
    prev: Link,
    after: u64,
    dictionary: Arc<Dictionary>,
    records: Vec<Record>,
    leases: Vec<LeaseSeen>,
}

impl Cutter {
    /// Ends the open segment; none if nothing has happened.
    fn cut(&mut self, at_ms: u64, through: u64, sums: &mut Sums) -> Result<()> {
        if self.records.is_empty() && self.leases.is_empty() {
            return Ok(());
        }
        let header = SegmentHeader {
            timeline: 1,
            kind: Kind::Captured,
            prev: self.prev,
            after: self.after,
            through,
            count: 0,
            times: vec![Seen { revision: through, at_ms }],
            leases: std::mem::take(&mut self.leases),
            source: Source {
                cluster_id: u64::MAX / 3,
                member_id: u64::MAX / 5,
                raft_term: 2,
            },
        };
        let (_, written) = encode_segment(header, &self.records, Some(&self.dictionary))?;
        sums.segments += written.bytes;
        sums.segments_count += 1;
        (self.prev, self.after) = (written.chain, through);
        self.records.clear();
        Ok(())
    }
}

/// Takes a full snapshot as people do: etcdctl's file, and that file in a zip, as k3s keeps it.
async fn full(flags: &Flags, server: &Server, folder: &std::path::Path, sums: &mut Sums) -> Result<()> {
    let path = folder.join("snapshot");
    let mut command = Command::new(flags.tools.join("etcdctl"));
    command
        .args(["--endpoints", &server.connection.endpoint, "snapshot", "save"])
        .arg(&path);
    process::run(&mut command).await?;
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
