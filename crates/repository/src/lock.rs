//! Object lock, where an S3 bucket has it: objects of which nobody, not even a thief with the credentials, can remove what
//! was written before a time.
//!
//! A bucket with object lock keeps versions. A deletion then only hides an object: its bytes can be had back by version, and
//! are paid for, until the time has come.

use crate::store::Store;
use crate::{Error, Repository, cloud, failure, layout};
use estate::{LockMode, Name, PointId};
use http::{Method, StatusCode};
use jiff::Timestamp;
use object_store::path::Path;
use serde::Serialize;
use std::fmt;

/// What a bucket with object lock does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectLock {
    /// What is written without a time of its own is locked so, and for so many days.
    pub default: Option<(LockMode, u32)>,
}

/// What is wanted of a store's object lock, and what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LockState {
    /// How what is stored is to be locked.
    pub wanted: Option<LockMode>,
    /// The store's object lock.
    pub bucket: Option<ObjectLock>,
}

impl LockState {
    /// How what is stored is locked; `None` where it is not wanted, or not possible.
    pub fn mode(&self) -> Option<LockMode> {
        self.wanted.filter(|_| self.bucket.is_some())
    }

    /// Whether it is wanted and not possible.
    pub fn is_lacking(&self) -> bool {
        self.wanted.is_some() && self.bucket.is_none()
    }
}

impl fmt::Display for LockState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.wanted, &self.bucket) {
            (None, None) => return f.write_str("there is none: whoever may write here may remove what is here"),
            (Some(mode), None) => {
                return write!(
                    f,
                    "the estate wants {mode}, and the store has none: nothing is locked. A bucket gets it when it is made"
                );
            }
            (None, Some(_)) => {
                f.write_str("the bucket has it, and the estate does not use it: lock: governance, or compliance")?
            }
            (Some(mode), Some(_)) => write!(f, "copies are locked for as long as they are kept: {mode}")?,
        }
        match self.bucket.and_then(|bucket| bucket.default) {
            Some((mode, days)) => write!(
                f,
                "; and the bucket itself locks whatever is written for {days} days ({mode}), which is paid for as long"
            ),
            None => Ok(()),
        }
    }
}

impl Repository {
    /// The object lock of the store; `None` where it has none.
    ///
    /// # Errors
    /// As every request.
    pub async fn object_lock(&self) -> Result<Option<ObjectLock>, Error> {
        self.shared.store.object_lock().await
    }

    /// What becomes of `wanted` here.
    ///
    /// # Errors
    /// As every request.
    pub async fn lock_state(&self, wanted: Option<LockMode>) -> Result<LockState, Error> {
        Ok(LockState { wanted, bucket: self.object_lock().await? })
    }

    /// Locks a point, its manifest and all of its parts, until a time at least, and says whether that was still to be done. A
    /// lock can be made longer and stricter, never the opposite.
    ///
    /// # Errors
    /// [`Error::Settings`] when the store has no object lock, [`Error::NotFound`] when there is no such point, [`Error::Damaged`]
    /// when the store takes the lock and does not keep it; and as every request.
    pub async fn lock_point(
        &self,
        cluster: &Name,
        id: &PointId,
        until: Timestamp,
        mode: LockMode,
    ) -> Result<bool, Error> {
        let (store, manifest) = (&self.shared.store, layout::manifest(cluster, id));
        // The manifest last, and looked at first: a point that is locked is locked as a whole.
        let Some((longest, strictest)) = store.missing(&manifest, until, mode).await? else {
            return Ok(false);
        };
        for key in store.list(&layout::parts_of(cluster, id)).await? {
            store.hold_until(&key, until, mode).await?;
        }
        store.retain_until(&manifest, longest, strictest).await?;
        Ok(true)
    }

    /// Locks an object of a cluster's history until a time at least, and says whether that was still to be done.
    ///
    /// # Errors
    /// As [`Repository::lock_point`]; [`Error::Invalid`] for a name that cannot be.
    pub async fn lock_history(
        &self,
        cluster: &Name,
        name: &str,
        until: Timestamp,
        mode: LockMode,
    ) -> Result<bool, Error> {
        let key = layout::history_key(cluster, name)?;
        self.shared.store.hold_until(&key, until, mode).await
    }
}

impl Store {
    pub(crate) async fn object_lock(&self) -> Result<Option<ObjectLock>, Error> {
        let Some(signed) = &self.signed else { return Ok(None) };
        let (key, url) = (Path::default(), signed.url(None, "object-lock"));
        let answer = self.asked(&key, signed, Method::GET, &url, String::new()).await?;
        match answer.status {
            StatusCode::OK => Ok(configuration(&answer.body)),
            StatusCode::NOT_FOUND if answer.code() != "NoSuchBucket" => Ok(None),
            StatusCode::NOT_IMPLEMENTED | StatusCode::METHOD_NOT_ALLOWED => Ok(None),
            _ => Err(self.refusal(&key, &answer)),
        }
    }

    /// Locks an object until a time at least, and says whether that was still to be done.
    async fn hold_until(&self, key: &Path, until: Timestamp, mode: LockMode) -> Result<bool, Error> {
        match self.missing(key, until, mode).await? {
            Some((until, mode)) => self.retain_until(key, until, mode).await.map(|()| true),
            None => Ok(false),
        }
    }

    /// How an object must be locked so that it is kept until then, in this mode at least, and no lock of it is made shorter or
    /// weaker; `None` when it is so already.
    async fn missing(
        &self,
        key: &Path,
        until: Timestamp,
        mode: LockMode,
    ) -> Result<Option<(Timestamp, LockMode)>, Error> {
        let signed = self.lockable()?;
        let url = signed.url(Some(key), "retention");
        let answer = self.asked(key, signed, Method::GET, &url, String::new()).await?;
        let there = match answer.status {
            status if status.is_success() => retained(&answer.body),
            // There is the object, and no lock.
            StatusCode::NOT_FOUND if !matches!(answer.code(), "NoSuchKey" | "NoSuchBucket") => None,
            _ => return Err(self.refusal(key, &answer)),
        };
        Ok(lacking(there, (until, mode)))
    }

    /// Locks an object, and reads back that it is.
    pub(crate) async fn retain_until(&self, key: &Path, until: Timestamp, mode: LockMode) -> Result<(), Error> {
        let signed = self.lockable()?;
        // Whole seconds, up: what is asked for is the least.
        let until = Timestamp::from_second(until.as_second() + i64::from(until.subsec_nanosecond() > 0))
            .unwrap_or(Timestamp::MAX);
        let url = signed.url(Some(key), "retention");
        let answer = self.asked(key, signed, Method::PUT, &url, retention(until, mode)).await?;
        if !answer.status.is_success() {
            return Err(self.refusal(key, &answer));
        }
        let answer = self.asked(key, signed, Method::GET, &url, String::new()).await?;
        if !answer.status.is_success() {
            return Err(self.refusal(key, &answer));
        }
        match retained(&answer.body) {
            Some((kept, at)) if kept == mode && at >= until => Ok(()),
            _ => {
                let reason = format!("it was locked until {until}, and the store does not say so");
                Err(Error::Damaged { object: key.to_string(), reason })
            }
        }
    }

    fn lockable(&self) -> Result<&cloud::Signed, Error> {
        self.signed.as_ref().ok_or_else(|| {
            let reason = "it has no object lock".to_owned();
            Error::Settings { what: "store", reason }
        })
    }

    async fn asked(
        &self,
        key: &Path,
        signed: &cloud::Signed,
        method: Method,
        url: &str,
        body: String,
    ) -> Result<cloud::Answer, Error> {
        let asked = async {
            signed
                .ask(method, url, &[], body)
                .await
                .map_err(|error| self.failed(key, &error))
        };
        self.bounded(key, asked).await
    }

    fn refusal(&self, key: &Path, answer: &cloud::Answer) -> Error {
        let (store, object, reason) = (self.name.clone(), key.to_string(), answer.told());
        match answer.status {
            StatusCode::NOT_FOUND if answer.code() == "NoSuchBucket" => Error::NoBucket { store },
            StatusCode::NOT_FOUND if answer.code() == "NoSuchKey" => Error::NotFound { store, object },
            StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS => Error::Unreachable { store, object, reason },
            status if status.is_server_error() => Error::Unreachable { store, object, reason },
            _ => Error::Refused { store, object, reason },
        }
    }
}

/// What of a lock that is wanted is still to be made, with the one that is there. Pure.
fn lacking(
    there: Option<(LockMode, Timestamp)>,
    (until, mode): (Timestamp, LockMode),
) -> Option<(Timestamp, LockMode)> {
    match there {
        Some((kept, at)) if kept >= mode && at >= until => None,
        // One that is over, too, is not made weaker: what nobody asked for is left as it is.
        Some((kept, at)) => Some((until.max(at), mode.max(kept))),
        None => Some((until, mode)),
    }
}

fn retention(until: Timestamp, mode: LockMode) -> String {
    let mode = match mode {
        LockMode::Governance => "GOVERNANCE",
        LockMode::Compliance => "COMPLIANCE",
    };
    format!(
        "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>{mode}</Mode>\
         <RetainUntilDate>{until}</RetainUntilDate></Retention>"
    )
}

fn retained(body: &str) -> Option<(LockMode, Timestamp)> {
    let until = failure::between(body, "<RetainUntilDate>", "</RetainUntilDate>")?;
    Some((mode(body)?, until.trim().parse().ok()?))
}

fn configuration(body: &str) -> Option<ObjectLock> {
    if failure::between(body, "<ObjectLockEnabled>", "</ObjectLockEnabled>")?.trim() != "Enabled" {
        return None;
    }
    let number = |begin, end| -> Option<u32> { failure::between(body, begin, end)?.trim().parse().ok() };
    let years = || Some(number("<Years>", "</Years>")?.saturating_mul(365));
    let days = number("<Days>", "</Days>").or_else(years);
    Some(ObjectLock { default: mode(body).zip(days) })
}

fn mode(body: &str) -> Option<LockMode> {
    match failure::between(body, "<Mode>", "</Mode>")?.trim() {
        "GOVERNANCE" => Some(LockMode::Governance),
        "COMPLIANCE" => Some(LockMode::Compliance),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
