//! Free pages: pure.

use std::collections::BTreeMap;

/// Runs of free pages: the first page of each, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Free(BTreeMap<u64, u64>);

impl Free {
    /// Takes so many pages that lie next to each other: from the smallest run that has them, so that large ones stay.
    pub(super) fn take(&mut self, pages: u64) -> Option<u64> {
        let fitting = self.0.iter().filter(|(_, count)| **count >= pages);
        let (first, count) = fitting
            .min_by_key(|(_, count)| **count)
            .map(|(first, count)| (*first, *count))?;
        self.0.remove(&first);
        if count > pages {
            self.0.insert(first + pages, count - pages);
        }
        Some(first)
    }

    /// Gives pages back.
    pub(super) fn give(&mut self, first: u64, pages: u64) {
        let (mut first, mut pages) = (first, pages);
        if let Some((&before, &count)) = self.0.range(..first).next_back()
            && before + count == first
        {
            self.0.remove(&before);
            (first, pages) = (before, pages + count);
        }
        if let Some(count) = self.0.remove(&(first + pages)) {
            pages += count;
        }
        self.0.insert(first, pages);
    }
}

#[cfg(test)]
mod tests {
    use super::Free;

    #[test]
    fn neighbours_grow_together_and_the_smallest_run_that_fits_is_taken() {
        let mut free = Free::default();
        for (first, pages) in [(10, 2), (20, 5), (12, 1), (30, 3), (25, 5)] {
            free.give(first, pages);
        }
        assert_eq!(free, Free([(10, 3), (20, 13)].into()));
        assert_eq!(
            (free.take(2), free.take(2), free.take(1), free.take(12)),
            (Some(10), Some(20), Some(12), None)
        );
        assert_eq!(free, Free([(22, 11)].into()));
    }
}
