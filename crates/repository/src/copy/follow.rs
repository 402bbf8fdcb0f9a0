//! A copy that never ends, and how far it lags behind.

use super::listing::Listing;
use super::{Copied, CopyOptions, copy};
use crate::store::Listed;
use crate::{Error, Repository};
use futures::future::{Either, select};
use jiff::Timestamp;
use object_store::path::Path;
use serde::Serialize;
use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

/// How far a copy is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lag {
    /// The age of the oldest object that is not copied yet, in seconds, by when FROM's store says that it was written; 0 when
    /// none is waiting.
    pub seconds: u64,
    /// How many bytes are not copied yet.
    pub bytes: u64,
    /// How many objects.
    pub objects: u64,
}

/// What is told each time round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Followed {
    /// When it was found out.
    pub at: Timestamp,
    /// How far the copy is behind; `None` when a store did not say.
    pub lag: Option<Lag>,
    /// What was copied in this round, after it was copied.
    pub copied: Option<Copied>,
    /// Why this round broke off; the next one goes on.
    pub error: Option<String>,
}

/// Copies FROM to TO again and again, `every` so often, until `stop` is done; broken off anywhere, it leaves a repository that
/// opens. `report` hears twice a round: how far the copy is behind before anything is copied, and what was copied.
///
/// # Errors
/// [`Error::Invalid`] when TO cannot be a copy of FROM, [`Error::OtherRoot`], [`Error::Format`]: waiting mends none of them.
pub async fn follow(
    from: &Repository,
    to: &Repository,
    options: &CopyOptions,
    every: Duration,
    stop: impl Future<Output = ()>,
    report: &(dyn Fn(&Followed) + Send + Sync),
) -> Result<(), Error> {
    let mut stop = pin!(stop);
    let mut unsigned = Vec::new();
    loop {
        match select(pin!(round(from, to, options, &mut unsigned, report)), &mut stop).await {
            Either::Left((outcome, _)) => outcome?,
            Either::Right(_) => return Ok(()),
        }
        if let Either::Right(_) = select(pin!(ambient::sleep(every)), &mut stop).await {
            return Ok(());
        }
    }
}

async fn round(
    from: &Repository,
    to: &Repository,
    options: &CopyOptions,
    unsigned: &mut Vec<String>,
    report: &(dyn Fn(&Followed) + Send + Sync),
) -> Result<(), Error> {
    let outcome = async {
        let waiting = measure(from, to, unsigned).await?;
        let before = Followed {
            at: ambient::now(),
            lag: Some(waiting),
            copied: None,
            error: None,
        };
        report(&before);
        let copied = copy(from, to, options, &|_progress| {}).await?;
        unsigned.clone_from(&copied.unsigned);
        let lag = Some(measure(from, to, unsigned).await?);
        Ok(Followed { lag, at: ambient::now(), copied: Some(copied), error: None })
    };
    let told = match outcome.await {
        Err(
            error @ (Error::Invalid { .. } | Error::OtherRoot { .. } | Error::Format { .. } | Error::Settings { .. }),
        ) => {
            return Err(error);
        }
        Err(error) => Followed {
            at: ambient::now(),
            lag: None,
            copied: None,
            error: Some(error.to_string()),
        },
        Ok(told) => told,
    };
    report(&told);
    Ok(())
}

/// How far TO is behind FROM, by their lists. What is not signed is waited for by nobody.
async fn measure(from: &Repository, to: &Repository, unsigned: &[String]) -> Result<Lag, Error> {
    let listing = Listing::of(from).await?;
    let there = match Listing::keys(to).await {
        Err(Error::NoBucket { .. }) => BTreeMap::new(),
        other => other?,
    };
    let wanted = listing
        .objects()
        .filter(|it| !unsigned.iter().any(|key| key == it.key.as_ref()));
    Ok(lag(wanted, &there, ambient::now()))
}

/// How far behind `there` is, at `now`. Pure.
pub(crate) fn lag<'a>(all: impl Iterator<Item = &'a Listed>, there: &BTreeMap<Path, u64>, now: Timestamp) -> Lag {
    let (mut lag, mut oldest) = (Lag::default(), now);
    for object in all.filter(|object| !there.contains_key(&object.key)) {
        lag.objects += 1;
        lag.bytes += object.bytes;
        oldest = oldest.min(object.written);
    }
    lag.seconds = u64::try_from(now.as_second().saturating_sub(oldest.as_second())).unwrap_or(0);
    lag
}
