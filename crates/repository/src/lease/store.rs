//! What is asked of a store. Start at [`LeaseStore`].

use crate::Error;
use estate::Epoch;
use std::future::Future;

/// One lease's objects, and the streams that the lease guards.
///
/// # Contract
/// Creation has one winner among all who ask for a number, at once or one after another, while the object is there. Whoever asks
/// after an answer sees what was created or removed before it, in reads and in lists. A request may be carried out late, or
/// twice, also when the answer was [`Outcome::Unknown`], and also when its number was created and removed in the meantime.
///
/// Objects are sealed and opened here: what does not open is an error, never "not there". What does not look like a number in a
/// list is passed over.
pub trait LeaseStore: Sync {
    /// Creates the record with this number if there is none.
    fn create(&self, number: u64, bytes: Vec<u8>) -> impl Future<Output = Outcome> + Send;

    /// The record with this number; `None` when there is none.
    fn read(&self, number: u64) -> impl Future<Output = Result<Option<Vec<u8>>, Error>> + Send;

    /// The numbers of all records, in any order.
    fn list(&self) -> impl Future<Output = Result<Vec<u64>, Error>> + Send;

    /// Removes the record with this number; it need not be there.
    fn remove(&self, number: u64) -> impl Future<Output = Result<(), Error>> + Send;

    /// The names of all guarded streams that have an entry, in any order. A stream left out here is disowned by the next tenure.
    fn streams(&self) -> impl Future<Output = Result<Vec<String>, Error>> + Send;

    /// What there is of a stream.
    fn entries(&self, stream: &str) -> impl Future<Output = Result<Numbers, Error>> + Send;

    /// One entry of a stream; `None` when there is none.
    fn entry(&self, stream: &str, number: u64) -> impl Future<Output = Result<Option<Entry>, Error>> + Send;

    /// Creates an entry, sealed under this epoch, if there is none with this number.
    fn create_entry(
        &self,
        stream: &str,
        number: u64,
        epoch: Epoch,
        content: &[u8],
    ) -> impl Future<Output = Outcome> + Send;
}

/// What came of a creation, as far as the store's answer tells.
#[derive(Debug)]
pub enum Outcome {
    /// It was created by this request.
    Created,
    /// There is one of that number: another's, or this one, created by an earlier try.
    Taken,
    /// It was created, or was not, or will be: no answer, 409, 503.
    Unknown(Error),
    /// It was not created and will not be.
    Impossible(Error),
}

/// Which entries a stream has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// The lowest number that was not removed; 0 for a stream of which nothing ever was. Whoever removes entries does it from the
    /// front, keeps the last one that counts, and raises the floor durably before: what shows below it later never counts.
    pub floor: u64,
    /// The numbers that there are, in any order.
    pub there: Vec<u64>,
}

/// An entry of a guarded stream, as far as it matters whether it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub number: u64,
    /// The epoch under which it was sealed.
    pub epoch: Epoch,
    /// The SHA-256 of its content, 64 hexadecimal digits in lower case: [`hash`].
    pub hash: String,
}

/// The hash of an entry's content, as [`Entry`] and [`super::Position`] have it.
pub fn hash(content: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    use std::fmt::Write;
    Sha256::digest(content).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
