//! Databases and histories of any size, written without an etcd: [`seed`] and [`segments`].

use crate::workload::{BUSY, Churn, START_MS, Size, Store, Write};
use anyhow::{Context, Result};
use bytes::Bytes;
use etcd::Record;
use etcd::bbolt;
use etcd::history::{
    Dictionary, Directory, Kind, LeaseSeen, Link, Seen, SegmentHeader, Shelf, Source, Tail, encode_segment,
};
use std::path::Path;
use std::sync::Arc;

/// Bytes of a database for each key at the start, as it turns out. One that etcd wrote has more.
const BYTES_PER_KEY: u64 = 2_550;

/// A database that was written.
pub(crate) struct Seeded {
    /// What goes on from there.
    pub(crate) churn: Churn,
    /// What etcd would know of it.
    pub(crate) store: Store,
    /// The size of the file.
    pub(crate) bytes: u64,
    /// How many records it holds.
    pub(crate) records: u64,
}

/// Writes a database of about `bytes` without membership, on which a new etcd starts. In twenty writes, one is a change of what was
/// there already. Without events, whose leases would end while the bench runs, unless `events`.
pub(crate) fn seed(path: &Path, bytes: u64, events: bool) -> Result<Seeded> {
    let keys = bytes / BYTES_PER_KEY;
    let size = Size { keys, nodes: BUSY.nodes.min(keys / 20), ..BUSY };
    let size = if events {
        size
    } else {
        Size { events_a_minute: 0, ..size }
    };
    let mut churn = Churn::new(1, size);
    let mut store = Store::new();
    let mut writer = bbolt::Writer::create(path)?;
    let mut bucket = writer.bucket("key")?;
    let mut records = 0;
    for write in churn.first() {
        for record in store.apply(&write) {
            bucket.put(&record.entry_key(), &record.value)?;
            records += 1;
        }
    }
    for _ in 0..keys / 20 {
        let (_, write) = churn.next().context("churn never ends")?;
        for record in store.apply(&write) {
            bucket.put(&record.entry_key(), &record.value)?;
            records += 1;
        }
    }
    bucket.finish()?;
    let mut bucket = writer.bucket("lease")?;
    for (id, ttl_s) in store.leases() {
        bucket.put(&id.to_be_bytes(), &lease(id, ttl_s))?;
    }
    bucket.finish()?;
    writer.bucket("meta")?.finish()?;
    let bytes = writer.finish()?.bytes;
    Ok(Seeded { churn, store, bytes, records })
}

/// A marshalled `leasepb.Lease`: id and time to live.
fn lease(id: i64, ttl_s: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (tag, mut n) in [(0x08, id.cast_unsigned()), (0x10, ttl_s.cast_unsigned())] {
        bytes.push(tag);
        while n >= 0x80 {
            bytes.push(n as u8 | 0x80);
            n >>= 7;
        }
        bytes.push(n as u8);
    }
    bytes
}

/// Makes segments as capture does.
pub(crate) struct Segments {
    prev: Link,
    after: u64,
    dictionary: Option<Arc<Dictionary>>,
    /// What the next one will hold.
    pub(crate) records: Vec<Record>,
    /// What it will say of leases.
    pub(crate) leases: Vec<LeaseSeen>,
}

impl Segments {
    /// What follows a base or a segment.
    pub(crate) fn after(prev: Link, after: u64, dictionary: Option<Arc<Dictionary>>) -> Self {
        Self {
            prev,
            after,
            dictionary,
            records: Vec::new(),
            leases: Vec::new(),
        }
    }

    /// A write, and the records that it added.
    pub(crate) fn add(&mut self, at_ms: u64, write: &Write, records: Vec<Record>) {
        if let &Write::Grant { lease, ttl_s } = write {
            self.leases
                .push(LeaseSeen { id: lease, granted_s: ttl_s, remaining_s: ttl_s, at_ms });
        }
        self.records.extend(records);
    }

    /// Ends the open segment; `None` if nothing has happened.
    pub(crate) fn cut(&mut self, at_ms: u64, through: u64) -> Result<Option<(etcd::history::Written, Bytes)>> {
        if self.records.is_empty() && self.leases.is_empty() {
            return Ok(None);
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
            source: SOURCE,
        };
        let (bytes, written) = encode_segment(header, &self.records, self.dictionary.as_ref())?;
        (self.prev, self.after) = (written.chain, through);
        self.records.clear();
        Ok(Some((written, bytes)))
    }
}

/// As large as real ids are.
pub(crate) const SOURCE: Source = Source {
    cluster_id: u64::MAX / 3,
    member_id: u64::MAX / 5,
    raft_term: 2,
    raft_index: 1_000_000,
};

/// Continues the history on a shelf by `revisions` revisions, in segments of one second; how many those were, and their bytes.
pub(crate) fn segments(seeded: &mut Seeded, tail: Tail, shelf: &Directory, revisions: u64) -> Result<(u64, u64)> {
    let (mut count, mut bytes) = (0, 0);
    let end = seeded.store.revision + revisions;
    let mut open = Segments::after(tail.link, tail.through, tail.dictionary);
    let mut last = START_MS;
    while seeded.store.revision < end {
        let (ms, write) = seeded.churn.next().context("churn never ends")?;
        if ms / 1000 != last / 1000
            && let Some((written, body)) = open.cut(last, seeded.store.revision)?
        {
            shelf.create(&written.name, &mut &*body)?;
            count += 1;
            bytes += body.len() as u64;
        }
        last = ms;
        let records = seeded.store.apply(&write);
        open.add(ms, &write, records);
    }
    if let Some((written, body)) = open.cut(last, seeded.store.revision)? {
        shelf.create(&written.name, &mut &*body)?;
        count += 1;
        bytes += body.len() as u64;
    }
    Ok((count, bytes))
}
