//! A store of objects, with errors that name it: what of `object_store` the rest of the crate may use.

use crate::s3::Bucket;
use crate::{Error, StoreSettings, failure, s3};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload};
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) key: Path,
    /// Its length in bytes.
    pub(crate) bytes: u64,
    /// When it was written, by the store's clock.
    pub(crate) written: Timestamp,
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

    /// The object as a list has it.
    pub(crate) async fn look(&self, key: &Path) -> Result<Listed, Error> {
        let found = self.client()?.head(key).await;
        found.map(listed).map_err(|error| self.failed(key, &error))
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
        let listed = self.list_with_sizes(prefix).await?;
        Ok(listed.into_iter().map(|listed| listed.key).collect())
    }

    /// All objects below `prefix`, in the order of their keys.
    pub(crate) async fn list_with_sizes(&self, prefix: &Path) -> Result<Vec<Listed>, Error> {
        let mut all = Vec::new();
        self.for_each(prefix, |listed| all.push(listed)).await?;
        all.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(all)
    }

    /// Shows `with` each object below `prefix`, in any order, holding no more than a page of the list.
    pub(crate) async fn for_each(&self, prefix: &Path, mut with: impl FnMut(Listed)) -> Result<(), Error> {
        let prefixed = Some(prefix).filter(|prefix| !prefix.as_ref().is_empty());
        let mut found = self.client()?.list(prefixed);
        while let Some(meta) = found.try_next().await.map_err(|error| self.failed(prefix, &error))? {
            with(listed(meta));
        }
        Ok(())
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

fn listed(meta: ObjectMeta) -> Listed {
    // A time that cannot be is taken for the oldest: such an object is nobody's newest.
    let written = Timestamp::from_microsecond(meta.last_modified.timestamp_micros()).unwrap_or(Timestamp::MIN);
    Listed { key: meta.location, bytes: meta.size, written }
}
