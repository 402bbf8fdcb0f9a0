//! A store of objects, with errors that name it: what of `object_store` the rest of the crate may use.

use crate::cloud::{self, Client, Signed};
use crate::directory::{self, Directory};
use crate::{Error, StoreSettings, failure, limits};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use object_store::limit::LimitStore;
use object_store::path::Path;
use object_store::{
    Attributes, GetOptions, GetRange, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload,
};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tokio::sync::OnceCell;

/// The largest object that is held in memory: manifests and entries of journals, in bytes. More is refused unread.
pub(crate) const SMALL: u64 = 16 << 20;

/// A directory or a bucket.
pub(crate) struct Store {
    /// Its URL, without credentials.
    pub(crate) name: String,
    pub(crate) directory: Option<PathBuf>,
    /// For a directory, set once it is seen to exist: its client cannot be made before.
    client: OnceLock<Arc<dyn ObjectStore>>,
    /// For a directory, the client as what it is; set before that.
    local: OnceLock<Directory>,
    /// For a directory, done once everything that was in it is sure to stay.
    pub(crate) settled: OnceCell<()>,
    /// For an S3 store.
    pub(crate) signed: Option<Signed>,
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
                    local: OnceLock::new(),
                    settled: OnceCell::new(),
                    signed: None,
                })
            }
            StoreSettings::Cloud(cloud) => {
                let Client { store, name, signed } = cloud::client(cloud, &cloud::environment())?;
                Ok(Self { signed, ..Self::on(store, &name) })
            }
        }
    }

    /// A store of any kind, under a name.
    pub(crate) fn on(client: Arc<dyn ObjectStore>, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            directory: None,
            client: OnceLock::from(limited(client)),
            local: OnceLock::new(),
            settled: OnceCell::new(),
            signed: None,
        }
    }

    /// Makes the directory, and tries whether objects can be created in it; a bucket has to be there.
    pub(crate) fn make(&self) -> Result<(), Error> {
        let Some(path) = &self.directory else { return Ok(()) };
        directory::make(path)?;
        self.try_links()
    }

    /// What a directory cannot do without, and is silent about until it is needed.
    pub(crate) fn try_links(&self) -> Result<(), Error> {
        let Some(path) = &self.directory else { return Ok(()) };
        self.client()?;
        directory::try_links(path, |from, to| std::fs::hard_link(from, to))
    }

    /// The object's bytes, if they are not too many to be held.
    pub(crate) async fn get(&self, key: &Path) -> Result<Bytes, Error> {
        let read = async {
            let found = self.client()?.get(key).await.map_err(|error| self.failed(key, &error))?;
            if found.meta.size > SMALL {
                let reason = format!("it has {} bytes, and {SMALL} is the most that it can have", found.meta.size);
                return Err(Error::Damaged { object: key.to_string(), reason });
            }
            found.bytes().await.map_err(|error| self.failed(key, &error))
        };
        self.bounded(key, read).await
    }

    /// The object's length in bytes.
    pub(crate) async fn size(&self, key: &Path) -> Result<u64, Error> {
        let asked = async {
            let found = self.client()?.head(key).await;
            Ok(found.map_err(|error| self.failed(key, &error))?.size)
        };
        self.bounded(key, asked).await
    }

    /// The object as a list has it.
    pub(crate) async fn look(&self, key: &Path) -> Result<Listed, Error> {
        let asked = async {
            let found = self.client()?.head(key).await;
            found.map(listed).map_err(|error| self.failed(key, &error))
        };
        self.bounded(key, asked).await
    }

    /// Some of the object's bytes: all that were asked for.
    pub(crate) async fn range(&self, key: &Path, range: Range<u64>) -> Result<Bytes, Error> {
        let wanted = range.end - range.start;
        let read = async {
            let found = self.client()?.get_range(key, range).await;
            found.map_err(|error| self.failed(key, &error))
        };
        let bytes = self.bounded(key, read).await?;
        if bytes.len() as u64 != wanted {
            let reason = format!("the store gave {} of {wanted} bytes", bytes.len());
            return Err(Error::Damaged { object: key.to_string(), reason });
        }
        Ok(bytes)
    }

    /// Some of the bytes of the object's version `version`, all that were asked for. [`Error::Taken`] if it is another one by now.
    pub(crate) async fn range_of(&self, key: &Path, range: Range<u64>, version: Option<&str>) -> Result<Bytes, Error> {
        let wanted = range.end - range.start;
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            if_match: version.map(str::to_owned),
            ..GetOptions::default()
        };
        let read = async {
            let failed = |error: object_store::Error| match error {
                object_store::Error::Precondition { .. } => Error::Taken { object: key.to_string() },
                other => self.failed(key, &other),
            };
            let found = self.client()?.get_opts(key, options).await.map_err(failed)?;
            found.bytes().await.map_err(failed)
        };
        let bytes = self.bounded(key, read).await?;
        if bytes.len() as u64 != wanted {
            let reason = format!("the store gave {} of {wanted} bytes", bytes.len());
            return Err(Error::Damaged { object: key.to_string(), reason });
        }
        Ok(bytes)
    }

    /// The object as a list has it, and what is noted with it.
    pub(crate) async fn noted(&self, key: &Path) -> Result<(ObjectMeta, Attributes), Error> {
        let asked = async {
            let options = GetOptions { head: true, ..GetOptions::default() };
            let found = self.client()?.get_opts(key, options).await;
            let found = found.map_err(|error| self.failed(key, &error))?;
            Ok((found.meta, found.attributes))
        };
        self.bounded(key, asked).await
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
        let written = async {
            let done = self.client()?.put(key, bytes.into()).await;
            done.map(drop).map_err(|error| self.failed(key, &error))
        };
        self.bounded(key, written).await
    }

    /// Writes the object if there is none of that name: [`Error::Taken`] otherwise. `bytes` must be like no others, as sealed
    /// ones are: whether an object that is there is ours is told by them.
    pub(crate) async fn create(&self, key: &Path, bytes: Bytes) -> Result<(), Error> {
        self.bounded(key, self.create_settled(key, bytes)).await
    }

    /// "It exists" is believed once a different object was read there. The client may have asked twice, since it did not hear
    /// the first answer, and then the object is ours; and stores say it, too, when they only mean that somebody else is
    /// writing (409), who may not succeed. Creating anew does no harm: whichever attempt is carried out, the bytes are these.
    async fn create_settled(&self, key: &Path, bytes: Bytes) -> Result<(), Error> {
        let unknown = |reason: String| Error::Unreachable { store: self.name.clone(), object: key.to_string(), reason };
        for number in 1..=limits::CREATIONS {
            let payload = PutPayload::from(bytes.clone());
            match self.client()?.put_opts(key, payload, PutMode::Create.into()).await {
                Ok(_) => return Ok(()),
                Err(object_store::Error::AlreadyExists { .. }) => {}
                Err(error) => return Err(self.failed(key, &error)),
            }
            match self.get(key).await {
                Ok(found) if found == bytes => return Ok(()),
                Ok(_) | Err(Error::Damaged { .. }) => return Err(Error::Taken { object: key.to_string() }),
                Err(Error::NotFound { .. }) if number < limits::CREATIONS => {
                    ambient::sleep(limits::pause(number)).await;
                }
                Err(Error::NotFound { .. }) => break,
                Err(Error::Refused { reason, .. }) => {
                    return Err(unknown(format!(
                        "it says that the object exists, and does not let it be read: {reason}"
                    )));
                }
                Err(other) => return Err(other),
            }
        }
        Err(unknown("it says that the object exists, and then that it does not".to_owned()))
    }

    /// Begins an object of many pieces. It appears when it is complete.
    pub(crate) async fn multipart(&self, key: &Path) -> Result<Box<dyn MultipartUpload>, Error> {
        let begun = async {
            let begun = self.client()?.put_multipart(key).await;
            begun.map_err(|error| self.failed(key, &error))
        };
        self.bounded(key, begun).await
    }

    /// Removes the object; it need not be there.
    pub(crate) async fn delete(&self, key: &Path) -> Result<(), Error> {
        let removed = async {
            let done = self.client()?.delete(key).await;
            done.map_err(|error| self.failed(key, &error))
        };
        match self.bounded(key, removed).await {
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
        loop {
            let next = async { found.try_next().await.map_err(|error| self.failed(prefix, &error)) };
            match self.bounded(prefix, next).await? {
                Some(meta) => with(listed(meta)),
                None => return Ok(()),
            }
        }
    }

    /// All keys below `prefix` with their lengths in bytes, in no order.
    pub(crate) async fn sizes(&self, prefix: &Path) -> Result<Vec<(Path, u64)>, Error> {
        let found = self.client()?.list(Some(prefix)).map_ok(|meta| (meta.location, meta.size));
        found.try_collect().await.map_err(|error| self.failed(prefix, &error))
    }

    /// The folders directly below `prefix`, in order.
    pub(crate) async fn folders(&self, prefix: &Path) -> Result<Vec<Path>, Error> {
        let asked = async {
            let found = self.client()?.list_with_delimiter(Some(prefix)).await;
            Ok(found.map_err(|error| self.failed(prefix, &error))?.common_prefixes)
        };
        let mut folders = self.bounded(prefix, asked).await?;
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

    /// What `call` answers within the time that a call may take.
    pub(crate) async fn bounded<T>(
        &self,
        key: &Path,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let ended = tokio::time::timeout(limits::CALL, call).await;
        ended.unwrap_or_else(|_late| {
            Err(Error::Unreachable {
                store: self.name.clone(),
                object: key.to_string(),
                reason: format!("no answer within {} s", limits::CALL.as_secs()),
            })
        })
    }

    pub(crate) fn client(&self) -> Result<&Arc<dyn ObjectStore>, Error> {
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
            let local = Directory::new(path).map_err(|error| self.failed(&Path::default(), &error))?;
            let local = self.local.get_or_init(|| local);
            let _made_meanwhile = self.client.set(limited(Arc::new(local.clone())));
        }
        self.client.get().ok_or_else(|| Error::NoBucket { store: self.name.clone() })
    }

    /// The directory; `None` for every other store.
    pub(crate) fn local(&self) -> Result<Option<&Directory>, Error> {
        self.client()?;
        Ok(self.local.get())
    }
}

fn limited(client: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
    Arc::new(LimitStore::new(client, limits::REQUESTS))
}

pub(crate) fn listed(meta: ObjectMeta) -> Listed {
    // A time that cannot be is taken for the oldest: such an object is nobody's newest.
    let written = Timestamp::from_microsecond(meta.last_modified.timestamp_micros()).unwrap_or(Timestamp::MIN);
    Listed { key: meta.location, bytes: meta.size, written }
}
