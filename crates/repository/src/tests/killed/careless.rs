//! Directories that leave out a sync, to show that these tests notice.

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path as FilePath, PathBuf};

/// What is not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Omission {
    /// The bytes of an object.
    Content,
    /// The directory that an object's name is in, and those above it.
    Names,
    /// The directories above that one.
    Ways,
}

#[derive(Debug)]
pub(super) struct Careless {
    inner: LocalFileSystem,
    root: PathBuf,
    omits: Omission,
}

impl Careless {
    pub(super) fn new(root: &FilePath, omits: Omission) -> Self {
        fs::create_dir_all(root).unwrap();
        // What is left out is left out below it.
        File::open(root.parent().unwrap()).unwrap().sync_all().unwrap();
        let inner = LocalFileSystem::new_with_prefix(root).unwrap().with_automatic_cleanup(true);
        Self { inner, root: root.to_owned(), omits }
    }

    fn put(&self, file: &FilePath, payload: &PutPayload, mode: &PutMode) -> io::Result<()> {
        let folder = file.parent().unwrap();
        fs::create_dir_all(folder)?;
        let number = u32::from_le_bytes(ambient::random_bytes());
        let staged = folder.join(format!("{}#{number}", file.file_name().unwrap().display()));
        let mut content = File::create_new(&staged)?;
        payload.iter().try_for_each(|bytes| content.write_all(bytes))?;
        if self.omits != Omission::Content {
            content.sync_all()?;
        }
        let named = match mode {
            PutMode::Create => fs::hard_link(&staged, file),
            _ => fs::rename(&staged, file),
        };
        let _renamed = fs::remove_file(&staged);
        named?;
        let folders = folder.ancestors().take_while(|at| at.starts_with(&self.root));
        let synced = match self.omits {
            Omission::Content => usize::MAX,
            Omission::Names => 0,
            Omission::Ways => 1,
        };
        folders.take(synced).try_for_each(|folder| File::open(folder)?.sync_all())
    }
}

impl std::fmt::Display for Careless {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

#[async_trait]
impl ObjectStore for Careless {
    async fn put_opts(&self, at: &Path, payload: PutPayload, opts: PutOptions) -> object_store::Result<PutResult> {
        let file = self.inner.path_to_filesystem(at)?;
        let done = self.put(&file, &payload, &opts.mode);
        done.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                object_store::Error::AlreadyExists { path: at.to_string(), source: Box::new(error) }
            }
            _ => object_store::Error::Generic { store: "careless", source: Box::new(error) },
        })?;
        Ok(PutResult { e_tag: None, version: None, extensions: Default::default() })
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, opts).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.inner.get_opts(at, options).await
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
        self.inner.copy_opts(from, to, options).await
    }
}
