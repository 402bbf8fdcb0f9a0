//! The trait that a place for journals implements. Start at [`Journal`].

use crate::Entry;
use async_trait::async_trait;

/// Where one run's entries are kept. All that is asked of it is one winner for each number.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Reads all entries, ordered by number. An entry whose append was answered with success is among them.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`] when it cannot be read now, [`JournalError::Damaged`] when an entry is no entry.
    async fn entries(&self) -> Result<Vec<Entry>, JournalError>;

    /// Creates the entry under its number if nothing is there, all of it or nothing, durably.
    ///
    /// The future may be dropped at any moment; the entry may appear even so, later too.
    ///
    /// # Errors
    /// [`JournalError::Taken`] when something is there (the caller finds out whether it wrote that itself),
    /// [`JournalError::Unavailable`] when it is unknown whether it was written, [`JournalError::Damaged`] when the place
    /// cannot hold journals.
    async fn append(&self, entry: &Entry) -> Result<(), JournalError>;
}

/// Why a journal did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The number is in use.
    #[error("entry {seq} of the journal is taken")]
    Taken {
        /// The number.
        seq: u64,
    },
    /// No answer, or one that does not tell whether the entry was written.
    #[error("the journal is not available: {reason}")]
    Unavailable {
        /// What happened instead, with the name of the place.
        reason: String,
    },
    /// What is there is not a journal.
    #[error("the journal is damaged: {reason}")]
    Damaged {
        /// The entry and what is wrong with it.
        reason: String,
    },
}
