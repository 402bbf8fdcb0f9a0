//! Opening a stream, without knowing its length before.

use super::chunks::TAG;
use super::{CHUNK, Chunks, Unopened};
use std::io::{self, Read};

/// Gives the content of a sealed object whose header has been read from `from` already. An error of kind `InvalidData` is about the
/// object; every other one is about `from`.
pub(crate) struct SealReader<R> {
    from: R,
    chunks: Chunks,
    /// The sealed chunk that is next, and one byte more if another follows it.
    sealed: Vec<u8>,
    /// What is opened: `content[given..]` has not been given yet.
    content: Vec<u8>,
    given: usize,
    number: u32,
    ended: bool,
}

impl<R: Read> SealReader<R> {
    pub(crate) fn new(chunks: Chunks, from: R) -> Self {
        Self {
            from,
            chunks,
            sealed: Vec::with_capacity(CHUNK + TAG + 1),
            content: Vec::with_capacity(CHUNK + TAG),
            given: 0,
            number: 0,
            ended: false,
        }
    }

    fn next(&mut self) -> io::Result<()> {
        let whole = CHUNK + TAG;
        let missing = (whole + 1).saturating_sub(self.sealed.len()) as u64;
        (&mut self.from).take(missing).read_to_end(&mut self.sealed)?;
        let last = self.sealed.len() <= whole;
        if self.sealed.len() < TAG {
            return Err(Unopened::CutOff.into());
        }
        std::mem::swap(&mut self.sealed, &mut self.content);
        self.sealed.clear();
        self.sealed.extend(self.content.get(whole));
        self.content.truncate(whole);
        let opened = self.chunks.open(self.number, last, &mut self.content)?.len();
        // Only the whole content may be empty; an empty chunk behind others is one that nobody writes.
        if opened == 0 && self.number > 0 {
            return Err(Unopened::Changed.into());
        }
        self.content.truncate(opened);
        self.given = 0;
        self.number = self.number.checked_add(1).ok_or(io::ErrorKind::FileTooLarge)?;
        self.ended = last;
        Ok(())
    }
}

impl<R: Read> Read for SealReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.content.len() {
            if self.ended || into.is_empty() {
                return Ok(0);
            }
            self.next()?;
        }
        let left = &self.content[self.given..];
        let read = into.len().min(left.len());
        into[..read].copy_from_slice(&left[..read]);
        self.given += read;
        Ok(read)
    }
}
