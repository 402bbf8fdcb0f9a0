//! Numbered streams: which numbers there are, and which comes next. What stands at the top of one need not be ours: whoever can
//! write to the store can put something there.

use crate::{Error, Repository, layout};
use object_store::path::Path;
use std::collections::BTreeSet;

impl Repository {
    /// The objects of a stream, from the highest number down.
    pub(crate) async fn numbers(&self, stream: &Path) -> Result<Vec<(Path, u64)>, Error> {
        let depth = stream.parts_count() + 1;
        let listed = self.shared.store.list(stream).await?.into_iter();
        let own = listed.filter(|key| key.parts_count() == depth);
        let mut numbers: Vec<(Path, u64)> =
            own.filter_map(|key| layout::number(&key).map(|number| (key, number))).collect();
        numbers.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
        Ok(numbers)
    }

    /// The highest number below `stream`.
    pub(crate) async fn newest(&self, stream: &Path) -> Result<Option<(Path, u64)>, Error> {
        Ok(self.numbers(stream).await?.into_iter().next())
    }

    /// Removes the objects of a stream with lower numbers, from the lowest up: broken off, it leaves no hole.
    pub(crate) async fn remove_below(&self, stream: &Path, number: u64) -> Result<(), Error> {
        let lower = self.numbers(stream).await?.into_iter().rev();
        for (key, _) in lower.take_while(|(_, found)| *found < number) {
            self.shared.store.delete(&key).await?;
        }
        Ok(())
    }
}

/// The number after the newest object that is sound, or, if none is, after the lowest: the first that is free. So what was planted
/// at the end of all numbers is passed over. Pure.
pub(crate) fn next(numbers: &[(Path, u64)], newest_sound: Option<u64>) -> u64 {
    let taken: BTreeSet<u64> = numbers.iter().map(|(_, number)| *number).collect();
    let first_free = |after: u64| (after + 1..=layout::HIGHEST).find(|number| !taken.contains(number));
    let after = newest_sound.or(taken.first().copied()).unwrap_or(0);
    first_free(after).or_else(|| first_free(0)).unwrap_or(layout::HIGHEST)
}
