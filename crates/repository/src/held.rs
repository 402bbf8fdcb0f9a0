//! Points that somebody holds: no rule lets go of them until they are released.
//!
//! Each point that was ever held has a stream of records, of which the newest that is sound counts; none is ever changed or removed, so
//! that they say who held what and when, and so that a store that lets nobody remove anything carries holds and releases alike.
//! What cannot be read is taken for a hold: it may be one. Start at [`Repository::hold`]; the form is in docs/repository-format.md,
//! "Holds".

use crate::{Error, Repository, Scope, failure, layout};
use estate::{Name, PointId};
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The longest reason, in bytes: it stands in a list.
const LONGEST: usize = 200;

/// Points whose records are read at once.
const READS: usize = 8;

/// Records of a point that are read, from the newest down: more that do not count were planted.
const DEEPEST: usize = 16;

/// How often a number is tried: others may hold and release at the same time.
const TRIES: usize = 4;

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HoldState {
    /// From now on the point is held.
    Held,
    /// From now on it is not.
    Released,
}

/// The body of a record.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    format: u64,
    point: PointId,
    state: HoldState,
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Who held a point, or released it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// Whether it was held or released.
    pub state: HoldState,
    /// The trusted writer who signed it.
    pub by: Name,
    /// When, by that writer's clock.
    pub at: Timestamp,
    /// Why, if somebody said so.
    pub reason: Option<String>,
}

/// What holds a point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Held {
    /// Somebody does.
    By(Hold),
    /// Its newest record does not count, and why. It may be a hold, so it is one.
    Unsound(String),
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by {} at {:.0}", self.by, self.at)?;
        self.reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::By(hold) => hold.fmt(f),
            Self::Unsound(reason) => write!(f, "by what cannot be read: {reason}"),
        }
    }
}

/// The records of a point: the sound ones by number, and what is wrong with the others.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) sound: BTreeMap<u64, Hold>,
    pub(crate) unsound: BTreeMap<u64, String>,
}

impl Records {
    /// What holds the point now. Pure.
    pub(crate) fn held(&self) -> Option<Held> {
        let newest = self.sound.last_key_value();
        if let Some((_, hold)) = newest.filter(|(_, hold)| hold.state == HoldState::Held) {
            return Some(Held::By(hold.clone()));
        }
        let above = self.unsound.last_key_value();
        above
            .filter(|(number, _)| newest.is_none_or(|(released, _)| *number > released))
            .map(|(_, reason)| Held::Unsound(reason.clone()))
    }
}

impl Repository {
    /// Holds a point: it stays, whatever the rules say, until it is released. The hold that counts now, and whether it is a new one:
    /// who holds again without another reason changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such point, and as reading it: what cannot be recovered from is not held;
    /// [`Error::Invalid`] for a long reason; [`Error::Settings`] in a copy, which holds what its repository does; [`Error::NoSigner`],
    /// [`Error::Untrusted`] when this writer's signature does not count; [`Error::Taken`] when others hold and release it at the same
    /// time, again and again; as every request.
    pub async fn hold(&self, cluster: &Name, id: &PointId, reason: Option<&str>) -> Result<(Hold, bool), Error> {
        self.may_hold(cluster, id, reason).await?;
        self.point(cluster, id).await?;
        for _ in 0..TRIES {
            let records = self.hold_records(cluster, id).await?;
            match records.held() {
                Some(Held::By(hold)) if reason.is_none() || reason == hold.reason.as_deref() => {
                    self.shared.store.settle(&layout::holds_of(cluster, id)).await?;
                    return Ok((hold, false));
                }
                _ => {}
            }
            let Some(hold) = self.record(cluster, id, HoldState::Held, reason).await? else {
                continue;
            };
            // Whoever removes points looks at their holds right before; here the point is looked for right after.
            return match self.shared.store.size(&layout::manifest(cluster, id)).await {
                Ok(_) => Ok((hold, true)),
                Err(gone @ Error::NotFound { .. }) => {
                    let why = Some("it was removed while it was being held");
                    self.record(cluster, id, HoldState::Released, why).await?;
                    Err(gone)
                }
                Err(other) => Err(other),
            };
        }
        Err(Error::Taken { object: layout::holds_of(cluster, id).to_string() })
    }

    /// Releases a point: the rules decide about it again. What held it.
    ///
    /// # Errors
    /// [`Error::NotHeld`] when nothing does; otherwise as [`Repository::hold`].
    pub async fn release(&self, cluster: &Name, id: &PointId) -> Result<Held, Error> {
        self.may_hold(cluster, id, None).await?;
        for _ in 0..TRIES {
            let records = self.hold_records(cluster, id).await?;
            let Some(held) = records.held() else {
                let released = records
                    .sound
                    .last_key_value()
                    .map(|(_, hold)| format!(": it was released {hold}"));
                let (cluster, point) = (cluster.to_string(), id.to_string());
                return Err(Error::NotHeld { cluster, point, since: released.unwrap_or_default() });
            };
            if self.record(cluster, id, HoldState::Released, None).await?.is_some() {
                return Ok(held);
            }
        }
        Err(Error::Taken { object: layout::holds_of(cluster, id).to_string() })
    }

    /// The points of a cluster that are held now.
    ///
    /// # Errors
    /// As opening anything of the cluster, and as every request. What is wrong with a record is no error.
    pub async fn held(&self, cluster: &Name) -> Result<BTreeMap<PointId, Held>, Error> {
        self.held_of(cluster, None).await
    }

    /// The same, of these points only.
    pub(crate) async fn held_of(
        &self,
        cluster: &Name,
        only: Option<&BTreeSet<PointId>>,
    ) -> Result<BTreeMap<PointId, Held>, Error> {
        self.id().await?;
        let listed = self.shared.store.list(&layout::holds(cluster)).await?;
        let mut streams: BTreeMap<PointId, BTreeSet<u64>> = BTreeMap::new();
        for (id, number) in listed.iter().filter_map(|key| layout::hold_number(cluster, key)) {
            if only.is_none_or(|only| only.contains(&id)) {
                streams.entry(id).or_default().insert(number);
            }
        }
        // Each owns what it needs: a future that borrows from the list could not be sent to another thread.
        let reads = streams.into_iter().map(|(id, numbers)| {
            let (repository, cluster) = (self.clone(), cluster.clone());
            async move {
                let records = repository.read_holds(&cluster, &id, numbers).await?;
                Ok::<_, Error>((id, records.held()))
            }
        });
        let reads: Vec<_> = reads.collect();
        let read: Vec<_> = futures::stream::iter(reads).buffered(READS).try_collect().await?;
        Ok(read.into_iter().filter_map(|(id, held)| Some((id, held?))).collect())
    }

    /// What holds this point now.
    pub(crate) async fn held_now(&self, cluster: &Name, id: &PointId) -> Result<Option<Held>, Error> {
        Ok(self.hold_records(cluster, id).await?.held())
    }

    async fn may_hold(&self, cluster: &Name, id: &PointId, reason: Option<&str>) -> Result<(), Error> {
        let key = layout::holds_of(cluster, id);
        if let Some(reason) = reason.filter(|it| it.len() > LONGEST) {
            let reason = format!("the reason has {} bytes, and {LONGEST} are the most", reason.len());
            return Err(Error::Invalid { object: key.to_string(), reason });
        }
        if self.is_copy().await? {
            let reason = format!("{} is a copy, which holds what its repository holds", self.store());
            return Err(Error::Settings { what: "copy", reason });
        }
        if self.shared.signer.is_none() {
            return Err(Error::NoSigner { object: key.to_string() });
        }
        self.own_name(&Scope::Cluster(cluster.clone())).await.map(drop)
    }

    async fn hold_records(&self, cluster: &Name, id: &PointId) -> Result<Records, Error> {
        let numbers = self.numbers(&layout::holds_of(cluster, id)).await?;
        self.read_holds(cluster, id, numbers.into_iter().map(|(_, number)| number).collect())
            .await
    }

    /// Reads from the newest down to the first that is sound: what is below it counts for nothing.
    async fn read_holds(&self, cluster: &Name, id: &PointId, numbers: BTreeSet<u64>) -> Result<Records, Error> {
        let mut records = Records::default();
        for number in numbers.into_iter().rev().take(DEEPEST) {
            let key = layout::hold(cluster, id, number)?;
            let read = async { self.hold_in(&key, id, &self.shared.store.get(&key).await?).await };
            match read.await {
                Ok(hold) => {
                    records.sound.insert(number, hold);
                    break;
                }
                Err(error) if error.is_unsound() => {
                    records.unsound.insert(number, error.to_string());
                }
                Err(Error::NotFound { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(records)
    }

    /// The record that was read from under `key`.
    pub(crate) async fn hold_in(&self, key: &Path, id: &PointId, sealed: &[u8]) -> Result<Hold, Error> {
        let (_, text) = self.open_sealed(key, sealed).await?;
        let (writer, body) = self.judged(key, &text).await?;
        let record: Record = failure::json(key.as_ref(), &body)?;
        if record.point != *id {
            let found = format!("a record of point {}", record.point);
            return Err(Error::Misplaced { object: key.to_string(), found });
        }
        let Record { state, at, reason, .. } = record;
        if reason.as_ref().is_some_and(|it| it.len() > LONGEST) {
            let reason = "its reason is too long".to_owned();
            return Err(Error::Damaged { object: key.to_string(), reason });
        }
        Ok(Hold { state, by: writer.name, at, reason })
    }

    /// Writes the next record, above all that are there; `None` when somebody else's has its number.
    async fn record(
        &self,
        cluster: &Name,
        id: &PointId,
        state: HoldState,
        reason: Option<&str>,
    ) -> Result<Option<Hold>, Error> {
        let newest = self.newest(&layout::holds_of(cluster, id)).await?;
        let number = newest.as_ref().map_or(1, |(_, number)| number + 1);
        let key = layout::hold(cluster, id, number).map_err(|error| match &newest {
            Some((last, _)) => Error::Damaged {
                object: last.to_string(),
                reason: "it stands at the end of all numbers, where nobody has written yet: it was planted".to_owned(),
            },
            None => error,
        })?;
        let by = self.own_name(&Scope::Cluster(cluster.clone())).await?;
        let (at, reason) = (ambient::now(), reason.map(str::to_owned));
        let record = Record {
            format: layout::FORMAT,
            point: id.clone(),
            state,
            at,
            reason: reason.clone(),
        };
        let bug = |error: serde_json::Error| Error::Bug { object: key.to_string(), reason: error.to_string() };
        let text = self.sign(&key, &serde_json::to_vec(&record).map_err(bug)?).await?;
        let sealed = self.sealed(&key, id.epoch().0, &text).await?;
        match self.shared.store.create(&key, sealed).await {
            Ok(()) => Ok(Some(Hold { state, by, at, reason })),
            Err(Error::Taken { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }
}
