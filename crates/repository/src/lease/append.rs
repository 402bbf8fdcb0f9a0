//! Writing into a guarded stream. Start at [`Lease::append`].

use super::handle::fenced;
use super::store::{Outcome, hash};
use super::{Belief, Lease, LeaseError, LeaseStore, Omission};
use crate::Error;
use estate::{Epoch, Kind};
use std::time::Duration;

/// How often an entry is asked for before its outcome counts as unknown. The store has retries of its own.
const ATTEMPTS: usize = 3;

/// Where one tenure goes on writing in one stream.
#[derive(Debug)]
pub struct Writer {
    pub(super) stream: String,
    pub(super) epoch: Epoch,
    /// The lowest number that is not known to be taken.
    pub(super) next: u64,
    pub(super) belief: Belief,
}

impl<S: LeaseStore, C: Fn() -> Duration + Sync> Lease<S, C> {
    /// Writes an entry behind all others of its stream, reads it back, and sees that there is no newer epoch: when this returns
    /// the entry's number, the entry counts for ever.
    ///
    /// # Errors
    /// [`LeaseError::Lapsed`] when the tenure is not believed in: nothing was written. [`LeaseError::Fenced`] when there is a newer
    /// epoch: the entry may be there, and whether it counts is for the new holder to say. [`LeaseError::Unknown`] when the outcome
    /// is unknown. After any of these the same content may be appended again: when it is there already, it is not written twice.
    pub async fn append(&self, writer: &mut Writer, content: &[u8]) -> Result<u64, LeaseError> {
        if !writer.belief.holds((self.clock)()) {
            return Err(LeaseError::Lapsed { epoch: writer.epoch });
        }
        let number = self.write(writer, content).await?;
        if !self.omits(Omission::EpochBeforeAcknowledging) {
            self.unfenced(writer.epoch).await?;
        }
        writer.next = number.saturating_add(1);
        Ok(number)
    }

    /// Writes an entry under the first number that is free, and reads it back.
    async fn write(&self, writer: &mut Writer, content: &[u8]) -> Result<u64, LeaseError> {
        let hash = hash(content);
        let mut attempts = 0;
        let mut said = None;
        while attempts < ATTEMPTS {
            let Writer { stream, epoch, next, .. } = &*writer;
            match self.store.create_entry(stream, *next, *epoch, content).await {
                Outcome::Created | Outcome::Taken => {}
                Outcome::Unknown(error) => said = Some(error),
                Outcome::Impossible(error) => return Err(error.into()),
            }
            match self.store.entry(stream, *next).await {
                Ok(Some(entry)) if entry.epoch == *epoch && entry.hash == hash => return Ok(*next),
                Ok(Some(entry)) if entry.epoch > *epoch => return Err(self.overtaken(writer, entry.epoch).await),
                // An older epoch's, too late to count; or this one's, written by a call that did not hear of it.
                Ok(Some(_)) => {
                    writer.next = next.saturating_add(1);
                    attempts = 0;
                }
                Ok(None) => attempts += 1,
                Err(error) => {
                    attempts += 1;
                    said = Some(unreachable(error)?);
                }
            }
        }
        let what = format!("entry {} of {}", writer.next, writer.stream);
        Err(LeaseError::Unknown { what, source: said })
    }

    /// The error for a place that a newer epoch has taken.
    async fn overtaken(&self, writer: &Writer, newer: Epoch) -> LeaseError {
        match self.newest().await {
            Ok(Some(newest)) if newest.epoch > writer.epoch => fenced(writer.epoch, &newest),
            Ok(newest) => LeaseError::SetBack {
                seen: newer.0,
                found: newest.map_or(0, |newest| newest.number),
            },
            Err(error) => error,
        }
    }
}

fn unreachable(error: Error) -> Result<Error, LeaseError> {
    match error.kind() {
        Kind::Unreachable => Ok(error),
        _ => Err(error.into()),
    }
}
