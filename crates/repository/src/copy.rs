//! Keeping a second repository: objects as they are, sealed, under the same names. Needs no key. Start at [`copy`](copy()), or at
//! [`follow`] for one that never ends.
//!
//! At every moment the copy is a repository that opens: its marker, which says that it is a copy, comes first, then keyrings and
//! writers, then what others name, and last what names others. FROM is listed the other way round: whatever is listed had its
//! parts and its keys before. Leases are not copied; neither are parts of points that have no manifest, nor strange names.

mod follow;
mod listing;
mod removal;
pub(crate) mod transfer;

#[cfg(test)]
pub(crate) use follow::lag;
pub use follow::{Followed, Lag, follow};
pub(crate) use listing::order;

use crate::store::Listed;
use crate::{Error, Repository, digest, marker};
use futures::{StreamExt, TryStreamExt};
use listing::{Class, Listing};
use object_store::path::Path;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Streams of objects that are copied at once; each large object needs some 20 MiB.
const STREAMS: usize = 4;

/// How a repository is copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyOptions {
    /// Compare what is there already byte for byte, and not by its length alone.
    pub verify: bool,
    /// Remove what FROM no longer has, unless FROM seems to have been set back.
    pub remove: bool,
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CopyProgress {
    /// Objects that were copied or compared.
    pub objects: u64,
    /// Of so many.
    pub of_objects: u64,
    /// Bytes that they have.
    pub bytes: u64,
    /// Of so many.
    pub of_bytes: u64,
}

/// Who is told how far a copy is.
pub type OnCopy<'a> = &'a (dyn Fn(CopyProgress) + Send + Sync);

/// What was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Copied {
    /// Objects that were copied now.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that were there already.
    pub there: u64,
    /// Objects that FROM removed while it was copied.
    pub gone: u64,
    /// Objects that are there, and differ: one of the two is harmed, so neither was touched. A check of both tells which.
    pub differing: Vec<String>,
    /// Objects that were removed, since FROM no longer has them.
    pub removed: u64,
    /// Why nothing was removed in some scopes: FROM knows less than its copy.
    pub held_back: Vec<String>,
}

/// Copies FROM to TO, which is made if there is nothing: incremental, and to be repeated after it broke off anywhere.
///
/// # Errors
/// [`Error::Invalid`] when TO is another repository, or is no copy; as every request to either.
pub async fn copy(from: &Repository, to: &Repository, options: &CopyOptions, on: OnCopy<'_>) -> Result<Copied, Error> {
    prepare(from, to).await?;
    let listing = Listing::of(from).await?;
    let there = Listing::keys(to).await?;
    let mut copied = Copied::default();
    carry(&Copying { from, to, options, there: &there }, &listing, &mut copied, on).await?;
    if copied.there > 0 {
        to.shared.store.settle_all().await?;
    }
    if options.remove {
        removal::remove(from, to, &listing, &mut copied).await?;
    }
    Ok(copied)
}

/// Makes TO a copy of FROM, or sees that it is one.
async fn prepare(from: &Repository, to: &Repository) -> Result<(), Error> {
    let theirs = from.marker().await?;
    to.check_root(theirs)?;
    to.shared.store.make()?;
    let there = match marker::read(&to.shared.store).await {
        Err(Error::Uninitialised { .. }) => marker::create(&to.shared.store, &theirs.of_copy()).await?.0,
        other => other?,
    };
    let refused = |reason: String| Err(Error::Invalid { object: to.store().to_owned(), reason });
    if (&there.repository, there.root) != (&theirs.repository, theirs.root) {
        return refused(format!("it is repository {}, and not {}", there.repository, theirs.repository));
    }
    if there.copy.is_none() {
        return refused("it is no copy: it is the repository itself, which is mended by a repair".to_owned());
    }
    Ok(())
}

struct Copying<'a> {
    from: &'a Repository,
    to: &'a Repository,
    options: &'a CopyOptions,
    /// What TO has, with its length.
    there: &'a BTreeMap<Path, u64>,
}

/// What became of an object.
enum Outcome {
    Copied,
    There,
    Differs,
    Gone,
}

/// Copies class after class.
async fn carry(copying: &Copying<'_>, listing: &Listing, copied: &mut Copied, on: OnCopy<'_>) -> Result<(), Error> {
    let all = listing.classes.values().flatten().flatten();
    let (of_objects, of_bytes) = all.fold((0, 0), |(objects, bytes), it| (objects + 1, bytes + it.bytes));
    let progress = CopyProgress { of_objects, of_bytes, ..CopyProgress::default() };
    on(progress);
    let shared = Mutex::new((progress, copied));
    let note = |object: &Listed, outcome: Outcome| {
        let mut shared = shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (progress, copied) = &mut *shared;
        progress.objects += 1;
        progress.bytes += object.bytes;
        match outcome {
            Outcome::Copied => {
                copied.objects += 1;
                copied.bytes += object.bytes;
            }
            Outcome::There => copied.there += 1,
            Outcome::Gone => copied.gone += 1,
            Outcome::Differs => copied.differing.push(object.key.to_string()),
        }
        on(*progress);
    };
    for (class, streams) in &listing.classes {
        // A stream is copied in its order: whoever reads the copy meanwhile finds no hole in it.
        let streams = streams.iter().map(async |stream: &Vec<Listed>| {
            for object in stream {
                note(object, copying.object(*class, object).await?);
            }
            Ok::<(), Error>(())
        });
        futures::stream::iter(streams)
            .buffer_unordered(STREAMS)
            .try_collect::<()>()
            .await?;
    }
    Ok(())
}

impl Copying<'_> {
    async fn object(&self, class: Class, object: &Listed) -> Result<Outcome, Error> {
        let (from, to, key) = (&self.from.shared.store, &self.to.shared.store, &object.key);
        let outcome = match self.there.get(key) {
            Some(size) if !self.same(object, *size).await? => {
                if class != Class::FilesConfig {
                    return Ok(Outcome::Differs);
                }
                // restic's settings are the one thing that is written over.
                to.delete(key).await?;
                transfer::object(from, to, key, object.bytes).await
            }
            Some(_) => return Ok(Outcome::There),
            None => transfer::object(from, to, key, object.bytes).await,
        };
        match outcome {
            Ok(()) => Ok(Outcome::Copied),
            Err(Error::NotFound { .. }) => Ok(Outcome::Gone),
            // Another copier was faster, or what is there was not listed.
            Err(Error::Taken { .. }) => Ok(Outcome::Differs),
            Err(other) => Err(other),
        }
    }

    async fn same(&self, object: &Listed, size: u64) -> Result<bool, Error> {
        if size != object.bytes {
            return Ok(false);
        }
        if !self.options.verify {
            return Ok(true);
        }
        let (from, to) = (&self.from.shared.store, &self.to.shared.store);
        let ours = digest::stored(from, &object.key, size);
        let theirs = digest::stored(to, &object.key, size);
        match futures::try_join!(ours, theirs) {
            Ok((ours, theirs)) => Ok(ours == theirs),
            // Removed meanwhile: there is nothing to compare it with.
            Err(Error::NotFound { .. }) => Ok(true),
            Err(other) => Err(other),
        }
    }
}
