//! Whether this machine's clock and the store's agree. Points bear this machine's time and are told apart by it, and what is old
//! is told by the store's: where the two disagree, neither means anything.
//!
//! Stores with signed requests refuse those of a wrong clock themselves; directories, and some servers, do not.

use crate::{Error, Repository, layout};
use jiff::{SignedDuration, Timestamp};

/// How far the clocks may be apart: as far as S3 lets them.
const APART: SignedDuration = SignedDuration::from_mins(15);

/// How far this machine's clock is ahead of the store's, if it is too far from it either way. The store dated something at
/// `written` that was written between two moments of this machine's clock.
fn apart(begun: Timestamp, written: Timestamp, ended: Timestamp) -> Option<SignedDuration> {
    let (ahead, behind) = (begun.duration_since(written), ended.duration_since(written));
    if ahead > APART {
        Some(ahead)
    } else if behind < -APART {
        Some(behind)
    } else {
        None
    }
}

/// Refuses to go on where the clocks disagree.
pub(crate) fn agree(store: &str, begun: Timestamp, written: Timestamp, ended: Timestamp) -> Result<(), Error> {
    let Some(ahead) = apart(begun, written, ended) else {
        return Ok(());
    };
    // To the nearest minute: how long the store took to answer is in it.
    let minutes = (ahead.as_secs().unsigned_abs() + 30) / 60;
    let way = if ahead.is_positive() { "ahead" } else { "behind" };
    let reason = format!("this one is {} h {} min {way}", minutes / 60, minutes % 60);
    Err(Error::Clock { store: store.to_owned(), reason })
}

impl Repository {
    /// Sees whether this machine's clock and the store's agree, within a quarter of an hour. Writes a small object, and removes it.
    ///
    /// # Errors
    /// [`Error::Clock`] when they do not, and as every request.
    pub async fn compare_clocks(&self) -> Result<(), Error> {
        self.id().await?;
        let (store, id) = (&self.shared.store, ambient::random_id(12));
        let key = layout::probe(&id, "clock");
        let begun = ambient::now();
        let written = async {
            store.create(&key, id.clone().into()).await?;
            Ok(store.look(&key).await?.written)
        };
        let (written, ended) = (written.await, ambient::now());
        // What was perhaps written, too.
        let removed = store.delete(&key).await;
        let written = written?;
        removed?;
        agree(&store.name, begun, written, ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(begun: &str, written: &str, ended: &str) -> Option<String> {
        let [begun, written, ended] = [begun, written, ended].map(|at| format!("2026-11-{at}Z").parse().unwrap());
        agree("s3", begun, written, ended).err().map(|error| error.to_string())
    }

    #[test]
    fn clocks_may_be_a_quarter_of_an_hour_apart() {
        assert_eq!(told("22T10:00:00", "22T10:00:01", "22T10:00:02"), None);
        assert_eq!(told("22T10:15:00", "22T10:00:00", "22T10:16:00"), None);
        assert_eq!(told("22T10:00:00", "22T10:16:00", "22T10:01:00"), None);
        // What took long is dated at its beginning by some stores, and at its end by others.
        assert_eq!(told("22T10:00:00", "22T10:00:00", "22T14:00:00"), None);
        assert_eq!(told("22T10:00:00", "22T14:00:00", "22T14:00:00"), None);
    }

    #[test]
    fn a_day_is_too_far_either_way() {
        assert_eq!(
            told("23T10:00:00", "22T09:59:59.9", "23T10:00:01").unwrap(),
            "the clocks of this machine and of s3 disagree: this one is 24 h 0 min ahead"
        );
        assert_eq!(
            told("22T10:00:00", "23T10:00:00.5", "22T10:00:01").unwrap(),
            "the clocks of this machine and of s3 disagree: this one is 24 h 0 min behind"
        );
        assert!(
            told("22T10:20:00", "22T10:00:00", "22T10:20:00")
                .unwrap()
                .ends_with("0 h 20 min ahead")
        );
    }
}
