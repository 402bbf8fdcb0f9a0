//! How long a lease has not changed, as one observer sees it. Start at [`Watch`]: pure, `now` is an argument.

use super::record::{Record, State};
use super::{LeaseError, patience};
use std::time::Duration;

/// What one observer has seen of a lease, and since when. Times are by this host's clock that counts suspension, and by no other.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    seen: Option<(Record, Duration)>,
}

impl Watch {
    /// The newest record seen.
    pub fn newest(&self) -> Option<&Record> {
        self.seen.as_ref().map(|(record, _)| record)
    }

    /// The newest number seen; 0 for none.
    pub fn number(&self) -> u64 {
        self.newest().map_or(0, |record| record.number)
    }

    /// Takes in what was found to be the newest record. `before` is [`Watch::number`] as it was before the store was asked, and
    /// `now` a time after it answered: a change counts as late as it can have been.
    ///
    /// # Errors
    /// [`LeaseError::SetBack`] when the store has forgotten records, [`LeaseError::Damaged`] when this one cannot follow those
    /// seen before.
    pub fn saw(&mut self, found: Option<&Record>, before: u64, now: Duration) -> Result<(), LeaseError> {
        let number = found.map_or(0, |found| found.number);
        if number < before {
            return Err(LeaseError::SetBack { seen: before, found: number });
        }
        let Some(found) = found else { return Ok(()) };
        if let Some((known, _)) = &self.seen {
            if let Some(reason) = contradiction(known, found) {
                return Err(LeaseError::Damaged { number, reason: reason.to_owned() });
            }
            // What was asked for earlier and answered later is old news.
            if number <= known.number {
                return Ok(());
            }
        }
        self.seen = Some((found.clone(), now));
        Ok(())
    }

    /// Whether the lease may be taken over now.
    ///
    /// # Errors
    /// [`LeaseError::Held`] while it may not.
    pub fn takeable(&self, now: Duration) -> Result<(), LeaseError> {
        let Some((record, since)) = &self.seen else {
            return Ok(());
        };
        let unchanged = now.saturating_sub(*since);
        let left = patience(record.ttl()).saturating_sub(unchanged);
        if record.state == State::Released || left.is_zero() {
            return Ok(());
        }
        Err(LeaseError::Held {
            holder: record.holder.clone(),
            epoch: record.epoch,
            unchanged,
            left,
        })
    }
}

/// Why the two cannot be of one lease, the older one known.
fn contradiction(known: &Record, found: &Record) -> Option<&'static str> {
    if found.number == known.number && found != known {
        return Some("it was replaced by another one");
    }
    if found.number <= known.number {
        return None;
    }
    if found.epoch != known.epoch && found.epoch.0 <= known.number {
        return Some("its epoch is older than the one before it");
    }
    if found.epoch == known.epoch && known.state == State::Released {
        return Some("its tenure was over before it");
    }
    (found.floor < known.floor).then_some("its floor is below the one before it")
}
