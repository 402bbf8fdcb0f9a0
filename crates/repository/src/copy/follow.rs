//! A copy that never ends, and how far it lags behind.

use super::listing::Listing;
use super::{Copied, CopyOptions, bring, prepare};
use crate::store::Listed;
use crate::{Error, Repository};
use estate::Lag;
use futures::future::{Either, select};
use jiff::Timestamp;
use object_store::path::Path;
use serde::Serialize;
use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

/// What is told each time round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Followed {
    /// As of when: objects that were written later are not counted.
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
/// [`Error::Settings`] when TO cannot be a copy of FROM, [`Error::OtherRoot`], [`Error::Format`]: waiting mends none of them.
pub async fn follow(
    from: &Repository,
    to: &Repository,
    options: &CopyOptions,
    every: Duration,
    stop: impl Future<Output = ()>,
    report: &(dyn Fn(&Followed) + Send + Sync),
) -> Result<(), Error> {
    let mut stop = pin!(stop);
    let mut refused = Vec::new();
    loop {
        match select(pin!(round(from, to, options, &mut refused, report)), &mut stop).await {
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
    refused: &mut Vec<String>,
    report: &(dyn Fn(&Followed) + Send + Sync),
) -> Result<(), Error> {
    let outcome = async {
        prepare(from, to).await?;
        let at = ambient::now();
        let (listing, there) = (Listing::of(from).await?, Listing::keys(to).await?);
        // What is not signed or not whole is waited for by nobody.
        let is_wanted = |it: &&Listed| !refused.iter().any(|key| key == it.key.as_ref());
        let waiting = lag(listing.objects().filter(is_wanted), &there, ambient::now());
        report(&Followed { at, lag: Some(waiting), copied: None, error: None });
        let copied = bring(from, to, options, (&listing, &there), &|_progress| {}).await?;
        *refused = copied.unsigned.iter().chain(copied.damaged.keys()).cloned().collect();
        // What came after the list was made, the next round finds.
        let lag = Some(Lag::default());
        Ok(Followed { lag, at, copied: Some(copied), error: None })
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
