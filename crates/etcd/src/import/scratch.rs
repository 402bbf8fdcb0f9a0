//! The directory in which copies are laid while they are read. Start at [`Scratch::create`].
//!
//! It goes with its owner, and is locked as long as that lives; the system drops the lock with the process. So one that is not
//! locked was left by a killed import, and the next import in the same spool removes it.

use crate::FileError;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use tempfile::TempDir;

/// What the names of such directories begin with.
const PREFIX: &str = ".lifeboat-import-";

/// How often one is made anew that somebody took for a leftover, between its making and its lock.
const ATTEMPTS: usize = 8;

/// A directory in a spool, for a file that is read and then gone.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// Makes one, and removes what killed imports left in the same spool.
    ///
    /// # Errors
    /// [`FileError::Io`]: the spool is not there or cannot be written.
    pub fn create(spool: &Path) -> Result<Self, FileError> {
        tidy(spool);
        let failed = || FileError::io(spool.display(), "written");
        for _ in 0..ATTEMPTS {
            let made = tempfile::Builder::new().prefix(PREFIX).tempdir_in(spool);
            let folder = made.map_err(failed())?;
            match held(folder.path()) {
                Ok(Some(lock)) => return Ok(Self { folder, _lock: lock }),
                Ok(None) => {}
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(failed()(e)),
            }
        }
        Err(failed()(io::ErrorKind::ResourceBusy.into()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The lock of the directory at `path`, unless another holds it, or it is no longer the one at this path.
fn held(path: &Path) -> io::Result<Option<File>> {
    let lock = File::open(path)?;
    if lock.try_lock().is_err() {
        return Ok(None);
    }
    let (ours, there) = (lock.metadata()?, path.symlink_metadata()?);
    Ok(((ours.dev(), ours.ino()) == (there.dev(), there.ino())).then_some(lock))
}

/// Removes what nobody holds. Best effort: a leftover of another user stays, and hinders nobody.
fn tidy(spool: &Path) {
    for entry in std::fs::read_dir(spool).into_iter().flatten().flatten() {
        let is_directory = entry.file_type().is_ok_and(|it| it.is_dir());
        let is_ours = is_directory && entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_ours && let Ok(Some(_lock)) = held(&entry.path()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
