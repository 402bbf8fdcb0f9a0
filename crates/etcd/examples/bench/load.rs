//! Writes to an etcd, at a steady rate with [`steady`] or as fast as it takes them with [`full_speed`].

use crate::workload::{BUSY, Churn, Size, Write};
use anyhow::{Context, Result};
use bytes::Bytes;
use etcd::Client;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::JoinSet;

/// Writes that are made ahead.
const AHEAD: usize = 2_000;
/// Writes that may be without an answer.
const OPEN_MAX: usize = 512;
/// Bytes of a file that etcd filled for each key at the start, as it turns out.
const GROWN_BYTES_PER_KEY: u64 = 4_000;
/// Writers at full speed.
const WRITERS: usize = 32;
const TICK: Duration = Duration::from_millis(1);
/// As Kubernetes forgets what was superseded, but sooner, so that the file stays as it is.
const COMPACT_EVERY: Duration = Duration::from_secs(60);

/// What was written.
pub(crate) struct Written {
    /// Writes a second.
    pub(crate) rate: f64,
    /// How long each took, in seconds, from when it was due.
    pub(crate) latencies: Vec<f64>,
}

/// Puts of a busy control plane, made in a thread of its own.
fn puts() -> mpsc::Receiver<(Bytes, Bytes)> {
    let (send, receive) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        let puts = Churn::new(2, BUSY).filter_map(|(_, write)| match write {
            Write::Put { key, value, .. } => Some((key, value)),
            _ => None,
        });
        for put in puts {
            if send.blocking_send(put).is_err() {
                break;
            }
        }
    });
    receive
}

/// Writes `rate` times a second for so long.
pub(crate) async fn steady(client: &Client, rate: u64, time: Duration) -> Result<Written> {
    let mut puts = puts();
    let open = Arc::new(Semaphore::new(OPEN_MAX));
    let began = ambient::monotonic();
    let total = rate * time.as_secs();
    let mut writes: JoinSet<Result<f64>> = JoinSet::new();
    let mut latencies = Vec::new();
    let mut compactions = Compactions::default();
    for number in 0..total {
        let due = began + Duration::from_secs_f64(number as f64 / rate as f64);
        while ambient::monotonic() < due {
            ambient::sleep(TICK).await;
        }
        let permit = Arc::clone(&open).acquire_owned().await?;
        let (key, value) = puts.recv().await.context("writes never end")?;
        let own = client.clone();
        writes.spawn(async move {
            own.put(key, value, 0).await?;
            drop(permit);
            Ok(ambient::monotonic().saturating_duration_since(due).as_secs_f64())
        });
        while let Some(done) = writes.try_join_next() {
            latencies.push(done??);
        }
        compactions.when_due(client).await?;
    }
    while let Some(done) = writes.join_next().await {
        latencies.push(done??);
    }
    let rate = latencies.len() as f64 / began.elapsed().as_secs_f64();
    Ok(Written { rate, latencies })
}

/// Fills an empty etcd until its file has about so many bytes; the last twentieth of the writes changes what is there, and what that
/// superseded is mostly forgotten again.
pub(crate) async fn fill(client: &Client, bytes: u64) -> Result<()> {
    let keys = bytes / GROWN_BYTES_PER_KEY;
    let churn = Churn::new(1, Size { keys, events_a_minute: 0, ..BUSY });
    let mut open: JoinSet<Result<()>> = JoinSet::new();
    let first = churn.first().zip(0..keys).map(|(write, _)| write);
    for write in first.chain(churn.take(keys as usize / 20).map(|(_, write)| write)) {
        let client = client.clone();
        open.spawn(async move {
            match write {
                Write::Put { key, value, .. } => client.put(key, value, 0).await.map(|_| ()),
                Write::Delete { key } => client.delete(key, "").await.map(|_| ()),
                Write::Grant { .. } | Write::Revoke { .. } => Ok(()),
            }?;
            Ok(())
        });
        while open.len() >= OPEN_MAX {
            open.join_next().await.transpose()?.transpose()?;
        }
    }
    while open.join_next().await.transpose()?.transpose()?.is_some() {}
    let revision = client.status().await?.revision;
    client.compact(revision - keys / 100, true).await?;
    Ok(())
}

/// Writes as fast as it takes them, for so long.
pub(crate) async fn full_speed(client: &Client, time: Duration) -> Result<Written> {
    let puts = Arc::new(Mutex::new(puts()));
    let began = ambient::monotonic();
    let end = began + time;
    let mut writers: JoinSet<Result<Vec<f64>>> = JoinSet::new();
    for _ in 0..WRITERS {
        let (client, puts) = (client.clone(), Arc::clone(&puts));
        writers.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let (key, value) = puts.lock().await.recv().await.context("writes never end")?;
                let from = ambient::monotonic();
                if from >= end {
                    return Ok(latencies);
                }
                client.put(key, value, 0).await?;
                latencies.push(from.elapsed().as_secs_f64());
            }
        });
    }
    let mut latencies = Vec::new();
    while let Some(writer) = writers.join_next().await {
        latencies.extend(writer??);
    }
    let rate = latencies.len() as f64 / began.elapsed().as_secs_f64();
    let revision = client.status().await?.revision;
    client.compact(revision, true).await?;
    Ok(Written { rate, latencies })
}

/// Every minute, up to where it was a minute ago.
#[derive(Default)]
struct Compactions {
    last: Option<(Instant, u64)>,
}

impl Compactions {
    async fn when_due(&mut self, client: &Client) -> Result<()> {
        if self.last.is_some_and(|(at, _)| at.elapsed() < COMPACT_EVERY) {
            return Ok(());
        }
        let revision = client.status().await?.revision;
        if let Some((_, before)) = self.last.replace((ambient::monotonic(), revision)) {
            client.compact(before, false).await?;
        }
        Ok(())
    }
}
