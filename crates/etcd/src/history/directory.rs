//! A shelf in a directory. Start at [`Directory`].
//!
//! An object is written beside under a hidden name, synced, read back from the disk, and only then linked under its own name,
//! which fails if that is taken; then the directory is synced. So a crash leaves whole objects and hidden leftovers, which the
//! next writer removes.

mod files;

use super::{
    name::Name,
    shelf::{Object, Put, Shelf},
};
use crate::FileError;
use files::{Disk, Draft, Files};
use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

/// What names of objects that are being written begin with.
const DRAFT: &str = ".tmp-";
/// How much is read or written at once.
const CHUNK_BYTES: usize = 256 << 10;

/// A shelf in a directory of the local machine.
pub struct Directory {
    path: PathBuf,
    files: Box<dyn Files>,
    /// Whether the leftovers of writers that were killed have been removed.
    tidied: AtomicBool,
}

/// Held by whoever adds to a directory's history, so that there is one; given back when it is dropped, also by being killed.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "closing it gives the lock back")] File);

impl Directory {
    /// The shelf at `path`, which is made if it is not there.
    ///
    /// # Errors
    /// It cannot be made, or is no directory.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let files = Disk::open(path).map_err(FileError::io(path.display(), "opened"))?;
        Ok(Self::over(path, Box::new(files)))
    }

    fn over(path: &Path, files: Box<dyn Files>) -> Self {
        Self { path: path.to_owned(), files, tidied: AtomicBool::new(false) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the lock of whoever adds to this history. Not needed for reading, nor by [`Shelf::create`] itself.
    ///
    /// # Errors
    /// Somebody else holds it (`WouldBlock`), or the disk refuses.
    pub fn lock(&self) -> Result<Lock, FileError> {
        let path = self.path.join(".lock");
        let fail = |e| FileError::io(path.display(), "locked")(e);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(fail)?;
        file.try_lock().map_err(|e| fail(e.into()))?;
        Ok(Lock(file))
    }

    fn shown(&self, name: &Name) -> String {
        self.path.join(name.to_string()).display().to_string()
    }

    fn tidy(&self) -> io::Result<()> {
        if self.tidied.swap(true, Relaxed) {
            return Ok(());
        }
        let names = self.files.names()?;
        names
            .iter()
            .filter(|name| name.starts_with(DRAFT))
            .try_for_each(|name| self.files.discard_if_left(name))
    }

    /// Writes the draft, and returns it, still held, with its hash when it is on the disk.
    fn write(&self, draft: &str, body: &mut dyn Read) -> io::Result<(Box<dyn Draft>, blake3::Hash)> {
        let mut file = self.files.create(draft)?;
        let mut hasher = blake3::Hasher::new();
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match body.read(&mut chunk) {
                Ok(0) => break,
                Ok(bytes) => {
                    let part = chunk.get(..bytes).ok_or(io::ErrorKind::InvalidData)?;
                    hasher.update(part);
                    file.write_all(part)?;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        file.sync()?;
        let hash = hasher.finalize();
        if hash_of(&*self.files.open(draft, true)?)? == hash {
            return Ok((file, hash));
        }
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the disk gives back something else than was written",
        ))
    }

    /// Gives the draft its name, if that is free or the same is there.
    fn publish(&self, draft: &str, name: &Name, hash: blake3::Hash) -> Result<Put, FileError> {
        let fail = |doing| FileError::io(self.shown(name), doing);
        let put = match self.files.link(draft, &name.to_string()) {
            Ok(()) => Put::Created,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                let there = self.files.open(&name.to_string(), true).and_then(|it| hash_of(&*it));
                if there.map_err(fail("read"))? != hash {
                    let why = "an object of this name with other content is there already";
                    return Err(FileError::damaged(self.shown(name), "byte 0", why));
                }
                Put::Existed
            }
            Err(e) => return Err(fail("created")(e)),
        };
        // Also where it existed: whoever made it may not have got as far.
        self.files.sync().map_err(fail("synced"))?;
        Ok(put)
    }
}

impl Shelf for Directory {
    fn create(&self, name: &Name, body: &mut dyn Read) -> Result<Put, FileError> {
        self.tidy().map_err(FileError::io(self.path.display(), "tidied"))?;
        let draft = format!("{DRAFT}{}", ambient::random_id(12));
        let written = self.write(&draft, body).map_err(FileError::io(self.shown(name), "written"));
        let put = written.and_then(|(_held, hash)| self.publish(&draft, name, hash));
        // What cannot be removed now is removed by the next writer.
        let _ = self.files.discard(&draft);
        put
    }

    fn list(&self) -> Result<Vec<Name>, FileError> {
        let names = self.files.names().map_err(FileError::io(self.path.display(), "listed"))?;
        let mut names: Vec<Name> = names.iter().filter_map(|name| name.parse().ok()).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn open(&self, name: &Name) -> Result<Arc<dyn Object>, FileError> {
        self.files
            .open(&name.to_string(), false)
            .map_err(gone)
            .map_err(FileError::io(self.shown(name), "opened"))
    }

    fn remove(&self, name: &Name) -> Result<(), FileError> {
        let removed = self.files.discard(&name.to_string()).and_then(|()| self.files.sync());
        removed.map_err(FileError::io(self.shown(name), "removed"))
    }
}

/// Names are known from a list, so that one that is not there was removed since.
fn gone(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::NotFound {
        return error;
    }
    let why = "it is no longer there: the history was merged or thinned out meanwhile; do the same again";
    io::Error::new(io::ErrorKind::NotFound, why)
}

fn hash_of(object: &dyn Object) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut at = 0;
    while at < object.len() {
        let bytes = usize::try_from(object.len() - at).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
        let part = chunk.get_mut(..bytes).ok_or(io::ErrorKind::InvalidData)?;
        object.read_at(at, part)?;
        hasher.update(part);
        at += bytes as u64;
    }
    Ok(hasher.finalize())
}

#[cfg(test)]
pub(super) use files::open_in as open_files_in;
#[cfg(test)]
mod tests;
