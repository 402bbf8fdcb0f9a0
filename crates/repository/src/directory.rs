//! A directory as a store: what it has reported as written is on the disk, with every directory on the way to it.
//!
//! `object_store` writes an object under another name, syncs it, links or renames it, and syncs the directory that it is in.
//! It syncs directories that it has made, too; but one that another writer has made a moment before, or that was left by one
//! who was killed, it only finds there. So the way up is synced here, once for each directory. What is removed it does not sync,
//! nor what it finds to exist: both is done here, so that nobody goes by what a loss of power takes back.

mod unfinished;
mod ways;

pub(crate) use unfinished::{remove_unfinished, unfinished};

use crate::layout::MARKER;
use crate::{Error, failure};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, UploadPart,
};
use std::fs::{DirBuilder, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, MetadataExt as _};
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use ways::{Way, Ways, sync};

/// Objects of one call that are removed at once.
const REMOVALS: usize = 8;

/// What the names of those files begin with that links are tried with.
const LINKS: &str = "links-";

/// A durable store in a directory.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    inner: LocalFileSystem,
    ways: Arc<Ways>,
    root: Arc<Root>,
}

/// The directory itself: another one in its place, as when its disk is not mounted any more, is not written to, and what is not there has
/// not been removed by anybody.
#[derive(Debug)]
struct Root {
    path: PathBuf,
    /// Device and inode.
    is: Mutex<(u64, u64)>,
}

impl Root {
    fn look(path: &FilePath) -> io::Result<(u64, u64)> {
        std::fs::metadata(path).map(|it| (it.dev(), it.ino()))
    }

    fn is_the_same(&self) -> object_store::Result<()> {
        let now = Self::look(&self.path).map_err(|error| self.generic(error))?;
        let mut is = self.is.lock().unwrap_or_else(PoisonError::into_inner);
        if *is == now {
            return Ok(());
        }
        // Mounted anew, its device may have another number.
        if !self.path.join(MARKER).exists() {
            let why = "another directory is in its place, without a repository: is its disk mounted?";
            return Err(self.generic(io::Error::other(format!("{}: {why}", self.path.display()))));
        }
        *is = now;
        Ok(())
    }

    fn generic(&self, error: io::Error) -> object_store::Error {
        object_store::Error::Generic { store: "directory", source: error.into() }
    }
}

impl Directory {
    /// The store in `root`, which must be there.
    pub(crate) fn new(root: &FilePath) -> object_store::Result<Self> {
        let inner = LocalFileSystem::new_with_prefix(root)?;
        let inner = inner.with_fsync(true).with_automatic_cleanup(true);
        let ways = Arc::new(Ways::new(sync));
        let generic = |error: io::Error| object_store::Error::Generic { store: "directory", source: error.into() };
        let root = Root {
            path: root.to_owned(),
            is: Mutex::new(Root::look(root).map_err(generic)?),
        };
        Ok(Self { inner, ways, root: Arc::new(root) })
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

    /// Syncs the names of the objects that were found in `folder`, and the way to it: whoever wrote them may have been killed before
    /// that. Their content was synced before they had these names.
    pub(crate) async fn settle(&self, folder: &Path) -> object_store::Result<()> {
        self.way(&folder.clone().join("x"))?.found().await
    }

    async fn deleted(self, key: object_store::Result<Path>) -> object_store::Result<Path> {
        let key = key?;
        self.root.is_the_same()?;
        let done = self.inner.delete(&key).await;
        // What is not there may have been removed by somebody who was killed before that was on the disk.
        if matches!(done, Ok(()) | Err(object_store::Error::NotFound { .. })) {
            self.way(&key)?.gone().await?;
        }
        done.map(|()| key)
    }
}

/// Makes the directory at `path`, with what is missing on the way to it, all of it on the disk and for nobody else to read. What is
/// there may have been made by somebody who was killed before it was on the disk.
pub(crate) fn make(path: &FilePath) -> Result<(), Error> {
    let missing = path.ancestors().take_while(|at| !at.exists()).count();
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(path);
    made.map_err(|error| failure::of_file(path, &error))?;
    for (number, parent) in path.ancestors().skip(1).enumerate() {
        match sync(parent) {
            // Others' directories need not be ours to read: who made them sees to them.
            Err(error) if number >= missing && error.kind() == io::ErrorKind::PermissionDenied => {}
            done => done.map_err(|error| failure::of_file(parent, &error))?,
        }
    }
    Ok(())
}

/// Tries whether a file in the directory at `path` can have a second name: a create that must not replace anything is one.
pub(crate) fn try_links(
    path: &FilePath,
    link: impl FnOnce(&FilePath, &FilePath) -> io::Result<()>,
) -> Result<(), Error> {
    // Names with a number after '#' are no objects, and what is left of them is found as what was not ended.
    let name = format!("{LINKS}{}", ambient::random_id(12));
    let [first, second] = [1, 2].map(|number| path.join(format!("{name}#{number}")));
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

impl std::fmt::Display for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Directory {
    async fn put_opts(&self, at: &Path, payload: PutPayload, opts: PutOptions) -> object_store::Result<PutResult> {
        self.root.is_the_same()?;
        let done = self.inner.put_opts(at, payload, opts).await;
        match &done {
            Ok(_) => self.way(at)?.settle().await?,
            // Who is told so goes by it.
            Err(object_store::Error::AlreadyExists { .. }) => self.way(at)?.found().await?,
            Err(_) => {}
        }
        done
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.root.is_the_same()?;
        let (inner, way) = (self.inner.put_multipart_opts(at, opts).await?, self.way(at)?);
        Ok(Box::new(Upload { inner, way }))
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.root.is_the_same()?;
        self.inner.get_opts(at, options).await
    }

    async fn get_ranges(&self, at: &Path, ranges: &[Range<u64>]) -> object_store::Result<Vec<Bytes>> {
        self.root.is_the_same()?;
        self.inner.get_ranges(at, ranges).await
    }

    fn delete_stream(
        &self,
        keys: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        let this = self.clone();
        keys.map(move |key| this.clone().deleted(key)).buffered(REMOVALS).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        match self.root.is_the_same() {
            Ok(()) => self.inner.list(prefix),
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.root.is_the_same()?;
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
