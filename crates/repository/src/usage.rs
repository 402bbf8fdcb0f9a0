//! How much a store holds.

use crate::{Error, Repository};
use jiff::Timestamp;
use object_store::path::Path;

/// What a store holds, strange objects included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many objects.
    pub objects: u64,
    /// Their bytes, as they are stored.
    pub bytes: u64,
    /// When the newest was written, by the store's clock.
    pub newest: Option<Timestamp>,
}

impl Repository {
    /// Counts every object. Lists the whole store, a page at a time.
    ///
    /// # Errors
    /// As every request.
    pub async fn usage(&self) -> Result<Usage, Error> {
        let (mut usage, everything) = (Usage::default(), Path::default());
        let counted = self.shared.store.for_each(&everything, |listed| {
            usage.objects += 1;
            usage.bytes += listed.bytes;
            usage.newest = usage.newest.max(Some(listed.written));
        });
        counted.await?;
        Ok(usage)
    }
}
