//! Reading an object of a history at any place, without the rest of it.

use crate::keys::unopened;
use crate::seal::{CHUNK, Chunks, HEADER, Lie, Place, Window, sealed_length};
use crate::{Error, Repository, layout};
use bytes::Bytes;
use estate::Name;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// What is read at the end of an object is read with so many bytes before it: an index ends there, and how long it is stands
/// behind it.
const BEFORE_END: u64 = CHUNK as u64;

/// The largest part that is kept for the next reading, in bytes.
const KEPT: usize = 4 * CHUNK;

/// An object of a history, opened for reading at any place. It holds at most 256 KiB of it; a small one it holds whole.
pub struct OpenedObject {
    repository: Repository,
    place: Place,
    lie: Lie,
    epoch: u64,
    sealing: Mutex<Arc<Sealing>>,
    kept: Mutex<Part>,
}

/// How it is sealed.
struct Sealing {
    head: Bytes,
    chunks: Chunks,
}

/// A part of the content.
#[derive(Clone)]
struct Part {
    begin: u64,
    bytes: Bytes,
}

impl Repository {
    /// Opens an object of a cluster's history.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Damaged`], [`Error::Format`], [`Error::Invalid`] for a name that cannot be;
    /// [`Error::NoIdentity`], [`Error::WrongKey`], and as every request.
    pub async fn open_history(&self, cluster: &Name, name: &str) -> Result<OpenedObject, Error> {
        let key = layout::history_key(cluster, name)?;
        let place = self.place(&key).await?;
        let (size, bytes) = self.shared.store.beginning(&key, sealed_length(CHUNK as u64)).await?;
        let (epoch, sealing) = self.sealing(&place, &bytes).await?;
        let lie = Lie::of(size).map_err(|why| unopened(&place, &why))?;
        let mut kept = Part { begin: 0, bytes: Bytes::new() };
        if let Some(first) = Window::of(lie, &(0..lie.content.min(CHUNK as u64))) {
            let opened = first.open(&sealing.chunks, bytes.slice(HEADER..).into());
            kept.bytes = opened.map_err(|why| unopened(&place, &why))?.into();
        } else {
            // Without content there is a seal all the same.
            let mut seal = bytes.slice(HEADER..).to_vec();
            let opened = sealing.chunks.open(0, true, &mut seal);
            opened.map_err(|why| unopened(&place, &why))?;
        }
        Ok(OpenedObject {
            repository: self.clone(),
            place,
            lie,
            epoch,
            sealing: Mutex::new(Arc::new(sealing)),
            kept: Mutex::new(kept),
        })
    }

    async fn sealing(&self, place: &Place, bytes: &Bytes) -> Result<(u64, Sealing), Error> {
        let keys = self.keys_for(&place.key, bytes).await?;
        let (header, chunks) = keys.chunks(place, bytes).map_err(|why| unopened(place, &why))?;
        Ok((header.epoch, Sealing { head: bytes.slice(..HEADER), chunks }))
    }
}

#[expect(
    clippy::len_without_is_empty,
    reason = "nobody asks an object of a history whether it is empty"
)]
impl OpenedObject {
    /// The length of its content in bytes.
    pub fn len(&self) -> u64 {
        self.lie.content
    }

    /// The epoch under which it was written; 0 where there was none.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// `length` bytes of the content from `offset` on, in one request at most.
    ///
    /// # Errors
    /// [`Error::Invalid`] beyond its end; [`Error::NotFound`] when it was removed meanwhile; [`Error::Damaged`], and as every
    /// request.
    pub async fn read_at(&self, offset: u64, length: usize) -> Result<Bytes, Error> {
        let end = offset.checked_add(length as u64).filter(|end| *end <= self.len());
        let end = end.ok_or_else(|| Error::Invalid {
            object: format!("{length} bytes from byte {offset} on of {}", self.place.key),
            reason: format!("it ends at byte {}", self.len()),
        })?;
        if length == 0 {
            return Ok(Bytes::new());
        }
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(part) = kept.part(offset..end) {
            return Ok(part);
        }
        let from = if end == self.len() {
            offset.min(end.saturating_sub(BEFORE_END))
        } else {
            offset
        };
        let part = self.fetched(from..end).await?;
        let wanted = part.part(offset..end).ok_or_else(|| Error::Bug {
            object: self.place.key.to_string(),
            reason: "the chunks of a range do not cover it".to_owned(),
        })?;
        if part.bytes.len() <= KEPT {
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = part;
        }
        Ok(wanted)
    }

    /// The chunks that cover a part of the content.
    async fn fetched(&self, wanted: Range<u64>) -> Result<Part, Error> {
        let window = Window::of(self.lie, &wanted).ok_or_else(|| self.damaged("it is cut off"))?;
        let sealing = Arc::clone(&self.sealing.lock().unwrap_or_else(PoisonError::into_inner));
        match self.opened(&window, &sealing).await {
            // Who stores a large object at the same time as others may be the last, and has sealed the same under another key.
            Err(damaged @ Error::Damaged { .. }) => match self.sealed_anew(&sealing).await? {
                Some(sealing) => self.opened(&window, &sealing).await,
                None => Err(damaged),
            },
            other => other,
        }
    }

    async fn opened(&self, window: &Window, sealing: &Sealing) -> Result<Part, Error> {
        let sealed = self.repository.shared.store.range(&self.place.key, window.sealed()).await?;
        let content = window.open(&sealing.chunks, sealed.into());
        let content = content.map_err(|why| unopened(&self.place, &why))?;
        Ok(Part { begin: window.content().start, bytes: content.into() })
    }

    /// How it is sealed now, if that is otherwise than before.
    async fn sealed_anew(&self, before: &Sealing) -> Result<Option<Arc<Sealing>>, Error> {
        let (size, head) = self.repository.shared.store.beginning(&self.place.key, HEADER as u64).await?;
        if head == before.head || size != sealed_length(self.lie.content) {
            return Ok(None);
        }
        let (_, sealing) = self.repository.sealing(&self.place, &head).await?;
        let sealing = Arc::new(sealing);
        *self.sealing.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&sealing);
        Ok(Some(sealing))
    }

    fn damaged(&self, reason: &str) -> Error {
        Error::Damaged {
            object: self.place.key.to_string(),
            reason: reason.to_owned(),
        }
    }
}

impl Part {
    fn part(&self, wanted: Range<u64>) -> Option<Bytes> {
        let place = |at: u64| usize::try_from(at.checked_sub(self.begin)?).ok();
        let (begin, end) = (place(wanted.start)?, place(wanted.end)?);
        (end <= self.bytes.len()).then(|| self.bytes.slice(begin..end))
    }
}
