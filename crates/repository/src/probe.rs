//! Whether a store does what is built on it. A store that ignores "only if absent" does so silently: it has to be tried.

use crate::store::Store;
use crate::{Error, Repository, layout};
use bytes::Bytes;
use object_store::path::Path;
use serde::{Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// Who writes at once.
const RIVALS: usize = 16;

/// What a store was found to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Probed {
    /// Each thing that was tried.
    pub checks: Vec<Check>,
    /// How long the slowest of its answers took, those to rivals included.
    #[serde(rename = "slowestMs", serialize_with = "as_millis")]
    pub slowest: Duration,
}

/// One thing that a store must do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is, in words for people.
    pub what: &'static str,
    /// What happened instead; `None` when the store does it.
    pub failed: Option<String>,
}

impl Probed {
    /// Whether all checks passed. A store of which this is not so carries no leases, no journals and no
    /// automatic failover.
    pub fn sound(&self) -> bool {
        self.failing().next().is_none()
    }

    /// The checks that failed.
    pub fn failing(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.failed.is_some())
    }
}

impl fmt::Display for Probed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sound() {
            let slowest = self.slowest.as_millis();
            return write!(
                f,
                "it does what copies, journals and leases are built on; its slowest answer took {slowest} ms"
            );
        }
        let failing = self
            .failing()
            .map(|it| format!("{}: {}", it.what, it.failed.as_deref().unwrap_or_default()));
        let failing: Vec<String> = failing.collect();
        write!(f, "it does not do what copies, journals and leases are built on: {}", failing.join("; "))
    }
}

fn as_millis<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

impl Repository {
    /// Tries the store: one winner among rivals, no second creation, reading and listing after writing, deletion. Needs no
    /// repository in it, and leaves nothing.
    ///
    /// # Errors
    /// Only when the store cannot be asked: [`Error::Unreachable`], [`Error::Refused`], [`Error::NoBucket`], [`Error::File`];
    /// [`Error::Settings`] for a directory on a file system without hard links.
    pub async fn probe(&self) -> Result<Probed, Error> {
        let (store, id) = (&self.shared.store, ambient::random_id(12));
        store.try_links()?;
        let mut timed = Timed { store, slowest: Duration::ZERO };
        let checks = timed.checks(&id).await;
        // What failed checks have left, too.
        let left = store.list(&layout::probes(&id)).await;
        let cleaned = match left {
            Ok(left) => store.delete_all(left).await,
            Err(error) => Err(error),
        };
        let checks = checks?;
        cleaned.map(|()| Probed { checks, slowest: timed.slowest })
    }
}

/// A store whose slowest answer is remembered.
struct Timed<'a> {
    store: &'a Store,
    slowest: Duration,
}

impl Timed<'_> {
    async fn checks(&mut self, id: &str) -> Result<Vec<Check>, Error> {
        let (store, key, mut checks) = (self.store, layout::probe(id, "object"), Vec::new());
        let mut check = |what, failed| checks.push(Check { what, failed });

        let rivals: Vec<Bytes> = (0..RIVALS).map(|number| format!("rival {number} of {id}").into()).collect();
        let outcomes = self.rivals(&key, &rivals).await?;
        let found = match self.timed(store.get(&key)).await {
            Ok(found) => Some(found),
            Err(Error::NotFound { .. }) => None,
            Err(other) => return Err(other),
        };
        check("of several who create an object at once, exactly one wins", several(&outcomes));
        let failed = match &found {
            Some(found) if outcomes.won.contains(found) || outcomes.unknown.contains(found) => None,
            Some(_) => Some("other bytes were read".to_owned()),
            None => Some("it was not found".to_owned()),
        };
        check("an object that was written is read as it was written", failed);

        let again = self.timed(store.create(&key, format!("second of {id}").into())).await;
        check("an object that exists cannot be created", refused(again)?);

        let listed = self.timed(store.list(&layout::probes(id))).await?.contains(&key);
        check("an object that was written is listed", (!listed).then(|| "it was not".to_owned()));

        self.timed(store.delete(&key)).await?;
        let gone = match self.timed(store.get(&key)).await {
            Err(Error::NotFound { .. }) => None,
            Ok(_) => Some("it was read".to_owned()),
            Err(other) => return Err(other),
        };
        check("an object that was deleted is gone", gone);

        let anew = match self.timed(store.create(&key, format!("third of {id}").into())).await {
            Ok(()) => None,
            Err(Error::Taken { .. }) => Some("it was refused".to_owned()),
            Err(other) => return Err(other),
        };
        check("an object that was deleted can be created", anew);
        Ok(checks)
    }

    /// All of `rivals` create the object at once.
    async fn rivals(&mut self, key: &Path, rivals: &[Bytes]) -> Result<Outcomes, Error> {
        let created = rivals.iter().map(|bytes| timed(self.store.create(key, bytes.clone())));
        let created = futures::future::join_all(created).await;
        let (mut outcomes, mut silence) = (Outcomes::default(), None);
        for (bytes, (outcome, took)) in rivals.iter().zip(created) {
            self.slowest = self.slowest.max(took);
            match outcome {
                Ok(()) => outcomes.won.push(bytes.clone()),
                Err(Error::Taken { .. }) => {}
                Err(error @ Error::Unreachable { .. }) => {
                    outcomes.unknown.push(bytes.clone());
                    silence = Some(error);
                }
                Err(other) => return Err(other),
            }
        }
        match silence {
            // Nobody heard anything: there is no store to be judged.
            Some(error) if outcomes.unknown.len() == rivals.len() => Err(error),
            _ => Ok(outcomes),
        }
    }

    async fn timed<T>(&mut self, call: impl Future<Output = T>) -> T {
        let (outcome, took) = timed(call).await;
        self.slowest = self.slowest.max(took);
        outcome
    }
}

/// What rivals were told. One who was told nothing may have won.
#[derive(Default)]
struct Outcomes {
    won: Vec<Bytes>,
    unknown: Vec<Bytes>,
}

fn several(outcomes: &Outcomes) -> Option<String> {
    match (outcomes.won.len(), outcomes.unknown.len()) {
        (1, _) | (0, 1..) => None,
        (won, _) => Some(format!("{won} of {RIVALS} were told that they had won")),
    }
}

fn refused(outcome: Result<(), Error>) -> Result<Option<String>, Error> {
    match outcome {
        Err(Error::Taken { .. }) => Ok(None),
        Ok(()) => Ok(Some("the second was told that it had created it".to_owned())),
        Err(other) => Err(other),
    }
}

async fn timed<T>(call: impl Future<Output = T>) -> (T, Duration) {
    let begun = ambient::monotonic();
    let outcome = call.await;
    (outcome, begun.elapsed())
}
