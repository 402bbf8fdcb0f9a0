//! A lease's record: what one numbered object says. Start at [`Record`]; the functions on it make the next one.

use super::LeaseError;
use estate::Epoch;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The highest number of a record: the last of ten digits.
pub const HIGHEST: u64 = 9_999_999_999;

/// The longest record, in bytes of JSON.
pub const LONGEST: usize = 1 << 20;

/// The longest time to live: a day.
pub const LONGEST_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// How many records stay below the newest one when it sets the floor.
const KEPT: u64 = 4;

/// One numbered object of a lease. Whoever has the newest one needs no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// Its number, which is also in its name. The first is 1.
    pub number: u64,
    /// The tenure: the number of the record that it was taken over by.
    pub epoch: Epoch,
    /// Whose it is, for people.
    pub holder: String,
    /// The tenure's random id, by which a writer knows its own record.
    pub writer: String,
    /// How long others leave the lease alone when nothing changes, in milliseconds.
    pub ttl_ms: u64,
    /// Whether the tenure goes on.
    pub state: State,
    /// Numbers below it are removed, and never count again.
    pub floor: u64,
    /// The newest epoch whose holder has said what it accepts; none while nobody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Epoch>,
    /// What was accepted of each guarded stream that there was then: by epoch, the oldest first, `accepted` last.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub accepts: BTreeMap<String, Vec<Acceptance>>,
}

/// Whether a tenure goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// It goes on while it is renewed.
    Held,
    /// It is over, by its holder's own word.
    Released,
}

/// What one epoch's holder accepts of a stream from all epochs before its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Acceptance {
    /// The epoch of the holder that says so.
    pub epoch: Epoch,
    /// The last entry that it accepts; nothing of the stream when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Position>,
}

/// An entry of a stream, by its place and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Position {
    /// The entry's number.
    pub number: u64,
    /// The SHA-256 of the entry's content, 64 hexadecimal digits in lower case.
    pub hash: String,
}

impl Acceptance {
    /// The number of the last accepted entry. No number is less than any.
    pub(super) fn number(&self) -> Option<u64> {
        self.last.as_ref().map(|last| last.number)
    }
}

impl Record {
    /// The record by which a lease is taken over from whoever has `newest`; the first one of all when nobody has.
    pub(super) fn takeover(
        newest: Option<&Self>,
        holder: &str,
        writer: String,
        ttl_ms: u64,
    ) -> Result<Self, LeaseError> {
        let number = following(newest.map_or(0, |newest| newest.number))?;
        Ok(Self {
            number,
            epoch: Epoch(number),
            holder: holder.to_owned(),
            writer,
            ttl_ms,
            state: State::Held,
            floor: newest.map_or(0, |newest| newest.floor),
            accepted: newest.and_then(|newest| newest.accepted),
            accepts: newest.map(|newest| newest.accepts.clone()).unwrap_or_default(),
        })
    }

    /// The next one, which says what the tenure accepts.
    pub(super) fn acceptance(&self, accepts: BTreeMap<String, Vec<Acceptance>>) -> Result<Self, LeaseError> {
        Ok(Self { accepted: Some(self.epoch), accepts, ..self.renewal()? })
    }

    /// The next one of the same tenure.
    pub(super) fn renewal(&self) -> Result<Self, LeaseError> {
        let number = following(self.number)?;
        Ok(Self {
            number,
            floor: self.floor.max(number.saturating_sub(KEPT)),
            ..self.clone()
        })
    }

    /// The next one, which ends the tenure.
    pub(super) fn release(&self) -> Result<Self, LeaseError> {
        Ok(Self { state: State::Released, ..self.renewal()? })
    }

    /// How long it is left alone, by itself: see [`super::patience`] for what an observer adds.
    pub fn ttl(&self) -> Duration {
        Duration::from_millis(self.ttl_ms)
    }

    /// Whether the tenure has said yet what it accepts.
    pub fn has_accepted(&self) -> bool {
        self.accepted == Some(self.epoch)
    }

    /// The record as an object's content.
    ///
    /// # Errors
    /// [`LeaseError::Invalid`] when it is longer than [`LONGEST`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, LeaseError> {
        let invalid = |reason: String| LeaseError::Invalid { what: format!("record {}", self.number), reason };
        let bytes = serde_json::to_vec(self).map_err(|error| invalid(error.to_string()))?;
        match bytes.len() {
            length if length > LONGEST => {
                Err(invalid(format!("it has {length} bytes, and {LONGEST} is the most that it can have")))
            }
            _ => Ok(bytes),
        }
    }

    /// Reads the content of the object with this number.
    ///
    /// # Errors
    /// [`LeaseError::Damaged`] for whatever no writer of this protocol can have written.
    pub fn parse(number: u64, bytes: &[u8]) -> Result<Self, LeaseError> {
        let damaged = |reason: String| LeaseError::Damaged { number, reason };
        if bytes.len() > LONGEST {
            return Err(damaged(format!("it has more than {LONGEST} bytes")));
        }
        let record: Self = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
        match record.contradiction(number) {
            Some(reason) => Err(damaged(reason.to_owned())),
            None => Ok(record),
        }
    }

    fn contradiction(&self, number: u64) -> Option<&'static str> {
        let lists = || self.accepts.values();
        let ordered = |list: &Vec<Acceptance>| {
            list.windows(2)
                .all(|pair| pair[0].epoch < pair[1].epoch && pair[0].number() < pair[1].number())
        };
        let digest = |hash: &str| hash.len() == 64 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let wrong = [
            (self.number != number, "it has another number inside"),
            (number == 0 || number > HIGHEST, "its number is none that a record can have"),
            (self.epoch.0 == 0 || self.epoch.0 > number, "its epoch is not one of its number or before"),
            (self.floor > number, "its floor is above itself"),
            (!acceptable_ttl(self.ttl()), "its time to live is none that a lease can have"),
            (
                self.accepted.is_some_and(|accepted| accepted > self.epoch),
                "it accepts for a later epoch",
            ),
            (self.epoch.0 == number && self.has_accepted(), "a takeover accepts before it is won"),
            (
                lists().any(|list| list.last().map(|last| last.epoch) != self.accepted),
                "its acceptances lack the newest",
            ),
            (!lists().all(ordered), "its acceptances are not in order"),
            (
                lists()
                    .flatten()
                    .flat_map(|accepted| &accepted.last)
                    .any(|last| !digest(&last.hash)),
                "a hash in it is not one",
            ),
        ];
        wrong.iter().find(|(wrong, _)| *wrong).map(|(_, reason)| *reason)
    }
}

/// Whether a lease may have this time to live.
pub(super) fn acceptable_ttl(ttl: Duration) -> bool {
    ttl >= Duration::from_millis(1) && ttl <= LONGEST_TTL
}

fn following(number: u64) -> Result<u64, LeaseError> {
    match number {
        HIGHEST.. => Err(LeaseError::Invalid {
            what: format!("the record after {number}"),
            reason: "there is no higher number".to_owned(),
        }),
        _ => Ok(number + 1),
    }
}
