//! Sealing a stream.

use super::{CHUNK, Chunks, HEADER, Header};
use std::io::{self, Write};

/// Seals what is written to it into `out`. It must be finished: what is not, does not open.
pub(crate) struct SealWriter<W> {
    out: W,
    chunks: Chunks,
    content: Vec<u8>,
    number: u32,
}

impl<W: Write> SealWriter<W> {
    pub(crate) fn new(header: &Header, chunks: Chunks, mut out: W) -> io::Result<Self> {
        let header: [u8; HEADER] = header.to_bytes();
        out.write_all(&header)?;
        // Room for the tag, too, so that sealing copies nothing.
        Ok(Self {
            out,
            chunks,
            content: Vec::with_capacity(CHUNK + 16),
            number: 0,
        })
    }

    /// Seals the last chunk.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.close(true)?;
        Ok(self.out)
    }

    fn close(&mut self, last: bool) -> io::Result<()> {
        self.chunks.seal(self.number, last, &mut self.content)?;
        self.out.write_all(&self.content)?;
        self.content.clear();
        self.number = self.number.checked_add(1).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(())
    }
}

impl<W: Write> Write for SealWriter<W> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        // A full chunk is closed only when more comes: the last one must be known as such.
        if self.content.len() == CHUNK && !from.is_empty() {
            self.close(false)?;
        }
        let taken = from.len().min(CHUNK - self.content.len());
        self.content.extend_from_slice(&from[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
