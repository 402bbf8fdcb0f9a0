//! A snapshot on its way to the local disk, which can be read while it arrives.
//!
//! etcd keeps every page that a snapshot may still need, so that a stream that is drained slowly makes its database grow
//! (measured: by 2 MB/s when drained at 5 MB/s): nothing that packs or stores may hold it up. [`Spool`] takes the stream as fast as the
//! disk does, into a file without a name; whoever reads a page that is not there yet waits for it.

use crate::bbolt::Pages;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;

/// How much is written before readers are told: a stream's messages are of 32 KiB, and telling wakes whoever walks.
const AT_ONCE_BYTES: u64 = 512 << 10;

/// The reading side: clones read the same bytes.
#[derive(Clone, Debug)]
pub struct Spool(Arc<Shared>);

/// The writing side. Dropped before [`SpoolWriter::complete`], it breaks the spool, so that no reader waits for ever.
///
/// Its writes block: write from a thread that may. As an [`AsyncWrite`] it lets readers know of what came in larger pieces, and when it
/// is flushed.
#[derive(Debug)]
pub struct SpoolWriter {
    shared: Arc<Shared>,
    /// What is in the file, which readers may not know of yet.
    written: u64,
    published: u64,
}

#[derive(Debug)]
struct Shared {
    file: File,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    bytes: u64,
    end: End,
}

#[derive(Debug)]
enum End {
    /// More comes.
    Open,
    /// All is there.
    Complete,
    /// No more comes, for this reason.
    Broken(String),
}

impl Spool {
    /// A new one in `directory`, where it takes the place of the database while it is open, and has no name: nothing is left
    /// of it, however the process ends.
    ///
    /// # Errors
    /// The system's, when no file can be made there.
    pub fn create(directory: &Path) -> io::Result<(Self, SpoolWriter)> {
        let shared = Arc::new(Shared {
            file: tempfile::tempfile_in(directory)?,
            state: Mutex::new(State { bytes: 0, end: End::Open }),
            changed: Condvar::new(),
        });
        let writer = SpoolWriter { shared: Arc::clone(&shared), written: 0, published: 0 };
        Ok((Self(shared), writer))
    }

    /// Waits until the stream has ended: the bytes that came.
    ///
    /// # Errors
    /// The reason for which it broke off.
    pub fn wait(&self) -> io::Result<u64> {
        let mut state = self.0.lock();
        loop {
            match &state.end {
                End::Complete => return Ok(state.bytes),
                End::Broken(why) => return Err(io::Error::other(why.clone())),
                End::Open => state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Bytes that are there.
    pub fn bytes(&self) -> u64 {
        self.0.lock().bytes
    }
}

impl Pages for Spool {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(into.len() as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut state = self.0.lock();
        // What is there can be read, also after the stream broke: the walk tells the place where it had to stop.
        while state.bytes < end {
            match &state.end {
                End::Complete => return Err(io::ErrorKind::UnexpectedEof.into()),
                End::Broken(why) => return Err(io::Error::other(why.clone())),
                End::Open => state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
        drop(state);
        self.0.file.read_exact_at(into, offset)
    }

    fn arrived(&self) -> u64 {
        let state = self.0.lock();
        match state.end {
            End::Open => state.bytes,
            // Nothing is waited for any more.
            End::Complete | End::Broken(_) => u64::MAX,
        }
    }
}

impl SpoolWriter {
    /// Appends.
    ///
    /// # Errors
    /// The disk's.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes)?;
        self.publish();
        Ok(())
    }

    /// Nobody else writes, so that what readers do not know of needs no lock.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.shared.file.write_all_at(bytes, self.written)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn publish(&mut self) {
        self.published = self.written;
        self.shared.lock().bytes = self.written;
        self.shared.changed.notify_all();
    }

    /// The stream has ended, and was sound.
    pub fn complete(mut self) {
        self.publish();
        self.end(End::Complete);
    }

    /// The stream broke off.
    pub fn broken(mut self, why: String) {
        self.publish();
        self.end(End::Broken(why));
    }

    fn end(&self, end: End) {
        let mut state = self.shared.lock();
        if matches!(state.end, End::Open) {
            state.end = end;
        }
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl Drop for SpoolWriter {
    fn drop(&mut self) {
        self.end(End::Broken("the stream was given up".to_owned()));
    }
}

impl AsyncWrite for SpoolWriter {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.write(bytes).map(|()| bytes.len());
        if self.written - self.published >= AT_ONCE_BYTES {
            self.publish();
        }
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.publish();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

impl Shared {
    /// What a thread that panicked leaves is still a number and an end.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
