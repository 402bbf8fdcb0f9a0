//! The directory of a follower: its lock, its file, and the note of a promotion. Start at [`Home::find`].
//!
//! | name | what |
//! |---|---|
//! | `.lock` | held (`flock`) by whoever follows into the directory or promotes it |
//! | `db` | the file |
//! | `.db-*` | one that is being made; left by a killed process, the next one removes it |
//! | `promoting` | written before a promotion begins: as which state, in a line of JSON, and where it goes to |
//! | `promoted` | the same, once there is nothing here any more |

use super::build::{self, Begin};
use super::file::Followed;
use super::{FollowError, Position};
use crate::FileError;
use crate::rebuild::RebuildError;
use crate::rebuild::beside::{clear_directory, make_directory, sync_directory};
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const LOCK: &str = ".lock";
const FILE: &str = "db";
const NEW: &str = ".db-";
const PROMOTING: &str = "promoting";
const PROMOTED: &str = "promoted";
/// Where a member keeps its database.
pub(super) const DATABASE: &str = "member/snap/db";

/// A directory, held.
pub(super) struct Home {
    path: PathBuf,
    _lock: File,
}

/// A note of a promotion.
pub(super) struct Note {
    /// As which state.
    pub(super) position: Option<Position>,
    /// Where it goes to.
    pub(super) into: PathBuf,
}

impl Note {
    /// Reads a note; those of earlier versions have only where it goes to.
    fn parse(bytes: &[u8]) -> Self {
        let line = bytes.iter().position(|byte| *byte == b'\n').map(|end| bytes.split_at(end));
        let position = line.and_then(|(position, _)| serde_json::from_slice(position).ok());
        let into = match (&position, line) {
            (Some(_), Some((_, rest))) => rest.get(1..).unwrap_or_default(),
            _ => bytes,
        };
        Self { position, into: PathBuf::from(OsStr::from_bytes(into)) }
    }
}

/// What a directory holds.
pub(super) enum Found {
    /// A file that says what it follows; not checked yet.
    File(Box<Followed<File>>),
    /// Nothing, or what was there has been promoted.
    Nothing,
    /// A file that cannot be used, and why.
    Unusable(String),
}

impl Home {
    pub(super) fn open(path: &Path) -> Result<Self, FollowError> {
        if path.symlink_metadata().is_err() {
            make_directory(path)?;
            sync_directory(path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
        }
        let shown = || path.display().to_string();
        let entries = match fs::read_dir(path) {
            Err(e) if e.kind() == io::ErrorKind::NotADirectory => return Err(FollowError::Occupied { path: shown() }),
            entries => entries.map_err(FileError::io(path.display(), "read"))?,
        };
        let mut left = Vec::new();
        for entry in entries {
            let name = entry.map_err(FileError::io(path.display(), "read"))?.file_name();
            let name = name.to_string_lossy().into_owned();
            if name.starts_with(NEW) {
                left.push(path.join(&name));
            } else if ![LOCK, FILE, PROMOTING, PROMOTED, "lost+found"].contains(&name.as_str()) {
                return Err(FollowError::Occupied { path: shown() });
            }
        }
        let lock = path.join(LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(&lock);
        let file = file.map_err(FileError::io(lock.display(), "opened"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FollowError::Busy { path: shown() }),
            Err(TryLockError::Error(e)) => return Err(FileError::io(lock.display(), "locked")(e).into()),
        }
        for path in left {
            remove(&path)?;
        }
        Ok(Self { path: path.to_owned(), _lock: file })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self) -> PathBuf {
        self.path.join(FILE)
    }

    /// Looks at what is there, and ends or undoes a promotion that was killed.
    pub(super) fn find(&self) -> Result<Found, FollowError> {
        let path = self.file();
        let promoting = self.note(PROMOTING)?.map(|note| note.into);
        let Ok(own) = fs::symlink_metadata(&path) else {
            if promoting.is_some() {
                self.left()?;
            }
            return Ok(Found::Nothing);
        };
        if let Some(into) = &promoting {
            let there = fs::metadata(into.join(DATABASE));
            if there.is_ok_and(|there| (there.dev(), there.ino()) == (own.dev(), own.ino())) {
                self.left()?;
                return Ok(Found::Nothing);
            }
            clear_directory(into)?;
        }
        let links = fs::symlink_metadata(&path)
            .map_err(FileError::io(path.display(), "read"))?
            .nlink();
        if links > 1 {
            // Somebody else may write to it: an etcd, after its directory was moved.
            return Ok(Found::Unusable(format!("{} has other names: it became a member's", path.display())));
        }
        let found = match self.reopen() {
            Ok(None) => {
                let (name, disk) = (path.display().to_string(), build::disk(&path)?);
                Followed::before_promotion(&name, disk)
            }
            found => found,
        };
        let found = match found {
            Ok(Some(file)) => Found::File(Box::new(file)),
            Ok(None) => Found::Unusable(format!("{} does not say what it follows", path.display())),
            Err(e) if e.is_damage() => Found::Unusable(e.to_string()),
            Err(e) => return Err(e.into()),
        };
        if promoting.is_some() {
            remove(&self.path.join(PROMOTING))?;
        }
        Ok(found)
    }

    /// Opens the file as it is.
    pub(super) fn reopen(&self) -> Result<Option<Followed<File>>, FileError> {
        build::open(&self.file())
    }

    /// Makes a file and puts it in the place of the one that is there, if one is.
    pub(super) fn build(&self, begin: &Begin<'_>) -> Result<Followed<File>, RebuildError> {
        let new = self.path.join(format!("{NEW}{}", ambient::random_id(8)));
        let built = build::build(begin, &new, &self.path).and_then(|_| {
            fs::rename(&new, self.file()).map_err(FileError::io(self.file().display(), "put in place"))?;
            sync_directory(&self.path)?;
            let opened = self.reopen()?;
            opened.ok_or_else(|| FileError::damaged(self.file().display(), "its buckets", "it was replaced").into())
        });
        match &built {
            Ok(_) => [PROMOTED, PROMOTING]
                .iter()
                .try_for_each(|note| remove(&self.path.join(note)))?,
            // What cannot be removed now, the next process removes.
            Err(_) => drop(fs::remove_file(&new)),
        }
        built
    }

    /// Notes that the file, which is at `position`, is about to become the database of the data directory `into`.
    pub(super) fn promoting(&self, into: &Path, position: &Position) -> Result<(), FileError> {
        let path = self.path.join(PROMOTING);
        let io = |doing| FileError::io(path.display(), doing);
        let into = std::path::absolute(into).map_err(io("written"))?;
        let mut note = serde_json::to_vec(position).map_err(|e| io("written")(e.into()))?;
        note.push(b'\n');
        note.extend(into.as_os_str().as_bytes());
        let mut file = File::create(&path).map_err(io("created"))?;
        file.write_all(&note).map_err(io("written"))?;
        file.sync_all().map_err(io("synced"))?;
        sync_directory(&self.path)
    }

    /// The file stays: what becomes a member's is a copy.
    pub(super) fn staying(&self) -> Result<(), FileError> {
        remove(&self.path.join(PROMOTING))
    }

    /// The promotion is done: nothing is here any more.
    pub(super) fn left(&self) -> Result<(), FileError> {
        remove(&self.file())?;
        let done = fs::rename(self.path.join(PROMOTING), self.path.join(PROMOTED));
        done.map_err(FileError::io(self.path.join(PROMOTED).display(), "written"))?;
        sync_directory(&self.path)
    }

    /// What was here, and where it went to.
    pub(super) fn promoted(&self) -> Result<Option<Note>, FileError> {
        self.note(PROMOTED)
    }

    fn note(&self, name: &str) -> Result<Option<Note>, FileError> {
        let path = self.path.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(Note::parse(&bytes))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(FileError::io(path.display(), "read")(e)),
        }
    }
}

/// Removes a file; one that is not there is removed already.
pub(super) fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done.map_err(FileError::io(path.display(), "removed")),
    }
}
