//! What a store needs that is a directory, and a bucket does not: there, a name that was seen is there for good, and pieces that
//! were not put together are out of sight.

use crate::store::{Listed, Store};
use crate::{Error, directory, failure};
use jiff::Timestamp;
use object_store::path::Path;
use std::fs::File;
use std::io;
use std::path::PathBuf;

impl Store {
    /// Makes sure that the objects that were found in `folder` stay there, for who is about to say that they are stored: their
    /// writer may have been killed before their names were on the disk.
    pub(crate) async fn settle(&self, folder: &Path) -> Result<(), Error> {
        let Some(local) = self.local()? else { return Ok(()) };
        let settled = async { local.settle(folder).await.map_err(|error| self.failed(folder, &error)) };
        self.bounded(folder, settled).await
    }

    /// The same for everything that was there when this was first asked for.
    pub(crate) async fn settle_all(&self) -> Result<(), Error> {
        if self.local()?.is_none() {
            return Ok(());
        }
        let sync = |root: PathBuf| nix::unistd::syncfs(File::open(root)?).map_err(io::Error::from);
        let all = Path::default();
        let settled = self.settled.get_or_try_init(|| self.on_disk(&all, sync));
        settled.await.copied()
    }

    /// What writers have begun below `prefix` and not ended, in no order; none in a bucket.
    pub(crate) async fn unfinished(&self, prefix: &Path) -> Result<Vec<Listed>, Error> {
        if self.local()?.is_none() {
            return Ok(Vec::new());
        }
        let below = prefix.clone();
        self.on_disk(prefix, move |root| directory::unfinished(&root, &below)).await
    }

    /// Removes what [`Store::unfinished`] has found, unless something was written to it at `before` or later: whether it did.
    pub(crate) async fn remove_unfinished(&self, key: &Path, before: Timestamp) -> Result<bool, Error> {
        let file = key.clone();
        self.on_disk(key, move |root| directory::remove_unfinished(&root, &file, before))
            .await
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        key: &Path,
        work: impl FnOnce(PathBuf) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let root = self
            .directory
            .clone()
            .ok_or_else(|| Error::NoBucket { store: self.name.clone() })?;
        let done = tokio::task::spawn_blocking({
            let root = root.clone();
            move || work(root)
        });
        let done = done.await.unwrap_or_else(|broken| Err(io::Error::other(broken)));
        done.map_err(|error| failure::of_directory(&root, &root.join(key.as_ref()), &error))
    }
}
