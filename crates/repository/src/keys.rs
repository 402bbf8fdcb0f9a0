//! The keys of a scope: what seals and opens its objects.
//!
//! A *scope* is what one set of keys opens: everything shared, or one cluster. Its keys are random; a [keyring](keyring) in the
//! repository holds them, wrapped with `age` for each recipient and signed by the root. Start at [`Keys`].

mod identity;
mod keyring;
mod recipient;
mod secret;

pub(crate) use identity::Identities;
pub use identity::new_identity;
pub(crate) use keyring::{Keyring, Opened};
pub use recipient::Recipient;
pub(crate) use recipient::wrap;
pub use secret::KeyId;
pub(crate) use secret::ScopeKey;

use crate::failure::cut;
use crate::seal::{Chunks, HEADER, Header, Place, SealReader, SealWriter, Unopened};
use crate::{Error, Hidden};
use bytes::Bytes;
use std::io::{self, Read, Write};

/// What an opened keyring gives: it seals with the newest key, and opens with all. Never printed; forgotten when dropped.
pub(crate) struct Keys {
    /// The password of the scope's restic repository.
    pub(crate) files: Hidden,
    keys: Vec<ScopeKey>,
    newest: ScopeKey,
}

impl Keys {
    pub(crate) fn new(opened: Opened) -> Option<Self> {
        let newest = opened.keys.last()?.clone();
        Some(Self { files: opened.files, keys: opened.keys, newest })
    }

    /// Whether a key of this id is here.
    pub(crate) fn knows(&self, id: &KeyId) -> bool {
        self.keys.iter().any(|key| key.id == *id)
    }

    /// A writer that seals into `out`. It must be finished.
    pub(crate) fn writer<W: Write>(&self, place: &Place, epoch: u64, out: W) -> io::Result<SealWriter<W>> {
        let header = Header::fresh(self.newest.id, epoch);
        let chunks = Chunks::new(&self.newest, &header, place)?;
        SealWriter::new(&header, chunks, out)
    }

    /// Seals an object that fits into memory.
    pub(crate) fn seal(&self, place: &Place, epoch: u64, content: &[u8]) -> Result<Bytes, Error> {
        let sealed = || {
            let mut writer = self.writer(place, epoch, Vec::with_capacity(content.len() + 2 * HEADER))?;
            writer.write_all(content)?;
            writer.finish()
        };
        let bug = |error: io::Error| Error::Bug { object: place.key.to_string(), reason: error.to_string() };
        Ok(sealed().map_err(bug)?.into())
    }

    /// A reader of the content sealed in `from`, and the header. Errors of the reader go through [`unreadable`].
    pub(crate) fn reader<R: Read>(&self, place: &Place, mut from: R) -> Result<(Header, SealReader<R>), Error> {
        let mut bytes = Vec::with_capacity(HEADER);
        let read = (&mut from).take(HEADER as u64).read_to_end(&mut bytes);
        read.map_err(|error| unreadable(place, &error))?;
        let (header, chunks) = self.chunks(place, &bytes).map_err(|why| unopened(place, &why))?;
        Ok((header, SealReader::new(chunks, from)))
    }

    /// Opens an object that fits into memory: its epoch and its content.
    pub(crate) fn open(&self, place: &Place, sealed: &[u8]) -> Result<(u64, Vec<u8>), Error> {
        let (header, mut reader) = self.reader(place, sealed)?;
        let mut content = Vec::with_capacity(sealed.len());
        reader.read_to_end(&mut content).map_err(|error| unreadable(place, &error))?;
        Ok((header.epoch, content))
    }

    /// What opens the chunks of an object that begins with `bytes`.
    pub(crate) fn chunks(&self, place: &Place, bytes: &[u8]) -> Result<(Header, Chunks), Unopened> {
        let header = Header::parse(bytes)?;
        let key = self.keys.iter().find(|key| key.id == header.key);
        let key = key.ok_or(Unopened::UnknownKey(header.key))?;
        let chunks = Chunks::new(key, &header, place)?;
        Ok((header, chunks))
    }
}

/// Why an object does not open.
pub(crate) fn unopened(place: &Place, why: &Unopened) -> Error {
    let object = place.key.to_string();
    match why {
        Unopened::Version(found) => Error::Format { object, found: found.to_string() },
        other => Error::Damaged { object, reason: other.to_string() },
    }
}

/// Why a sealed object cannot be read on.
pub(crate) fn unreadable(place: &Place, error: &io::Error) -> Error {
    let reason = cut(&error.to_string());
    Error::Damaged { object: place.key.to_string(), reason }
}
