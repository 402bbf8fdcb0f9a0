//! A store of objects, with errors that name it: what of `object_store` the rest of the crate may use.

use crate::s3::Bucket;
use crate::{Error, StoreSettings, failure, s3};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// The largest object that is held in memory: manifests and entries of journals, in bytes. More is refused unread.
pub(crate) const SMALL: u64 = 16 << 20;

/// A directory or a bucket.
pub(crate) struct Store {
    /// Its URL, without credentials.
    pub(crate) name: String,
    directory: Option<PathBuf>,
    /// For a directory, set once it is seen to exist: its client cannot be made before.
    client: OnceLock<Arc<dyn ObjectStore>>,
}

/// An object as a list has it.
pub(crate) struct Listed {
    pub(crate) key: Path,
    /// Its length in bytes.
    pub(crate) bytes: u64,
}

impl Store {
    pub(crate) fn new(settings: StoreSettings) -> Result<Self, Error> {
        match settings {
            StoreSettings::Directory(path) => {
                let path = std::path::absolute(&path)
                    .map_err(|_empty| Error::Settings { what: "directory", reason: "its path is empty".to_owned() })?;
                Ok(Self {
                    name: path.display().to_string(),
                    directory: Some(path),
                    client: OnceLock::new(),
                })
            }
            StoreSettings::S3 { endpoint, region, bucket, prefix, access_key, secret_key } => {
                let (client, name) = s3::client(Bucket { endpoint, region, bucket, prefix, access_key, secret_key })?;
                Ok(Self::on(client, &name))
            }
        }
    }

    /// A store of any kind, under a name.
    pub(crate) fn on(client: Arc<dyn ObjectStore>, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            directory: None,
            client: client.into(),
        }
    }

    /// Makes the directory; a bucket has to be there.
    pub(crate) fn make(&self) -> Result<(), Error> {
        let Some(path) = &self.directory else { return Ok(()) };
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(path).map_err(|error| failure::of_file(path, &error))
    }

    /// The object's bytes, if they are not too many to be held.
    pub(crate) async fn get(&self, key: &Path) -> Result<Bytes, Error> {
        let found = self.client()?.get(key).await.map_err(|error| self.failed(key, &error))?;
        if found.meta.size > SMALL {
            let reason = format!("it has {} bytes, and {SMALL} is the most that it can have", found.meta.size);
            return Err(Error::Damaged { object: key.to_string(), reason });
        }
        found.bytes().await.map_err(|error| self.failed(key, &error))
    }

    /// The object's length in bytes.
    pub(crate) async fn size(&self, key: &Path) -> Result<u64, Error> {
        let found = self.client()?.head(key).await;
        Ok(found.map_err(|error| self.failed(key, &error))?.size)
    }

    /// Some of the object's bytes: all that were asked for.
    pub(crate) async fn range(&self, key: &Path, range: Range<u64>) -> Result<Bytes, Error> {
        let wanted = range.end - range.start;
        let found = self.client()?.get_range(key, range).await;
        let bytes = found.map_err(|error| self.failed(key, &error))?;
        if bytes.len() as u64 != wanted {
            let reason = format!("the store gave {} of {wanted} bytes", bytes.len());
            return Err(Error::Damaged { object: key.to_string(), reason });
        }
        Ok(bytes)
    }

    /// The object's length, and its first bytes: `most` of them, if it has so many.
    pub(crate) async fn beginning(&self, key: &Path, most: u64) -> Result<(u64, Bytes), Error> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(0..most)),
            ..GetOptions::default()
        };
        let read = async {
            let found = self.client()?.get_opts(key, options).await;
            let found = found.map_err(|error| self.failed(key, &error))?;
            let size = found.meta.size;
            let bytes = found.bytes().await.map_err(|error| self.failed(key, &error))?;
            Ok((size, bytes))
        };
        match read.await {
            Ok((size, bytes)) if bytes.len() as u64 == size.min(most) => Ok((size, bytes)),
            Ok((size, bytes)) => {
                let reason = format!("the store gave {} of {} bytes", bytes.len(), size.min(most));
                Err(Error::Damaged { object: key.to_string(), reason })
            }
            Err(error @ Error::NotFound { .. }) => Err(error),
            // No range is within an object without bytes: stores refuse it, each in its own words.
            Err(error) => match self.size(key).await {
                Ok(0) => Ok((0, Bytes::new())),
                _ => Err(error),
            },
        }
    }

    /// Writes the object, over another if need be.
    pub(crate) async fn put(&self, key: &Path, bytes: Bytes) -> Result<(), Error> {
        let done = self.client()?.put(key, bytes.into()).await;
        done.map(drop).map_err(|error| self.failed(key, &error))
    }

    /// Writes the object if there is none of that name: [`Error::Taken`] otherwise. `bytes` must be like no others, as sealed
    /// ones are: whether an object that is there is ours is told by them.
    pub(crate) async fn create(&self, key: &Path, bytes: Bytes) -> Result<(), Error> {
        let payload = PutPayload::from(bytes.clone());
        let done = self.client()?.put_opts(key, payload, PutMode::Create.into()).await;
        match done.map_err(|error| self.failed(key, &error)) {
            Ok(_) => Ok(()),
            // The client may have asked twice, since it did not hear the first answer; and some stores say "exists" when
            // they only mean that somebody else is writing.
            Err(Error::Taken { object }) => match self.get(key).await {
                Ok(found) if found == bytes => Ok(()),
                Ok(_) | Err(Error::Damaged { .. }) => Err(Error::Taken { object }),
                Err(Error::NotFound { store, object }) => {
                    let reason = "it says that the object exists, and then that it does not".to_owned();
                    Err(Error::Unreachable { store, object, reason })
                }
                Err(other) => Err(other),
            },
            Err(other) => Err(other),
        }
    }

    /// Begins an object of many pieces. It appears when it is complete.
    pub(crate) async fn multipart(&self, key: &Path) -> Result<Box<dyn MultipartUpload>, Error> {
        let begun = self.client()?.put_multipart(key).await;
        begun.map_err(|error| self.failed(key, &error))
    }

    /// Removes the object; it need not be there.
    pub(crate) async fn delete(&self, key: &Path) -> Result<(), Error> {
        match self.client()?.delete(key).await.map_err(|error| self.failed(key, &error)) {
            Err(Error::NotFound { .. }) => Ok(()),
            other => other,
        }
    }

    /// All keys below `prefix`, in order.
    pub(crate) async fn list(&self, prefix: &Path) -> Result<Vec<Path>, Error> {
        let found = self.client()?.list(Some(prefix)).map_ok(|meta| meta.location);
        let mut keys: Vec<Path> = found.try_collect().await.map_err(|error| self.failed(prefix, &error))?;
        keys.sort();
        Ok(keys)
    }

    /// All objects below `prefix`, in the order of their keys.
    pub(crate) async fn list_with_sizes(&self, prefix: &Path) -> Result<Vec<Listed>, Error> {
        let found = self.client()?.list(Some(prefix));
        let found = found.map_ok(|meta| Listed { key: meta.location, bytes: meta.size });
        let mut all: Vec<Listed> = found.try_collect().await.map_err(|error| self.failed(prefix, &error))?;
        all.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(all)
    }

    /// The folders directly below `prefix`, in order.
    pub(crate) async fn folders(&self, prefix: &Path) -> Result<Vec<Path>, Error> {
        let found = self.client()?.list_with_delimiter(Some(prefix)).await;
        let mut folders = found.map_err(|error| self.failed(prefix, &error))?.common_prefixes;
        folders.sort();
        Ok(folders)
    }

    /// Removes all of `keys`, some at a time.
    pub(crate) async fn delete_all(&self, keys: Vec<Path>) -> Result<(), Error> {
        // Each owns its key: a future that borrows from the list could not be sent to another thread.
        let deletes = keys.into_iter().map(|key| async move { self.delete(&key).await });
        futures::stream::iter(deletes).buffer_unordered(8).try_collect().await
    }

    pub(crate) fn failed(&self, key: &Path, error: &object_store::Error) -> Error {
        failure::of_store(&self.name, self.directory.as_ref(), key, error)
    }

    fn client(&self) -> Result<&Arc<dyn ObjectStore>, Error> {
        if let (None, Some(path)) = (self.client.get(), &self.directory) {
            match path.metadata() {
                Ok(found) if found.is_dir() => {}
                Ok(_) => {
                    let reason = format!("{} is not a directory", path.display());
                    return Err(Error::Settings { what: "directory", reason });
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return Err(Error::NoBucket { store: self.name.clone() });
                }
                Err(error) => return Err(failure::of_file(path, &error)),
            }
            let local =
                LocalFileSystem::new_with_prefix(path).map_err(|error| self.failed(&Path::default(), &error))?;
            let local = local.with_fsync(true).with_automatic_cleanup(true);
            let _made_meanwhile = self.client.set(Arc::new(local));
        }
        self.client.get().ok_or_else(|| Error::NoBucket { store: self.name.clone() })
    }
}
