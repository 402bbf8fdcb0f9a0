//! Headers and chunks: the arithmetic of sealed objects, on bytes in memory.

use super::{Place, Unopened};
use crate::keys::{KeyId, ScopeKey};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use std::ops::Range;

/// Bytes before the chunks.
pub(crate) const HEADER: usize = 64;

/// Bytes of content in a chunk, at most.
pub(crate) const CHUNK: usize = 65_536;

/// Bytes that sealing adds to a chunk.
pub(crate) const TAG: usize = 16;

/// What every sealed object begins with, but for its last byte, the version.
const MAGIC: [u8; 7] = *b"lbseal\0";

/// The version of everything here.
const VERSION: u8 = 1;

/// How long the sealed form of `content` bytes is.
pub(crate) const fn sealed_length(content: u64) -> u64 {
    let chunks = content.div_ceil(CHUNK as u64);
    HEADER as u64 + content + TAG as u64 * if chunks == 0 { 1 } else { chunks }
}

/// What stands before the chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Which of the scope's keys.
    pub(crate) key: KeyId,
    /// The epoch under which it was written; 0 where there is none.
    pub(crate) epoch: u64,
    salt: [u8; 32],
}

impl Header {
    /// A header with a salt that no other object has.
    pub(crate) fn fresh(key: KeyId, epoch: u64) -> Self {
        Self { key, epoch, salt: ambient::random_bytes() }
    }

    pub(crate) fn to_bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..7].copy_from_slice(&MAGIC);
        bytes[7] = VERSION;
        bytes[8..24].copy_from_slice(&self.key.0);
        bytes[24..32].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[32..].copy_from_slice(&self.salt);
        bytes
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Unopened> {
        let begins = MAGIC.len().min(bytes.len());
        if bytes[..begins] != MAGIC[..begins] {
            return Err(Unopened::Foreign);
        }
        let bytes: &[u8; HEADER] = bytes.get(..HEADER).and_then(|b| b.try_into().ok()).ok_or(Unopened::CutOff)?;
        if bytes[7] != VERSION {
            return Err(Unopened::Version(bytes[7]));
        }
        let (mut key, mut epoch, mut salt) = ([0; 16], [0; 8], [0; 32]);
        key.copy_from_slice(&bytes[8..24]);
        epoch.copy_from_slice(&bytes[24..32]);
        salt.copy_from_slice(&bytes[32..]);
        Ok(Self { key: KeyId(key), epoch: u64::from_be_bytes(epoch), salt })
    }
}

/// Seals and opens the chunks of one object.
pub(crate) struct Chunks {
    key: LessSafeKey,
    /// Header, repository, key name: what every chunk is bound to.
    bound: Vec<u8>,
}

impl Chunks {
    pub(crate) fn new(key: &ScopeKey, header: &Header, place: &Place) -> Result<Self, Unopened> {
        let own = key.of_object(&header.salt).ok_or(Unopened::Changed)?;
        let key = UnboundKey::new(&AES_256_GCM, &*own).map_err(|_length| Unopened::Changed)?;
        let mut bound = header.to_bytes().to_vec();
        bound.extend_from_slice(place.repository.as_bytes());
        bound.push(0);
        bound.extend_from_slice(place.key.as_ref().as_bytes());
        Ok(Self { key: LessSafeKey::new(key), bound })
    }

    /// Seals a chunk's content in place, and puts its tag after it.
    pub(crate) fn seal(&self, number: u32, last: bool, content: &mut Vec<u8>) -> Result<(), Unopened> {
        let sealed = self
            .key
            .seal_in_place_append_tag(nonce(number, last), Aad::from(&self.bound), content);
        sealed.map_err(|_too_long| Unopened::Changed)
    }

    /// Opens a chunk in place: its content.
    pub(crate) fn open<'a>(&self, number: u32, last: bool, sealed: &'a mut [u8]) -> Result<&'a [u8], Unopened> {
        let opened = self.key.open_in_place(nonce(number, last), Aad::from(&self.bound), sealed);
        opened.map(|content| &*content).map_err(|_tag| Unopened::Changed)
    }
}

/// One key seals one object, so that a chunk's number makes its nonce.
fn nonce(number: u32, last: bool) -> Nonce {
    let mut nonce = [0; 12];
    nonce[7..11].copy_from_slice(&number.to_be_bytes());
    nonce[11] = u8::from(last);
    Nonce::assume_unique_for_key(nonce)
}

/// How the chunks of a sealed object lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lie {
    /// How many there are: one at least.
    pub(crate) chunks: u32,
    /// Bytes of content in all.
    pub(crate) content: u64,
}

impl Lie {
    /// Of an object with `sealed` bytes in all.
    pub(crate) fn of(sealed: u64) -> Result<Self, Unopened> {
        let body = sealed.checked_sub(HEADER as u64).ok_or(Unopened::CutOff)?;
        let whole = (CHUNK + TAG) as u64;
        let chunks = body.div_ceil(whole).max(1);
        let content = body.checked_sub(chunks * TAG as u64).ok_or(Unopened::CutOff)?;
        // A last chunk that is a tag and nothing else stands only where there is no content at all.
        if chunks != content.div_ceil(CHUNK as u64).max(1) {
            return Err(Unopened::CutOff);
        }
        let chunks = u32::try_from(chunks).map_err(|_too_many| Unopened::Changed)?;
        Ok(Self { chunks, content })
    }

    /// Where chunk `number` lies in the sealed object.
    pub(crate) fn of_chunk(&self, number: u32) -> Range<u64> {
        let whole = (CHUNK + TAG) as u64;
        let begin = HEADER as u64 + u64::from(number) * whole;
        begin..(begin + whole).min(sealed_length(self.content))
    }
}
