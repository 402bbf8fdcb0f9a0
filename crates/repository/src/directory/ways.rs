//! Names on the disk: the directories of an object, synced as far up as need be. Start at [`Way`].

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Directories that are remembered as synced; above it all are forgotten.
const REMEMBERED: usize = 4096;

/// Writes a directory's entries to the disk.
type Sync = Box<dyn Fn(&FilePath) -> io::Result<()> + Send + std::marker::Sync>;

/// Which directories are known to be on the disk, themselves and all above them.
pub(super) struct Ways {
    synced: Mutex<HashMap<PathBuf, Born>>,
    sync: Sync,
}

/// Which directory of that name it is: it may be removed and made anew, by others too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Born {
    inode: u64,
    at: SystemTime,
}

impl Ways {
    pub(super) fn new(sync: impl Fn(&FilePath) -> io::Result<()> + Send + std::marker::Sync + 'static) -> Self {
        Self { synced: Mutex::default(), sync: Box::new(sync) }
    }

    /// Syncs what holds the directories between `root` and the object's `file`, unless that was done.
    pub(super) fn settle(&self, root: &FilePath, file: &FilePath) -> io::Result<()> {
        let below = file.ancestors().skip(1).take_while(|at| *at != root && at.starts_with(root));
        let mut done = Vec::new();
        for directory in below {
            let born = match born(directory) {
                Ok(born) => born,
                // Removed meanwhile, with the object: nothing is left to be kept.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            };
            if born.is_some() && self.synced().get(directory).copied() == born {
                break;
            }
            (self.sync)(directory.parent().unwrap_or(root))?;
            done.extend(born.map(|born| (directory.to_owned(), born)));
        }
        let mut synced = self.synced();
        if synced.len() + done.len() > REMEMBERED {
            synced.clear();
        }
        synced.extend(done);
        Ok(())
    }

    /// Syncs an object's name that somebody else gave it, and what holds the directories on the way to it.
    pub(super) fn found(&self, root: &FilePath, file: &FilePath) -> io::Result<()> {
        match (self.sync)(file.parent().unwrap_or(root)) {
            Ok(()) => self.settle(root, file),
            // There was nothing, or it was removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Syncs that an object is gone: directories that became empty went with it.
    pub(super) fn gone(&self, root: &FilePath, file: &FilePath) -> io::Result<()> {
        for directory in file.ancestors().skip(1).take_while(|at| at.starts_with(root)) {
            match (self.sync)(directory) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                done => return done,
            }
        }
        Ok(())
    }

    pub(super) fn synced(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, Born>> {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Ways {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ways")
    }
}

/// `None` on file systems that do not say: inodes alone are used again.
fn born(directory: &FilePath) -> io::Result<Option<Born>> {
    let found = directory.metadata()?;
    Ok(found.created().ok().map(|at| Born { inode: found.ino(), at }))
}

/// Where an object lies.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub(super) root: PathBuf,
    pub(super) file: PathBuf,
    pub(super) ways: Arc<Ways>,
}

impl Way {
    pub(super) async fn settle(self) -> object_store::Result<()> {
        self.synced(Ways::settle).await
    }

    pub(super) async fn found(self) -> object_store::Result<()> {
        self.synced(Ways::found).await
    }

    pub(super) async fn gone(self) -> object_store::Result<()> {
        self.synced(Ways::gone).await
    }

    async fn synced(self, sync: fn(&Ways, &FilePath, &FilePath) -> io::Result<()>) -> object_store::Result<()> {
        let file = self.file.display().to_string();
        let done = tokio::task::spawn_blocking(move || sync(&self.ways, &self.root, &self.file)).await;
        let done = done.unwrap_or_else(|broken| Err(io::Error::other(broken)));
        done.map_err(|error| object_store::Error::Generic {
            store: "directory",
            source: Box::new(Unsynced(file, error)),
        })
    }
}

/// The way to an object could not be synced.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not on the disk")]
struct Unsynced(String, #[source] io::Error);

pub(super) fn sync(directory: &FilePath) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
