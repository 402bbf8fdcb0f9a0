//! What a site must find again after any crash, on its own disk.

use estate::Kind;
use failover::Saved;
use recovery::Trouble;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Reads what a voter saved; `None` when it never did.
///
/// # Errors
/// The record is there and cannot be read: a voter that forgets its promises is worse than none.
pub(crate) fn read(path: &Path) -> Result<Option<Saved>, Trouble> {
    let bad = |reason: String| {
        let message = format!("the voter's record {} cannot be read: {reason}", path.display());
        Trouble::new("LB0606", Kind::Damaged, message)
            .hint("while the two other sites answer and no run is under way, remove the file: the voter then learns the epoch from them")
    };
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| bad(e.to_string())),
        Err(reason) if reason.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(reason) => Err(bad(reason.to_string())),
    }
}

/// Makes `saved` durable: beside, synced, renamed, and the directory synced. When this returns, no loss of power undoes it.
///
/// # Errors
/// The disk's, by the call that failed.
pub(crate) fn write(path: &Path, saved: &impl Serialize) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(directory)?;
    let beside = path.with_extension("partial");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(&serde_json::to_vec(saved)?)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(directory)?.sync_all()
}
