//! The bucket `key`: the chosen records, brought into the order of their revisions, and written as they come.
//!
//! A database has them in that order already: they go straight from one file to the other. Those of a history are sorted, with
//! two threads: one merges what was sorted, the other writes. Choosing comes before, since the first record in order may be the
//! last that is chosen; it has threads of its own.

use crate::bbolt::{BucketWriter, Writer};
use crate::proof::Digest;
use crate::rebuild::{Marks, RebuildError, Request, buckets};
use crate::record::varint;
use crate::selection::{SelectionError, Sink, Source, Standing};
use crate::sorter::{Sorted, Sorter};
use crate::{FileError, Record};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};

/// How much is sorted in memory, in bytes.
const SORT_BYTES: usize = 128 << 20;

/// How much goes from thread to thread at once, in bytes, and how many of these may wait.
const BATCH_BYTES: usize = 1 << 20;
const BATCHES: usize = 8;

type Batch = Vec<(Bytes, Bytes)>;

/// What was written.
#[derive(Default)]
pub(crate) struct Written {
    pub(crate) records: u64,
    /// Where it is asked for, all records.
    pub(crate) digest: Option<Digest>,
    /// The leases that keys hang on.
    pub(crate) leases: BTreeSet<i64>,
}

/// Writes what `request` asks for. What does not come in order and does not fit in memory is sorted in `folder`.
pub(crate) fn write(
    source: &dyn Source,
    request: &Request,
    floor: u64,
    folder: &Path,
    writer: &mut Writer,
) -> Result<Written, RebuildError> {
    let chosen = Chosen {
        source,
        floor,
        revision: request.revision,
        all: request.marks == Marks::AsIs,
    };
    chosen.write(folder, writer, Written::default())
}

/// Writes what exists at a revision, and hashes it, as it is chosen, in the way of [`crate::proof`].
pub(crate) fn write_live(
    source: &dyn Source,
    revision: u64,
    folder: &Path,
    writer: &mut Writer,
) -> Result<Written, RebuildError> {
    let chosen = Chosen { source, floor: revision, revision, all: false };
    let hashed = Written { digest: Some(Digest::new()), ..Written::default() };
    chosen.write(folder, writer, hashed)
}

/// Which records of a source are taken.
struct Chosen<'a> {
    source: &'a dyn Source,
    floor: u64,
    revision: u64,
    /// Every version above the floor, rather than what is live.
    all: bool,
}

impl Chosen<'_> {
    fn write(&self, folder: &Path, writer: &mut Writer, mut written: Written) -> Result<Written, RebuildError> {
        let mut bucket = writer.bucket(buckets::KEY)?;
        let in_order = self.walk_in_order(&mut written, &mut |record| bucket.put(&record.entry_key(), &record.value));
        match in_order {
            Some(done) => done?,
            None => {
                let mut sorter = Sorter::new(folder, SORT_BYTES);
                self.walk(&mut written, &mut |record| sorter.push(&record.entry_key(), &record.value))?;
                write_sorted(sorter.finish()?, &mut bucket)?;
            }
        }
        bucket.finish()?;
        Ok(written)
    }

    fn walk(&self, written: &mut Written, sink: &mut Sink<'_>) -> Result<(), SelectionError> {
        self.source.walk(self.from(), self.revision, &mut |record, standing| {
            self.take(record, standing, written, sink)
        })
    }

    fn walk_in_order(&self, written: &mut Written, sink: &mut Sink<'_>) -> Option<Result<(), SelectionError>> {
        let mut take = |record, standing| self.take(record, standing, written, sink);
        self.source.walk_in_order(self.from(), self.revision, &mut take)
    }

    /// The floor of the walk: where only what is live is wanted, nothing else need be looked at.
    fn from(&self) -> u64 {
        if self.all { self.floor } else { self.revision }
    }

    fn take(
        &self,
        record: Record,
        standing: Standing,
        written: &mut Written,
        sink: &mut Sink<'_>,
    ) -> Result<(), FileError> {
        if !(standing.live || self.all && standing.kept) {
            return Ok(());
        }
        // etcd hangs a key on the lease of its last version; the leases of older ones may be long gone.
        if standing.live {
            let damaged =
                |reason| FileError::damaged(self.source.name(), format!("record {}", record.revision), reason);
            let lease = lease_of(&record.value).map_err(damaged)?;
            if lease != 0 {
                written.leases.insert(lease);
            }
        }
        written.records += 1;
        if let Some(digest) = &mut written.digest {
            digest.add(&record);
        }
        sink(record)
    }
}

/// One thread merges what was sorted, the other writes it.
fn write_sorted(sorted: Sorted, bucket: &mut BucketWriter<'_>) -> Result<(), FileError> {
    let (sender, receiver) = sync_channel::<Batch>(BATCHES);
    std::thread::scope(|scope| {
        let merging = scope.spawn(move || merge(sorted, &sender));
        let put = receiver.iter().flatten().try_for_each(|(key, value)| bucket.put(&key, &value));
        // The merging thread ends when nobody takes its batches any more.
        drop(receiver);
        put?;
        merging.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn merge(sorted: Sorted, sender: &SyncSender<Batch>) -> Result<(), FileError> {
    let (mut batch, mut bytes) = (Batch::new(), 0);
    for entry in sorted {
        let (key, value) = entry?;
        bytes += key.len() + value.len();
        batch.push((key, value));
        if bytes >= BATCH_BYTES {
            bytes = 0;
            if sender.send(std::mem::take(&mut batch)).is_err() {
                return Ok(());
            }
        }
    }
    // Whether the other side still listens, it knows itself.
    let _ = sender.send(batch);
    Ok(())
}

/// The lease in a marshalled `mvccpb.KeyValue`; 0 for none. Everything else is passed over.
pub(crate) fn lease_of(value: &[u8]) -> Result<i64, String> {
    let (mut at, mut lease) = (0, 0);
    while at < value.len() {
        let tag = varint(value, &mut at)?;
        match tag & 7 {
            0 => {
                let number = varint(value, &mut at)?;
                if tag >> 3 == 6 {
                    lease = number.cast_signed();
                }
            }
            2 => {
                let bytes = usize::try_from(varint(value, &mut at)?).map_err(|_| "a field is too long")?;
                let end = at.checked_add(bytes).filter(|&end| end <= value.len());
                at = end.ok_or("a field is longer than the record")?;
            }
            _ => return Err("it is no marshalled KeyValue".to_owned()),
        }
    }
    Ok(lease)
}
