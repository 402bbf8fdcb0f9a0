//! Why a lease is not had, by what has to be done about it.

use crate::Error;
use estate::{Epoch, Kind};
use std::time::Duration;

/// Why a lease did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Somebody else holds it. Look again, at the latest when `left` has passed: only what is looked at can be seen to change.
    #[error("{holder} holds the lease in epoch {epoch}, and it has not changed for {} ms", unchanged.as_millis())]
    Held {
        /// Whose it is, for people.
        holder: String,
        /// In which epoch.
        epoch: Epoch,
        /// For how long this observer has not seen it change.
        unchanged: Duration,
        /// How much longer it has to stay so before this observer may take over.
        left: Duration,
    },
    /// A newer tenure exists: this one is over, and what it goes on writing does not count.
    #[error("epoch {epoch} is over: {holder} holds the lease in epoch {newer}")]
    Fenced {
        /// The epoch that is over.
        epoch: Epoch,
        /// The newer one.
        newer: Epoch,
        /// Whose the newer one is, for people.
        holder: String,
    },
    /// Nobody else is known to hold it, but this tenure was not renewed in time. Renewing may succeed still.
    #[error("epoch {epoch} has not been renewed in time")]
    Lapsed {
        /// The epoch.
        epoch: Epoch,
    },
    /// It is not known whether it was written. It may appear later, too. Nothing is believed of it; ask again.
    #[error("whether {what} was written is not known")]
    Unknown {
        /// What was to be written.
        what: String,
        /// What the store said last, if it said anything.
        source: Option<Error>,
    },
    /// A record was replaced by newer ones faster than it could be read. Ask again.
    #[error("record {number} of the lease was gone before it was read")]
    Restless {
        /// The record's number.
        number: u64,
    },
    /// The store has forgotten what it showed before: it was set back, or is another one, an empty directory where it was mounted.
    #[error("the lease's record {seen} is gone, and the newest is {found}: the store was set back, or is another one")]
    SetBack {
        /// The newest number seen before.
        seen: u64,
        /// The newest number now; 0 for none.
        found: u64,
    },
    /// A record is not one that any writer of this protocol can have written.
    #[error("record {number} of the lease is damaged: {reason}")]
    Damaged {
        /// The record's number.
        number: u64,
        /// How that shows.
        reason: String,
    },
    /// What was asked for cannot be written.
    #[error("{what} cannot be written: {reason}")]
    Invalid {
        /// What it is.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The store did not do what it was asked for, and nothing was written.
    #[error("the lease's store failed")]
    Store(#[from] Error),
}

impl LeaseError {
    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Held { .. } => Kind::Conflict,
            Self::Fenced { .. } => Kind::Fenced,
            Self::Lapsed { .. } | Self::Unknown { .. } | Self::Restless { .. } => Kind::Unreachable,
            Self::SetBack { .. } | Self::Damaged { .. } => Kind::Damaged,
            Self::Invalid { .. } => Kind::Invalid,
            Self::Store(error) => error.kind(),
        }
    }
}
