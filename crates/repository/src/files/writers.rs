//! Threads that write files' contents, piece by piece: several pieces at once, of one file or of many.

use super::metadata;
use super::restore::Unset;
use super::trees::Reader;
use crate::{Error, failure};
use rustic_core::repofile::Node;
use rustic_core::{DataId, Progress as Bar};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Threads; each holds a piece, of 8 MiB at most. They mostly wait for the store.
const THREADS: usize = 8;

/// Pieces of a file that one thread takes at once.
const RUN: usize = 16;

/// A stretch of zeros of this length, in bytes, is left out: it becomes a hole.
const HOLE: usize = 64 << 10;

/// A file that is being written.
pub(super) struct Target {
    pub(super) file: File,
    pub(super) at: PathBuf,
    pub(super) node: Node,
    /// Runs that are not yet written.
    left: AtomicUsize,
}

/// Consecutive pieces, each with its place in the file in bytes.
struct Run {
    target: Arc<Target>,
    pieces: Vec<(u64, DataId)>,
}

/// The threads, from outside.
pub(super) struct Writers<'a> {
    give: SyncSender<Run>,
    shared: &'a Shared<'a>,
}

struct Shared<'a> {
    reader: &'a Reader,
    verify: bool,
    bar: &'a Bar,
    unset: &'a Unset,
    failed: AtomicBool,
    error: Mutex<Option<Error>>,
}

/// Runs `walk` while threads write what it hands over. The first error, of whom ever, ends it all.
pub(super) fn with<T>(
    reader: &Reader,
    verify: bool,
    bar: &Bar,
    unset: &Unset,
    walk: impl FnOnce(&Writers<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let (give, take) = sync_channel(THREADS);
    let take = Mutex::new(take);
    let (failed, error) = (AtomicBool::new(false), Mutex::new(None));
    let shared = Shared { reader, verify, bar, unset, failed, error };
    let walked = std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| shared.work(&take));
        }
        let writers = Writers { give, shared: &shared };
        walk(&writers)
    });
    match shared.error.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => walked,
    }
}

impl Writers<'_> {
    /// Writes a file's pieces, and then gives it its metadata. `target.file` is new and has its length.
    pub(super) fn write(&self, file: File, at: PathBuf, node: Node, pieces: Vec<(u64, DataId)>) -> Result<(), Error> {
        let left = AtomicUsize::new(pieces.len().div_ceil(RUN).max(1));
        let target = Arc::new(Target { file, at, node, left });
        if pieces.is_empty() {
            self.shared.finished(&target);
            return Ok(());
        }
        for run in pieces.chunks(RUN) {
            let run = Run { target: target.clone(), pieces: run.to_vec() };
            if self.shared.failed.load(Ordering::Relaxed) || self.give.send(run).is_err() {
                return Err(Error::Bug {
                    object: target.at.display().to_string(),
                    reason: "nobody writes it any more".to_owned(),
                });
            }
        }
        Ok(())
    }
}

impl Shared<'_> {
    fn work(&self, take: &Mutex<Receiver<Run>>) {
        loop {
            let next = take.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(run) = next else { return };
            // The rest is taken and dropped, so that who gives it does not wait for ever.
            if self.failed.load(Ordering::Relaxed) {
                continue;
            }
            if let Err(error) = self.write(&run) {
                self.failed.store(true, Ordering::Relaxed);
                let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert(error);
            } else if run.target.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                self.finished(&run.target);
            }
        }
    }

    fn write(&self, run: &Run) -> Result<(), Error> {
        let of_file = |error: io::Error| failure::of_file(&run.target.at, &error);
        for (start, id) in &run.pieces {
            let bytes = self.reader.data(id)?;
            let mut at = *start;
            for stretch in bytes.chunks(HOLE) {
                if stretch.iter().any(|byte| *byte != 0) {
                    run.target.file.write_all_at(stretch, at).map_err(of_file)?;
                }
                at += stretch.len() as u64;
            }
            if self.verify {
                let mut written = vec![0; bytes.len()];
                run.target.file.read_exact_at(&mut written, *start).map_err(of_file)?;
                if format!("{:x}", Sha256::digest(&written)) != *id.to_hex() {
                    return Err(of_file(io::Error::other("it reads back other bytes than were written")));
                }
            }
            self.bar.inc(bytes.len() as u64);
        }
        Ok(())
    }

    fn finished(&self, target: &Target) {
        if let Err(error) = metadata::give(&target.file, &target.node) {
            self.unset.note(&target.at, &error);
        }
    }
}
