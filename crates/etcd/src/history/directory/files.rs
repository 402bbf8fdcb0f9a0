//! The few calls that [`super::Directory`] makes on the file system, so that a test can take the power away between any two.

use super::gone;
use crate::history::shelf::Object;
use nix::errno::Errno;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, FileExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// About so many objects of one directory keep their file open; others open it for each read. A history has thousands of segments,
/// and a process may have 1,024 files. Those opened first keep theirs: a base, which is read for long, and may be removed meanwhile.
const KEPT_OPEN: usize = 32;

/// Files in one directory, by name.
pub(super) trait Files: Send + Sync {
    /// The names of all files.
    fn names(&self) -> io::Result<Vec<String>>;
    /// A new file, which its writer holds until the draft is dropped.
    fn create(&self, name: &str) -> io::Result<Box<dyn Draft>>;
    /// Opens for reading; `anew` from the disk itself, as far as that can be had.
    fn open(&self, name: &str, anew: bool) -> io::Result<Arc<dyn Object>>;
    /// Another name for a file, beside its first or in its place; `AlreadyExists` if that is taken.
    fn link(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a name; none that is not there.
    fn discard(&self, name: &str) -> io::Result<()>;
    /// Removes the draft of a writer that is no more.
    fn discard_if_left(&self, name: &str) -> io::Result<()>;
    /// Makes names durable.
    fn sync(&self) -> io::Result<()>;
}

/// A file being written.
pub(super) trait Draft: Write {
    /// Makes the content durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// By what a directory is known again.
struct Itself {
    /// Its device and inode.
    id: (u64, u64),
    /// What was put into it last.
    last: Option<String>,
}

/// The file system.
pub(super) struct Disk {
    path: PathBuf,
    itself: Mutex<Itself>,
    /// One for each file that is kept open, and this one.
    kept_open: Arc<()>,
}

impl Disk {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if !path.is_dir() {
            // What is in it is what Kubernetes keeps secret.
            fs::DirBuilder::new().mode(0o700).create(path)?;
            let parent = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(parent)?.sync_all()?;
        }
        let itself = Mutex::new(Itself { id: Self::identity(path)?, last: None });
        Ok(Self { path: path.to_owned(), itself, kept_open: Arc::default() })
    }

    /// Which directory it is, whatever it is called.
    fn identity(path: &Path) -> io::Result<(u64, u64)> {
        use std::os::unix::fs::MetadataExt;
        let found = fs::metadata(path)?;
        Ok((found.dev(), found.ino()))
    }

    /// Where a disk is no longer mounted, an empty directory is in its place: what is written there would be missed later. One that is
    /// mounted again may have other numbers, and holds what was written last.
    fn is_itself(&self) -> io::Result<()> {
        let now = Self::identity(&self.path)?;
        let mut itself = self.itself.lock().unwrap_or_else(PoisonError::into_inner);
        let back = || itself.last.as_ref().is_some_and(|last| self.path.join(last).exists());
        if now == itself.id || back() {
            itself.id = now;
            return Ok(());
        }
        let why = "another directory is in the place of the history's: is its disk still mounted?";
        Err(io::Error::new(io::ErrorKind::NotFound, why))
    }
}

impl Files for Disk {
    fn names(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Draft>> {
        self.is_itself()?;
        use std::os::unix::fs::OpenOptionsExt;
        let file = File::options()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(self.path.join(name))?;
        file.try_lock()?;
        Ok(Box::new(DiskDraft(file)))
    }

    fn open(&self, name: &str, anew: bool) -> io::Result<Arc<dyn Object>> {
        let path = self.path.join(name);
        let file = File::open(&path)?;
        let bytes = file.metadata()?.len();
        if anew {
            // Only advice: where it is not taken, the memory's copy is compared.
            let _ = posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
        }
        let kept = (Arc::strong_count(&self.kept_open) <= KEPT_OPEN).then(|| (file, Arc::clone(&self.kept_open)));
        Ok(Arc::new(DiskObject { path, bytes, kept }))
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        let last = to.to_owned();
        let (from, to) = (self.path.join(from), self.path.join(to));
        match fs::hard_link(&from, &to) {
            Err(e) if has_no_links(&e) => rename_to_new(&from, &to),
            done => done,
        }?;
        self.itself.lock().unwrap_or_else(PoisonError::into_inner).last = Some(last);
        Ok(())
    }

    fn discard(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn discard_if_left(&self, name: &str) -> io::Result<()> {
        let file = match File::open(self.path.join(name)) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e),
        };
        // A writer that lives holds it.
        if file.try_lock().is_ok() {
            self.discard(name)
        } else {
            Ok(())
        }
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

struct DiskDraft(File);

impl Write for DiskDraft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Draft for DiskDraft {
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }
}

/// Whether that is what a file system says which has no second names: FAT, some network and user space file systems.
fn has_no_links(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw);
    matches!(code, Some(Errno::EPERM | Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EINVAL))
}

/// Gives a file another name in the place of its first, if that is free.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
    match renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE) {
        Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => Err(cannot_publish()),
        done => Ok(done?),
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn rename_to_new(_: &Path, _: &Path) -> io::Result<()> {
    Err(cannot_publish())
}

fn cannot_publish() -> io::Error {
    let why =
        "the file system can neither link a file nor rename it without replacing another: a history needs one that can";
    io::Error::new(io::ErrorKind::Unsupported, why)
}

struct DiskObject {
    path: PathBuf,
    bytes: u64,
    kept: Option<(File, Arc<()>)>,
}

impl Object for DiskObject {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        match &self.kept {
            Some((file, _)) => file.read_exact_at(into, offset),
            None => File::open(&self.path).map_err(gone)?.read_exact_at(into, offset),
        }
    }
}

#[cfg(test)]
pub(in crate::history) use tests::open_in;
#[cfg(test)]
mod tests;
