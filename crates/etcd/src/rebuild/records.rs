//! The bucket `key`: the chosen records, brought into the order of their revisions, and written as they come.
//!
//! Two threads: one merges what was sorted, the other writes. Choosing comes before, since the first record in order may be the
//! last that is chosen; it has threads of its own.

use crate::bbolt::Writer;
use crate::rebuild::{Marks, RebuildError, Request, buckets};
use crate::record::varint;
use crate::selection::Source;
use crate::sorter::{Sorted, Sorter};
use crate::{FileError, Record};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// How much is sorted in memory, in bytes.
const SORT_BYTES: usize = 128 << 20;

/// How much goes from thread to thread at once, in bytes, and how many of these may wait.
const BATCH_BYTES: usize = 1 << 20;
const BATCHES: usize = 8;

type Batch = Vec<(Bytes, Bytes)>;

/// What was written.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) records: u64,
    /// The leases that keys hang on.
    pub(crate) leases: BTreeSet<i64>,
}

/// Writes what `request` asks for. What does not fit in memory is sorted in `folder`.
pub(crate) fn write(
    source: &dyn Source,
    request: &Request,
    floor: u64,
    folder: &Path,
    writer: &mut Writer,
) -> Result<Written, RebuildError> {
    let mut written = Written::default();
    let mut sorter = Sorter::new(folder, SORT_BYTES);
    let mut sink = |record: Record, live: bool| -> Result<(), FileError> {
        // etcd hangs a key on the lease of its last version; the leases of older ones may be long gone.
        if live {
            let damaged = |reason| FileError::damaged(source.name(), format!("record {}", record.revision), reason);
            let lease = lease_of(&record.value).map_err(damaged)?;
            if lease != 0 {
                written.leases.insert(lease);
            }
        }
        written.records += 1;
        sorter.push(&record.entry_key(), &record.value)
    };
    match request.marks {
        Marks::Bump(_) | Marks::Current => source.live_at(request.revision, &mut |record| sink(record, true))?,
        Marks::AsIs => source.walk(floor, request.revision, &mut |record, standing| {
            // What is live is kept, too: the floor is below the revision.
            if standing.kept {
                sink(record, standing.live)
            } else {
                Ok(())
            }
        })?,
    }
    let sorted = sorter.finish()?;
    let (sender, receiver) = sync_channel(BATCHES);
    std::thread::scope(|scope| {
        let merging = scope.spawn(move || merge(sorted, &sender));
        let put = write_all(&receiver, writer);
        // The merging thread ends when nobody takes its batches any more.
        drop(receiver);
        put?;
        merging.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    Ok(written)
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

fn write_all(batches: &Receiver<Batch>, writer: &mut Writer) -> Result<(), FileError> {
    let mut bucket = writer.bucket(buckets::KEY)?;
    for batch in batches {
        for (key, value) in batch {
            bucket.put(&key, &value)?;
        }
    }
    bucket.finish()
}

/// The lease in a marshalled `mvccpb.KeyValue`; 0 for none. Everything else is passed over.
fn lease_of(value: &[u8]) -> Result<i64, String> {
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
