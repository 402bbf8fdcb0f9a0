//! The few calls that [`super::Directory`] makes on the file system, so that a test can take the power away between any two.

use crate::history::shelf::Object;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, FileExt},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Files in one directory, by name.
pub(super) trait Files: Send + Sync {
    /// The names of all files.
    fn names(&self) -> io::Result<Vec<String>>;
    /// A new file, which its writer holds until the draft is dropped.
    fn create(&self, name: &str) -> io::Result<Box<dyn Draft>>;
    /// Opens for reading; `anew` from the disk itself, as far as that can be had.
    fn open(&self, name: &str, anew: bool) -> io::Result<Arc<dyn Object>>;
    /// A second name for a file; `AlreadyExists` if that is taken.
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

/// The file system.
pub(super) struct Disk {
    path: PathBuf,
}

impl Disk {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if !path.is_dir() {
            // What is in it is what Kubernetes keeps secret.
            fs::DirBuilder::new().mode(0o700).create(path)?;
            let parent = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(parent)?.sync_all()?;
        }
        Ok(Self { path: path.to_owned() })
    }
}

impl Files for Disk {
    fn names(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Draft>> {
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
        let file = File::open(self.path.join(name))?;
        let bytes = file.metadata()?.len();
        if anew {
            // Only advice: where it is not taken, the memory's copy is compared.
            let _ = posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
        }
        Ok(Arc::new(DiskObject { file, bytes }))
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        fs::hard_link(self.path.join(from), self.path.join(to))
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

struct DiskObject {
    file: File,
    bytes: u64,
}

impl Object for DiskObject {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(into, offset)
    }
}
