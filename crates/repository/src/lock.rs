//! Object lock, where an S3 bucket has it: objects of which nobody, not even a thief with the credentials, can remove what
//! was written before a time.
//!
//! A bucket with object lock keeps versions. A deletion then only hides an object: its bytes can be had back by version, and
//! are paid for, until the time has come.

use crate::store::Store;
use crate::{Error, Repository, cloud, failure, layout};
use estate::{Name, PointId};
use http::{Method, StatusCode};
use jiff::Timestamp;
use object_store::path::Path;

/// Who may remove a locked object before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Who has a right of its own for that.
    Governance,
    /// Nobody.
    Compliance,
}

/// What a bucket with object lock does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectLock {
    /// What is written without a time of its own is locked so, and for so many days.
    pub default: Option<(LockMode, u32)>,
}

impl Repository {
    /// The object lock of the store; `None` where it has none.
    ///
    /// # Errors
    /// As every request.
    pub async fn object_lock(&self) -> Result<Option<ObjectLock>, Error> {
        self.shared.store.object_lock().await
    }

    /// Locks a point, its manifest and all of its parts, until a time. A lock can be made longer and never shorter.
    ///
    /// # Errors
    /// [`Error::Settings`] when the store has no object lock, [`Error::Damaged`] when it takes the lock and does not keep it;
    /// and as every request.
    pub async fn lock_point(
        &self,
        cluster: &Name,
        id: &PointId,
        until: Timestamp,
        mode: LockMode,
    ) -> Result<(), Error> {
        let store = &self.shared.store;
        // The manifest last: a point that is locked is locked as a whole.
        let mut keys = store.list(&layout::parts_of(cluster, id)).await?;
        keys.push(layout::manifest(cluster, id));
        for key in keys {
            store.retain_until(&key, until, mode).await?;
        }
        Ok(())
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

    /// Locks an object, and reads back that it is.
    pub(crate) async fn retain_until(&self, key: &Path, until: Timestamp, mode: LockMode) -> Result<(), Error> {
        let Some(signed) = &self.signed else {
            let reason = "it has no object lock".to_owned();
            return Err(Error::Settings { what: "store", reason });
        };
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
