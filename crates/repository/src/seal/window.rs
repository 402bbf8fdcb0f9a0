//! Any part of an object's content without the rest: which chunks cover it, and opening them.

use super::chunks::{Lie, TAG};
use super::{CHUNK, Chunks, Unopened};
use std::ops::Range;

/// The chunks that cover a part of the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    lie: Lie,
    first: u32,
    last: u32,
}

impl Window {
    /// Over `wanted`, which must not be empty; `None` when it goes beyond the content.
    pub(crate) fn of(lie: Lie, wanted: &Range<u64>) -> Option<Self> {
        let last = wanted.end.checked_sub(1).filter(|last| *last >= wanted.start)?;
        let chunk = |at: u64| u32::try_from(at / CHUNK as u64).ok();
        let (first, last) = (chunk(wanted.start)?, chunk(last)?);
        (wanted.end <= lie.content).then_some(Self { lie, first, last })
    }

    /// The bytes of the sealed object that have to be fetched.
    pub(crate) fn sealed(&self) -> Range<u64> {
        self.lie.of_chunk(self.first).start..self.lie.of_chunk(self.last).end
    }

    /// Which part of the content it gives: whole chunks.
    pub(crate) fn content(&self) -> Range<u64> {
        let chunk = CHUNK as u64;
        u64::from(self.first) * chunk..((u64::from(self.last) + 1) * chunk).min(self.lie.content)
    }

    /// Opens what was fetched, in place.
    pub(crate) fn open(&self, chunks: &Chunks, mut sealed: Vec<u8>) -> Result<Vec<u8>, Unopened> {
        let begin = self.lie.of_chunk(self.first).start;
        let mut opened = 0;
        for number in self.first..=self.last {
            let lies = self.lie.of_chunk(number);
            let place = |at: u64| usize::try_from(at - begin).map_err(|_too_far| Unopened::CutOff);
            let chunk = place(lies.start)?..place(lies.end)?;
            let length = chunk.len().checked_sub(TAG).ok_or(Unopened::CutOff)?;
            let part = sealed.get_mut(chunk.clone()).ok_or(Unopened::CutOff)?;
            chunks.open(number, number + 1 == self.lie.chunks, part)?;
            sealed.copy_within(chunk.start..chunk.start + length, opened);
            opened += length;
        }
        sealed.truncate(opened);
        Ok(sealed)
    }
}
