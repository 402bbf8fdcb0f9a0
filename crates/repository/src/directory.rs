//! A directory as a store: what it has reported as written is on the disk, with every directory on the way to it.
//!
//! `object_store` writes an object under another name, syncs it, links or renames it, and syncs the directory that it is in.
//! It syncs directories that it has made, too; but one that another writer has made a moment before, or that was left by one
//! who was killed, it only finds there. So the way up is synced here, once for each directory.

use crate::{Error, failure};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, RenameOptions, UploadPart,
};
use std::collections::HashMap;
use std::fs::{DirBuilder, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Directories that are remembered as synced; above it all are forgotten.
const REMEMBERED: usize = 4096;

/// Writes a directory's entries to the disk.
type Sync = Box<dyn Fn(&FilePath) -> io::Result<()> + Send + std::marker::Sync>;

/// A durable store in a directory.
#[derive(Debug)]
pub(crate) struct Directory {
    inner: LocalFileSystem,
    ways: Arc<Ways>,
}

impl Directory {
    /// The store in `root`, which must be there.
    pub(crate) fn new(root: &FilePath) -> object_store::Result<Self> {
        let inner = LocalFileSystem::new_with_prefix(root)?;
        let inner = inner.with_fsync(true).with_automatic_cleanup(true);
        let ways = Arc::new(Ways::new(sync));
        Ok(Self { inner, ways })
    }

    /// The way to an object that was written.
    fn way(&self, location: &Path) -> object_store::Result<Way> {
        let root = self.inner.path_to_filesystem(&Path::from("x"))?;
        Ok(Way {
            root: root.parent().map(FilePath::to_owned).unwrap_or_default(),
            file: self.inner.path_to_filesystem(location)?,
            ways: self.ways.clone(),
        })
    }
}

/// Makes the directory at `path`, with what is missing on the way to it, all of it on the disk and for nobody else to read.
pub(crate) fn make(path: &FilePath) -> Result<(), Error> {
    let missing: Vec<&FilePath> = path.ancestors().take_while(|at| !at.exists()).collect();
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(path);
    made.map_err(|error| failure::of_file(path, &error))?;
    for parent in missing.iter().filter_map(|made| made.parent()) {
        sync(parent).map_err(|error| failure::of_file(parent, &error))?;
    }
    Ok(())
}

/// Tries whether a file in the directory at `path` can have a second name: a create that must not replace anything is one.
pub(crate) fn try_links(
    path: &FilePath,
    link: impl FnOnce(&FilePath, &FilePath) -> io::Result<()>,
) -> Result<(), Error> {
    // Names with a number after '#' are no objects.
    let first = path.join(format!("links-{}#1", ambient::random_id(12)));
    let second = first.with_extension("second#2");
    let made = File::create_new(&first).map_err(|error| failure::of_directory(path, &first, &error));
    let linked = made.and_then(|_file| {
        link(&first, &second).map_err(|error| {
            let why = failure::cut(&error.to_string());
            let reason = format!("{} has no hard links, which creating is built on: {why}", path.display());
            Error::Settings { what: "directory", reason }
        })
    });
    for made in [&first, &second] {
        let _absent = std::fs::remove_file(made);
    }
    linked
}

fn sync(directory: &FilePath) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Which directories are known to be on the disk, themselves and all above them.
struct Ways {
    synced: Mutex<HashMap<PathBuf, Born>>,
    sync: Sync,
}

/// Which directory of that name it is: it may be removed and made anew, by others too.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Born {
    inode: u64,
    at: SystemTime,
}

impl Ways {
    fn new(sync: impl Fn(&FilePath) -> io::Result<()> + Send + std::marker::Sync + 'static) -> Self {
        Self { synced: Mutex::default(), sync: Box::new(sync) }
    }

    /// Syncs what holds the directories between `root` and the object's `file`, unless that was done.
    fn settle(&self, root: &FilePath, file: &FilePath) -> io::Result<()> {
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

    fn synced(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, Born>> {
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
struct Way {
    root: PathBuf,
    file: PathBuf,
    ways: Arc<Ways>,
}

impl Way {
    async fn settle(self) -> object_store::Result<()> {
        let file = self.file.display().to_string();
        let done = tokio::task::spawn_blocking(move || self.ways.settle(&self.root, &self.file)).await;
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

impl std::fmt::Display for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Directory {
    async fn put_opts(&self, at: &Path, payload: PutPayload, opts: PutOptions) -> object_store::Result<PutResult> {
        let done = self.inner.put_opts(at, payload, opts).await?;
        self.way(at)?.settle().await?;
        Ok(done)
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        let (inner, way) = (self.inner.put_multipart_opts(at, opts).await?, self.way(at)?);
        Ok(Box::new(Upload { inner, way }))
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.inner.get_opts(at, options).await
    }

    async fn get_ranges(&self, at: &Path, ranges: &[Range<u64>]) -> object_store::Result<Vec<Bytes>> {
        self.inner.get_ranges(at, ranges).await
    }

    fn delete_stream(
        &self,
        keys: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(keys)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await?;
        self.way(to)?.settle().await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> object_store::Result<()> {
        self.inner.rename_opts(from, to, options).await?;
        self.way(to)?.settle().await
    }
}

/// An object of many pieces: on the disk once it is complete.
#[derive(Debug)]
struct Upload {
    inner: Box<dyn MultipartUpload>,
    way: Way,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> object_store::Result<PutResult> {
        let done = self.inner.complete().await?;
        self.way.clone().settle().await?;
        Ok(done)
    }

    async fn abort(&mut self) -> object_store::Result<()> {
        self.inner.abort().await
    }
}

#[cfg(test)]
mod tests;
