//! Keeping a second repository: objects as they are, sealed, under the same names. Needs no key. Start at [`copy`](copy()), or at
//! [`follow`] for one that never ends.
//!
//! At every moment the copy is a repository that opens: its marker, which says that it is a copy, comes first, then keyrings and
//! writers, then what others name, and last what names others. FROM is listed the other way round: whatever is listed had its
//! parts and its keys before. Leases are not copied; neither are parts of points that have no manifest, nor strange names.

mod cover;
mod follow;
mod judge;
mod listing;
mod removal;
pub(crate) mod transfer;
mod whole;

#[cfg(test)]
pub(crate) use follow::lag;
pub use follow::{Followed, follow};
pub(crate) use listing::order;

use crate::layout::{FilesKind, Known};
use crate::store::Listed;
use crate::{Error, Repository, digest, layout, marker};
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
    /// Remove what FROM has let go of or replaced, and not what it has lost. Whether that is so of restic's files is told by a
    /// check of them, which needs an identity and reads all their folders.
    pub remove: bool,
    /// Write restic's settings over where they differ, once FROM's were read and opened. Needs an identity.
    pub files_config: bool,
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
    /// Objects that FROM has, and that cannot be whole, and why: they were not copied, and what the copy has of them stays.
    pub damaged: BTreeMap<String, String>,
    /// Keyrings and lists of writers that FROM's root did not sign: they count for nothing, and were not copied.
    pub unsigned: Vec<String>,
    /// Objects that were removed, since FROM has let go of them.
    pub removed: u64,
    /// What the copy has and FROM seems to have lost: it was not removed, and why. A scope in which FROM knows less than its copy
    /// stays as it is.
    pub held_back: Vec<String>,
}

/// Copies FROM to TO, which is made if there is nothing: incremental, and to be repeated after it broke off anywhere.
///
/// # Errors
/// [`Error::Settings`] when TO is another repository, or is no copy; as every request to either.
pub async fn copy(from: &Repository, to: &Repository, options: &CopyOptions, on: OnCopy<'_>) -> Result<Copied, Error> {
    prepare(from, to).await?;
    let (listing, there) = (Listing::of(from).await?, Listing::keys(to).await?);
    bring(from, to, options, (&listing, &there), on).await
}

/// Copies what FROM's list has and TO's has not.
async fn bring(
    from: &Repository,
    to: &Repository,
    options: &CopyOptions,
    (listing, there): (&Listing, &BTreeMap<Path, u64>),
    on: OnCopy<'_>,
) -> Result<Copied, Error> {
    let mut copied = Copied::default();
    carry(&Copying { from, to, options, there }, listing, &mut copied, on).await?;
    if copied.there > 0 {
        to.shared.store.settle_all().await?;
    }
    if options.remove {
        removal::remove(from, to, listing, &mut copied).await?;
    }
    Ok(copied)
}

/// Makes TO a copy of FROM, or sees that it is one.
async fn prepare(from: &Repository, to: &Repository) -> Result<(), Error> {
    let theirs = from.marker().await?;
    to.check_root(theirs)?;
    to.shared.store.make()?;
    let refused = |reason: String| {
        let reason = format!("{} {reason}", to.store());
        Err(Error::Settings { what: "copy", reason })
    };
    let there = match marker::read(&to.shared.store).await {
        Err(Error::Uninitialised { .. }) => {
            // A copy that has lost its marker is told by its keyrings.
            if let Some(object) = marker::trace(&to.shared.store).await?
                && !marker::is_of(&to.shared.store, theirs).await?
            {
                return refused(format!("has no {}, and holds {object} of another repository", layout::MARKER));
            }
            marker::create(&to.shared.store, &theirs.of_copy()).await?.0
        }
        other => other?,
    };
    if (&there.repository, there.root) != (&theirs.repository, theirs.root) {
        return refused(format!("is repository {}, and not {}", there.repository, theirs.repository));
    }
    if there.copy.is_none() {
        return refused("is no copy: it is the repository itself, which is mended by a repair".to_owned());
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
    Damaged(String),
    Unsigned,
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
            Outcome::Damaged(why) => drop(copied.damaged.insert(object.key.to_string(), why)),
            Outcome::Unsigned => copied.unsigned.push(object.key.to_string()),
        }
        on(*progress);
    };
    for (class, streams) in &listing.classes {
        // A stream is copied in its order: whoever reads the copy meanwhile finds no hole in it. By numbers, since a future made
        // from what the list lends could not be sent to another thread.
        let note = &note;
        let streams = (0..streams.len()).map(|number| async move {
            for object in streams.get(number).into_iter().flatten() {
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
            Some(size) if !self.same(object, *size).await? => match class {
                Class::FilesConfig if self.options.files_config => return self.settings(key).await,
                _ => return self.differs(object).await,
            },
            Some(_) => return Ok(Outcome::There),
            None if matches!(class, Class::Keyrings | Class::Writers) => match self.signed(key).await {
                Err(error) if error.is_unsound() => return Ok(Outcome::Unsigned),
                other => other.map(|()| None),
            },
            None => {
                let known = layout::known(key);
                let harm = |head: &[u8]| whole::harm(known.as_ref(), object.bytes, head);
                transfer::object(from, to, key, object.bytes, &harm).await
            }
        };
        match outcome {
            Ok(None) => Ok(Outcome::Copied),
            Ok(Some(harm)) => Ok(Outcome::Damaged(harm)),
            Err(Error::NotFound { .. }) => Ok(Outcome::Gone),
            // Another copier was faster, or what is there was not listed.
            Err(Error::Taken { .. }) => Ok(Outcome::Differs),
            Err(other) => Err(other),
        }
    }

    /// Of two that are not the same, FROM's may be the one that cannot be whole.
    async fn differs(&self, object: &Listed) -> Result<Outcome, Error> {
        match whole::harm_in(&self.from.shared.store, object).await {
            Ok(Some(harm)) => Ok(Outcome::Damaged(harm)),
            Ok(None) | Err(Error::NotFound { .. }) => Ok(Outcome::Differs),
            Err(other) => Err(other),
        }
    }

    /// Copies what the root has signed.
    async fn signed(&self, key: &Path) -> Result<(), Error> {
        let text = self.from.shared.store.get(key).await?;
        self.from.signed_by_root(self.from.root().await?, key, &text).await?;
        self.to.shared.store.create(key, text).await
    }

    /// Writes restic's settings over, in one step, once those of FROM have opened with a key that the copy has, too: the one
    /// thing that is written over.
    async fn settings(&self, key: &Path) -> Result<Outcome, Error> {
        let (from, to) = (&self.from.shared.store, &self.to.shared.store);
        let Some(Known::Files(cluster, FilesKind::Config)) = layout::known(key) else {
            return Ok(Outcome::Differs);
        };
        let keys = layout::files_below(&cluster, FilesKind::Keys);
        for own in self.there.keys().filter(|it| it.prefix_matches(&keys)) {
            match from.size(own).await {
                Ok(_) => {}
                // The copy's objects may be sealed under another key than these settings.
                Err(Error::NotFound { .. }) => return Ok(Outcome::Differs),
                Err(other) => return Err(other),
            }
        }
        let proven = async {
            let settings = from.get(key).await?;
            self.from.files(&cluster).await?.open().await?;
            // What has opened is what was read before.
            Ok::<_, Error>((from.get(key).await? == settings).then_some(settings))
        };
        match proven.await {
            Ok(Some(settings)) => to.put(key, settings).await.map(|()| Outcome::Copied),
            Ok(None) | Err(Error::Damaged { .. } | Error::WrongPassword { .. } | Error::NotFound { .. }) => {
                Ok(Outcome::Differs)
            }
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
