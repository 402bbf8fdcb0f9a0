//! A directory on this machine in which an opened copy lies for a moment. It holds keys, so none may stay behind: who was
//! killed leaves it, and whoever comes next clears it. Start at [`Spool::new`].

use std::fs::{self, File};
use std::io;
use std::path::Path;
use tempfile::TempDir;

const PREFIX: &str = "lifeboat-fetch-";

/// A directory that only its owner enters, and that is removed when this is dropped.
pub(crate) struct Spool {
    directory: TempDir,
    /// Held by whoever lives, and let go by the kernel when it dies.
    _lock: File,
}

impl Spool {
    /// Clears what killed ones left, and makes a new one.
    pub(crate) fn new() -> io::Result<Self> {
        Self::below(&std::env::temp_dir())
    }

    pub(crate) fn below(place: &Path) -> io::Result<Self> {
        clear(place);
        loop {
            let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(place)?;
            // Somebody who clears may come in between, before it is locked.
            let lock = match File::open(directory.path()) {
                Err(gone) if gone.kind() == io::ErrorKind::NotFound && place.exists() => continue,
                opened => opened?,
            };
            lock.lock()?;
            if directory.path().exists() {
                return Ok(Self { directory, _lock: lock });
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

fn clear(place: &Path) {
    let entries = fs::read_dir(place).into_iter().flatten().filter_map(Result::ok);
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let abandoned = File::open(entry.path()).is_ok_and(|directory| directory.try_lock().is_ok());
        if abandoned {
            // What cannot be removed now is tried again by the next.
            _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests;
