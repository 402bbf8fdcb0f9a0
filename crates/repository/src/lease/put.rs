//! Writing a record so that it is known what came of it. Start at [`Lease::put`].

use super::record::Record;
use super::store::Outcome;
use super::{Lease, LeaseError, LeaseStore, Omission};
use crate::Error;
use estate::Kind;
use std::collections::BTreeSet;
use std::time::Duration;

/// How often a record is asked for before its outcome counts as unknown. The store has retries of its own.
const ATTEMPTS: usize = 3;

/// How often the newest record is looked for when it is not the newest any more by the time it was read.
const LOOKS: usize = 5;

/// What came of a record.
pub(super) enum Put {
    /// It is the newest one. These numbers were there then.
    Newest(BTreeSet<u64>),
    /// Another one has its number, or a higher one.
    Superseded(Record),
}

impl<S: LeaseStore, C: Fn() -> Duration + Sync> Lease<S, C> {
    /// Writes a record and settles what came of it. Only the newest record counts, so that is what is looked for after each
    /// attempt, whatever the store answered: a creation may succeed below newer records, where older ones were removed, and one
    /// that is said to have failed may be an earlier attempt's success.
    pub(super) async fn put(&self, record: &Record) -> Result<Put, LeaseError> {
        let bytes = record.to_bytes()?;
        let mut said = None;
        for _ in 0..ATTEMPTS {
            match self.attempt(record, &bytes, &mut said).await {
                Ok(Some(put)) => return Ok(put),
                Ok(None) => {}
                Err(LeaseError::Store(error)) if error.kind() == Kind::Unreachable => said = Some(error),
                // It may be there, but not as far as anybody here will know.
                Err(other) => return Err(other),
            }
        }
        Err(LeaseError::Unknown { what: format!("record {}", record.number), source: said })
    }

    async fn attempt(
        &self,
        record: &Record,
        bytes: &[u8],
        said: &mut Option<Error>,
    ) -> Result<Option<Put>, LeaseError> {
        let created = match self.store.create(record.number, bytes.to_vec()).await {
            Outcome::Created => true,
            Outcome::Taken => false,
            Outcome::Unknown(error) => {
                *said = Some(error);
                false
            }
            Outcome::Impossible(error) => return Err(error.into()),
        };
        if created && self.omits(Omission::Relist) {
            return Ok(Some(Put::Newest(BTreeSet::new())));
        }
        let (newest, numbers) = self.look(created.then_some(record)).await?;
        if self.omits(Omission::ReadBack) && numbers.last() == Some(&record.number) {
            return Ok(Some(Put::Newest(numbers)));
        }
        Ok(match newest {
            Some(newest) if newest == *record => Some(Put::Newest(numbers)),
            Some(newest) if newest.number >= record.number => Some(Put::Superseded(newest)),
            // Not there yet; perhaps later.
            _ => None,
        })
    }

    /// The newest record; `None` while there is none.
    pub(super) async fn newest(&self) -> Result<Option<Record>, LeaseError> {
        Ok(self.look(None).await?.0)
    }

    /// The newest record, and all numbers. `created` is a record of which the store has just said that it created it: when no
    /// number is above its own, it need not be read.
    async fn look(&self, created: Option<&Record>) -> Result<(Option<Record>, BTreeSet<u64>), LeaseError> {
        let (mut before, mut numbers) = self.list().await?;
        for _ in 0..LOOKS {
            let newest = numbers.last().copied().unwrap_or(0);
            let watched = self.watch().newest().cloned();
            let mut known = watched.into_iter().chain(created.cloned());
            let known = known.find(|known| known.number == newest);
            if newest == 0 || known.is_some() {
                self.watch().saw(known.as_ref(), before, (self.clock)())?;
                return Ok((known, numbers));
            }
            let bytes = self.store.read(newest).await?;
            // While it is the newest, nobody removes it. When it is so no more, it may have been removed before it was read,
            // and another one created in its place by a request that was long under way.
            let again = self.list().await?;
            let stays = again.1.last() == Some(&newest) || self.omits(Omission::ListAfterReading);
            (before, numbers) = again;
            if let Some(bytes) = bytes.filter(|_| stays) {
                let record = Record::parse(newest, &bytes)?;
                self.watch().saw(Some(&record), before, (self.clock)())?;
                return Ok((Some(record), numbers));
            }
        }
        Err(LeaseError::Restless { number: numbers.last().copied().unwrap_or(0) })
    }

    /// All numbers, and the newest one that had been seen before they were asked for.
    async fn list(&self) -> Result<(u64, BTreeSet<u64>), LeaseError> {
        let before = self.watch().number();
        Ok((before, self.store.list().await?.into_iter().collect()))
    }
}
