//! What is copied: local files, or one stream. Rustic skips what it cannot read and says so to nobody; here it is noted.

use super::backend::Backend;
use super::failed::told;
use super::metadata;
use super::take::Unread;
use crate::{Error, failure};
use rustic_core::repofile::{Metadata, Node, NodeType};
use rustic_core::{
    Excludes, LocalSource, LocalSourceFilterOptions, LocalSourceSaveOptions, ReadSource, ReadSourceEntry,
    ReadSourceOpen, RusticError, RusticResult,
};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What becomes known while a source is read.
#[derive(Default)]
pub(super) struct Notes {
    unread: Mutex<Vec<Unread>>,
    /// Files that were found, folders not counted, less those that could not be read.
    pub(super) files: AtomicU64,
}

impl Notes {
    fn unread(&self, path: &Path, reason: String) {
        let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        unread.push(Unread { path: path.to_owned(), reason });
    }

    /// What could not be read, in order.
    pub(super) fn all_unread(&self) -> Vec<Unread> {
        let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner).clone();
        unread.sort();
        unread
    }
}

type Entry<O> = RusticResult<ReadSourceEntry<O>>;

/// Local files and folders.
pub(super) struct Local {
    roots: Vec<(PathBuf, LocalSource)>,
    backend: Arc<Backend>,
    notes: Arc<Notes>,
}

impl Local {
    /// `roots` are absolute, in order, and none is inside another.
    pub(super) fn new(
        roots: &[PathBuf],
        excludes: &[String],
        one_file_system: bool,
        backend: Arc<Backend>,
        notes: Arc<Notes>,
    ) -> Result<Self, Error> {
        // Rustic's globs are of what is wanted, unless they begin so.
        let globs: Vec<String> = excludes.iter().map(|glob| format!("!{glob}")).collect();
        let excludes = Excludes::default().globs(globs);
        let filter = LocalSourceFilterOptions::default().one_file_system(one_file_system);
        let one = |root: &PathBuf| {
            let save = LocalSourceSaveOptions::default();
            let source = LocalSource::new(save, &excludes, &filter, std::slice::from_ref(root));
            let invalid = |error: Box<RusticError>| Error::Invalid {
                object: "a glob of what is left out".to_owned(),
                reason: told(&error),
            };
            Ok((root.clone(), source.map_err(invalid)?))
        };
        let roots = roots.iter().map(one).collect::<Result<_, _>>()?;
        Ok(Self { roots, backend, notes })
    }
}

impl ReadSource for Local {
    type Open = Opening;
    type Iter = Box<dyn Iterator<Item = Entry<Opening>> + Send>;

    fn size(&self) -> RusticResult<Option<u64>> {
        let sizes = self.roots.iter().map(|(_, source)| Ok(source.size()?.unwrap_or(0)));
        sizes.sum::<RusticResult<u64>>().map(Some)
    }

    fn entries(&self) -> Self::Iter {
        let mut above = BTreeSet::new();
        let roots: Vec<_> = self
            .roots
            .iter()
            .map(|(root, source)| {
                // Rustic leaves out what a root itself is like, and its parents.
                let folders: Vec<PathBuf> = folders(root).into_iter().filter(|at| above.insert(at.clone())).collect();
                (root.clone(), folders, source.entries())
            })
            .collect();
        let (backend, notes) = (self.backend.clone(), self.notes.clone());
        let all = roots.into_iter().flat_map(move |(root, folders, entries)| {
            let (notes, of) = (notes.clone(), root.clone());
            let folders = folders
                .into_iter()
                .map(|at| folder(&at).map_err(|error| (at, error.to_string())));
            let entries = entries.map(move |entry| entry.map_err(|error| (of.clone(), told(&error))));
            let folders = folders.map(|entry| entry.map(|entry| (entry.path, entry.node)));
            let entries = entries.map(|entry| entry.map(|entry| (entry.path, entry.node)));
            folders.chain(entries).filter_map(move |entry| noted(entry, &notes))
        });
        // Where nothing can be stored any more, nothing has to be read.
        Box::new(all.take_while(move |_entry| backend.spoilt().is_none()))
    }
}

type Found = Result<(PathBuf, Node), (PathBuf, String)>;

fn noted(found: Found, notes: &Arc<Notes>) -> Option<Entry<Opening>> {
    match found {
        Ok((path, node)) => {
            let files = u64::from(!node.is_dir());
            notes.files.fetch_add(files, Ordering::Relaxed);
            let open = node.is_file().then(|| Opening { path: path.clone(), notes: notes.clone() });
            Some(Ok(ReadSourceEntry { path, node, open }))
        }
        Err((path, reason)) => {
            notes.unread(&path, failure::cut(&reason));
            None
        }
    }
}

/// The folders from the root down to `root`, itself included if it is one.
fn folders(root: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = root
        .ancestors()
        .filter(|at| at.file_name().is_some() && at.is_dir())
        .map(Path::to_owned)
        .collect();
    folders.reverse();
    folders
}

fn folder(at: &Path) -> io::Result<ReadSourceEntry<Opening>> {
    let name = at.file_name().unwrap_or_default();
    let node = Node::new_node(name, NodeType::Dir, metadata::of_folder(at)?);
    Ok(ReadSourceEntry { path: at.to_owned(), node, open: None })
}

/// A file that is going to be read.
pub(super) struct Opening {
    path: PathBuf,
    notes: Arc<Notes>,
}

impl ReadSourceOpen for Opening {
    type Reader = Reading<File>;

    fn open(self) -> RusticResult<Reading<File>> {
        // It may have become something else meanwhile: a link that leads away, a pipe that nobody writes into.
        let careful = nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_NONBLOCK;
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(careful.bits())
            .open(&self.path)
            .and_then(|file| {
                if file.metadata()?.is_file() {
                    Ok(file)
                } else {
                    Err(io::ErrorKind::InvalidInput.into())
                }
            });
        let Self { path, notes } = self;
        match opened {
            Ok(from) => {
                let failed = Box::new(move |error: &io::Error| missed(&notes, &path, error));
                Ok(Reading { from, failed: Some(failed) })
            }
            Err(error) => {
                missed(&notes, &path, &error);
                Err(RusticError::from(rustic_core::ErrorKind::InputOutput, error))
            }
        }
    }
}

fn missed(notes: &Notes, path: &Path, error: &io::Error) {
    notes.files.fetch_sub(1, Ordering::Relaxed);
    notes.unread(path, failure::cut(&error.to_string()));
}

/// Who is told of an error.
type Failed = Box<dyn FnOnce(&io::Error) + Send>;

/// A reader that tells of its first error.
pub(super) struct Reading<R> {
    from: R,
    failed: Option<Failed>,
}

impl<R: Read> Read for Reading<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into);
        if let Err(error) = &read
            && error.kind() != io::ErrorKind::Interrupted
            && let Some(failed) = self.failed.take()
        {
            failed(error);
        }
        read
    }
}

/// A single stream, as the file `name`.
pub(super) struct Stream<R> {
    name: PathBuf,
    /// Taken when it is read.
    from: Mutex<Option<R>>,
    backend: Arc<Backend>,
}

impl<R> Stream<R> {
    pub(super) fn new(name: &str, from: R, backend: Arc<Backend>) -> Self {
        Self {
            name: PathBuf::from(name),
            from: Mutex::new(Some(from)),
            backend,
        }
    }
}

impl<R: Read + Send + 'static> ReadSource for Stream<R> {
    type Open = Reading<R>;
    type Iter = std::option::IntoIter<Entry<Reading<R>>>;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> Self::Iter {
        let from = self.from.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (backend, name) = (self.backend.clone(), self.name.clone());
        let entry = from.map(|from| {
            // Half of a stream is no copy of it.
            let failed = move |error: &io::Error| backend.spoil(failure::of_file(name, error));
            let open = Some(Reading { from, failed: Some(Box::new(failed)) });
            let now = ambient::now();
            let metadata = Metadata { mode: Some(0o600), mtime: Some(now), ..Metadata::default() };
            let node = Node::new_node(self.name.as_os_str(), NodeType::File, metadata);
            Ok(ReadSourceEntry { path: self.name.clone(), node, open })
        });
        entry.into_iter()
    }
}
