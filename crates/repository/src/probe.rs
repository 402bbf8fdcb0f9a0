//! Whether a store does what is built on it. A store that ignores "only if absent" does so silently: it has to be tried.

use crate::store::Store;
use crate::{Error, Repository, layout};
use bytes::Bytes;
use object_store::path::Path;

/// Who writes at once.
const RIVALS: usize = 4;

/// What a store was found to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// Each thing that was tried.
    pub checks: Vec<Check>,
}

/// One thing that a store must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What it is, in words for people.
    pub what: &'static str,
    /// What happened instead; `None` when the store does it.
    pub failed: Option<String>,
}

impl Probed {
    /// Whether all checks passed. A store of which this is not so carries no journals and no automatic failover.
    pub fn sound(&self) -> bool {
        self.failing().next().is_none()
    }

    /// The checks that failed.
    pub fn failing(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.failed.is_some())
    }
}

impl Repository {
    /// Tries the store: one winner among rivals, no second creation, reading and listing after writing, deletion. Needs no
    /// repository in it, and leaves nothing.
    ///
    /// # Errors
    /// Only when the store cannot be asked: [`Error::Unreachable`], [`Error::Refused`], [`Error::NoBucket`], [`Error::File`].
    pub async fn probe(&self) -> Result<Probed, Error> {
        let (store, id) = (&self.shared.store, ambient::random_id(12));
        let probed = checks(store, &id).await;
        // What failed checks have left, too.
        let left = store.list(&layout::probes(&id)).await;
        let cleaned = match left {
            Ok(left) => store.delete_all(left).await,
            Err(error) => Err(error),
        };
        let probed = probed?;
        cleaned.map(|()| probed)
    }
}

async fn checks(store: &Store, id: &str) -> Result<Probed, Error> {
    let (key, mut checks) = (layout::probe(id, "object"), Vec::new());
    let mut check = |what, failed| checks.push(Check { what, failed });

    let mut rivals = (0..RIVALS).map(|number| Bytes::from(format!("rival {number} of {id}")));
    let created = futures::future::join_all(rivals.clone().map(|bytes| store.create(&key, bytes))).await;
    let mut won = Vec::new();
    for (bytes, outcome) in rivals.by_ref().zip(created) {
        match outcome {
            Ok(()) => won.push(bytes),
            Err(Error::Taken { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    let winners = (won.len() != 1).then(|| format!("{} of {RIVALS} were told that they had won", won.len()));
    check("of several who create an object at once, exactly one wins", winners);

    let found = store.get(&key).await;
    let found = match found {
        Ok(found) if won.contains(&found) => None,
        Ok(_) => Some("other bytes were read".to_owned()),
        Err(Error::NotFound { .. }) => Some("it was not found".to_owned()),
        Err(other) => return Err(other),
    };
    check("an object that was written is read as it was written", found);

    let again = refused(store.create(&key, format!("second of {id}").into()).await)?;
    check("an object that exists cannot be created", again);

    let listed = listed(store, id, &key).await?;
    check("an object that was written is listed", (!listed).then(|| "it was not".to_owned()));

    store.delete(&key).await?;
    let gone = match store.get(&key).await {
        Err(Error::NotFound { .. }) => None,
        Ok(_) => Some("it was read".to_owned()),
        Err(other) => return Err(other),
    };
    check("an object that was deleted is gone", gone);

    let anew = match store.create(&key, format!("third of {id}").into()).await {
        Ok(()) => None,
        Err(Error::Taken { .. }) => Some("it was refused".to_owned()),
        Err(other) => return Err(other),
    };
    check("an object that was deleted can be created", anew);
    Ok(Probed { checks })
}

fn refused(outcome: Result<(), Error>) -> Result<Option<String>, Error> {
    match outcome {
        Err(Error::Taken { .. }) => Ok(None),
        Ok(()) => Ok(Some("the second was told that it had created it".to_owned())),
        Err(other) => Err(other),
    }
}

async fn listed(store: &Store, id: &str, key: &Path) -> Result<bool, Error> {
    Ok(store.list(&layout::probes(id)).await?.contains(key))
}
