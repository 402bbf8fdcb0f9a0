//! Building beside: a folder next to the target, in which all is made and synced before it is renamed into place.
//!
//! The folder is called `.{name}.lifeboat-{random}` and locked while somebody works in it; the system drops the lock with the
//! process, so one that is not locked was left by a killed process and is removed. Where the target is a directory already
//! (empty, perhaps a mount of its own with its own owner), the folder is made in it and only `member` is renamed.

use crate::FileError;
use crate::rebuild::RebuildError;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, FallocateFlags, RenameFlags, fallocate, renameat2};
use std::fs::{DirBuilder, File, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Called before each step that changes the disk, with its name; what it returns, the step returns.
pub(crate) type Hook<'a> = &'a (dyn Fn(&str) -> io::Result<()> + Sync);

/// A folder beside a target. It goes when this does, with all that was not published.
pub(crate) struct Beside<'a> {
    folder: PathBuf,
    /// What in the folder is the result, and where it goes.
    result: PathBuf,
    target: PathBuf,
    hook: Hook<'a>,
    _lock: File,
}

impl<'a> Beside<'a> {
    /// For a file, which must not be there. It is to be made as [`Beside::result`].
    pub(crate) fn of_file(path: &Path, hook: Hook<'a>) -> Result<Self, RebuildError> {
        if path.symlink_metadata().is_ok() {
            return Err(occupied(path));
        }
        let (parent, name) = split(path)?;
        Self::create(&parent, &name, "result", path.to_owned(), path, hook)
    }

    /// For a data directory, which must not be there or must be empty. `member` is to be made in `data` in the folder.
    pub(crate) fn of_directory(path: &Path, hook: Hook<'a>) -> Result<Self, RebuildError> {
        match std::fs::read_dir(path) {
            Ok(entries) => {
                for entry in entries {
                    let name = entry.map_err(FileError::io(path.display(), "read"))?.file_name();
                    let name = name.to_string_lossy();
                    // What mkfs leaves in an empty file system, and what a killed rebuild left.
                    if name != "lost+found" && !name.starts_with(&prefix("member")) {
                        return Err(occupied(path));
                    }
                }
                Self::create(path, "member", "data/member", path.join("member"), path, hook)
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_err() => {
                let (parent, name) = split(path)?;
                Self::create(&parent, &name, "data", path.to_owned(), path, hook)
            }
            // A file, or a link that leads nowhere.
            Err(e) if matches!(e.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::NotFound) => Err(occupied(path)),
            Err(e) => Err(FileError::io(path.display(), "read")(e).into()),
        }
    }

    fn create(
        parent: &Path,
        name: &str,
        result: &str,
        target: PathBuf,
        asked: &Path,
        hook: Hook<'a>,
    ) -> Result<Self, RebuildError> {
        clear(parent, name, asked)?;
        hook("folder").map_err(FileError::io(asked.display(), "rebuilt"))?;
        let folder = parent.join(format!("{}{}", prefix(name), ambient::random_id(8)));
        make_directory(&folder)?;
        let lock = File::open(&folder).map_err(FileError::io(folder.display(), "opened"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                result: folder.join(result),
                folder,
                target,
                hook,
                _lock: lock,
            }),
            // Somebody who starts at this very moment takes it for a leftover.
            Err(TryLockError::WouldBlock) => Err(RebuildError::Busy { path: asked.display().to_string() }),
            Err(TryLockError::Error(e)) => {
                // Best effort: the error that matters is the other one.
                let _ = std::fs::remove_dir(&folder);
                Err(FileError::io(folder.display(), "locked")(e).into())
            }
        }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What will be at the target.
    pub(crate) fn result(&self) -> &Path {
        &self.result
    }

    /// A step begins.
    pub(crate) fn point(&self, step: &str) -> Result<(), FileError> {
        (self.hook)(step).map_err(FileError::io(self.target.display(), "rebuilt"))
    }

    /// Makes a directory in the folder, for its owner only, as etcd does.
    pub(crate) fn directory(&self, path: &str) -> Result<(), FileError> {
        self.point("directory")?;
        make_directory(&self.folder.join(path))
    }

    /// Makes a file in the folder, synced, for its owner only; its space is reserved up to `bytes`, as zeros.
    pub(crate) fn file(&self, path: &str, content: &[u8], bytes: u64) -> Result<(), FileError> {
        self.point("file")?;
        let path = self.folder.join(path);
        let io = |doing| FileError::io(path.display(), doing);
        let mut file = File::create_new(&path).map_err(io("created"))?;
        if bytes > content.len() as u64 {
            reserve(&file, bytes).map_err(io("laid out"))?;
        }
        file.write_all(content).map_err(io("written"))?;
        self.sync_file(&path, &file)
    }

    /// Makes a file in the folder durable, for its owner only.
    pub(crate) fn sync_file(&self, path: &Path, file: &File) -> Result<(), FileError> {
        self.point("sync file")?;
        let io = |doing| FileError::io(path.display(), doing);
        // A change of nothing would have to be synced, too.
        let mode = file.metadata().map_err(io("read"))?.permissions().mode();
        if mode & 0o7777 != 0o600 {
            file.set_permissions(Permissions::from_mode(0o600)).map_err(io("changed"))?;
        }
        file.sync_all().map_err(io("synced"))
    }

    /// Makes a directory in the folder durable.
    pub(crate) fn sync_directory(&self, path: &str) -> Result<(), FileError> {
        self.point("sync directory")?;
        sync_directory(&self.folder.join(path))
    }

    /// Renames the result, which must be synced, to the target, and makes that durable. When it fails, nothing is there.
    pub(crate) fn publish(&self) -> Result<(), RebuildError> {
        self.point("rename")?;
        rename_to_nothing(&self.result, &self.target)?;
        let synced = self.point("sync target").map_err(RebuildError::from);
        let synced = synced.and_then(|()| Ok(sync_directory(&split(&self.target)?.0)?));
        if synced.is_err() {
            self.take_back();
        }
        synced
    }

    /// Undoes [`Beside::publish`].
    pub(crate) fn take_back(&self) {
        // Best effort: there is an error to report already, and the next rebuild says that the target is occupied.
        let _ = std::fs::rename(&self.target, &self.result);
    }
}

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        // What cannot be removed now is not locked any more and goes with the next rebuild.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Removes what killed rebuilds of a data directory left beside it, or in it.
pub(crate) fn clear_directory(path: &Path) -> Result<(), RebuildError> {
    if path.is_dir() {
        clear(path, "member", path)?;
    }
    match split(path) {
        Ok((parent, name)) if parent.is_dir() => clear(&parent, &name, path),
        _ => Ok(()),
    }
}

/// Removes what killed rebuilds of `name` left in `parent`.
fn clear(parent: &Path, name: &str, asked: &Path) -> Result<(), RebuildError> {
    let unread = || FileError::io(parent.display(), "read");
    for entry in std::fs::read_dir(parent).map_err(unread())? {
        let entry = entry.map_err(unread())?;
        if !entry.file_name().to_string_lossy().starts_with(&prefix(name)) {
            continue;
        }
        let left = entry.path();
        let lock = match File::open(&left) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            lock => lock.map_err(FileError::io(left.display(), "opened"))?,
        };
        match lock.try_lock() {
            Ok(()) => std::fs::remove_dir_all(&left).map_err(FileError::io(left.display(), "removed"))?,
            Err(TryLockError::WouldBlock) => return Err(RebuildError::Busy { path: asked.display().to_string() }),
            Err(TryLockError::Error(e)) => return Err(FileError::io(left.display(), "locked")(e).into()),
        }
    }
    Ok(())
}

fn prefix(name: &str) -> String {
    format!(".{name}.lifeboat-")
}

fn occupied(path: &Path) -> RebuildError {
    RebuildError::Occupied { path: path.display().to_string() }
}

/// The directory that a path is in, and its name there.
fn split(path: &Path) -> Result<(PathBuf, String), FileError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.ok_or_else(|| {
        let reason = io::Error::new(io::ErrorKind::InvalidInput, "it has no name of its own");
        FileError::io(path.display(), "made")(reason)
    })?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    Ok((parent.unwrap_or(Path::new(".")).to_owned(), name))
}

pub(crate) fn make_directory(path: &Path) -> Result<(), FileError> {
    DirBuilder::new()
        .mode(0o700)
        .create(path)
        .map_err(FileError::io(path.display(), "created"))
}

pub(crate) fn sync_directory(path: &Path) -> Result<(), FileError> {
    let directory = File::open(path).map_err(FileError::io(path.display(), "opened"))?;
    directory.sync_all().map_err(FileError::io(path.display(), "synced"))
}

/// Takes the space now, so that etcd does not run out of it while it appends.
fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    let length = i64::try_from(bytes).map_err(io::Error::other)?;
    match fallocate(file, FallocateFlags::empty(), 0, length) {
        // Not every file system can; etcd does without, too.
        Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => file.set_len(bytes),
        done => Ok(done?),
    }
}

/// Renames, unless there is something by now: an empty directory is something, too.
fn rename_to_nothing(from: &Path, to: &Path) -> Result<(), RebuildError> {
    let renamed = match renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE) {
        // Not every file system can. A directory then replaces an empty one only; of a file, a second name is made.
        Err(Errno::EINVAL | Errno::ENOSYS) if from.is_dir() => std::fs::rename(from, to),
        Err(Errno::EINVAL | Errno::ENOSYS) => std::fs::hard_link(from, to),
        done => done.map_err(io::Error::from),
    };
    renamed.map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty => occupied(to),
        _ => FileError::io(to.display(), "put in place")(e).into(),
    })
}

#[cfg(test)]
mod tests;
