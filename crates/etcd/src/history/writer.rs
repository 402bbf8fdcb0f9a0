//! Lays out a pack: magic, frames, index, footer. Start at [`PackWriter`].

use super::{
    dictionary::Dictionary,
    frame::Raw,
    header::{Header, Role, StoredFrame, Written},
    index,
    name::Link,
};
use crate::FileError;
use bytes::Bytes;
use std::io::{self, Write};
use zstd::bulk::Compressor;

/// What every pack begins and ends with.
pub(super) const MAGIC: [u8; 8] = *b"lbpack\x00\x01";
/// The footer: the index's length and hash, and the magic.
pub(super) const FOOTER_BYTES: usize = 4 + 32 + 8;
/// From this size on a frame is its own dictionary.
const ALONE_BYTES: usize = 1 << 20;

/// A frame as it goes into the pack.
pub(super) struct Packed {
    /// All but its offset.
    pub(super) frame: StoredFrame,
    pub(super) bytes: Vec<u8>,
    /// What it was made from, to be used again.
    pub(super) buffer: Vec<u8>,
}

/// Compresses a frame.
pub(super) fn pack(raw: Raw, compressor: &mut Compressor<'_>, with: Option<[u8; 32]>) -> io::Result<Packed> {
    let bytes = compressor.compress(&raw.bytes)?;
    let has_revisions = raw.first_revision <= raw.last_revision;
    let frame = StoredFrame {
        role: raw.role,
        offset: 0,
        stored: bytes.len(),
        raw: raw.bytes.len(),
        count: raw.count,
        hash: *blake3::hash(&bytes).as_bytes(),
        first_key: raw.first_key,
        last_key: raw.last_key.into(),
        first_revision: if has_revisions { raw.first_revision } else { 0 },
        last_revision: raw.last_revision,
        dictionary: with,
    };
    Ok(Packed { frame, bytes, buffer: raw.bytes })
}

/// Compresses a frame of a segment: with the dictionary where that helps.
pub(super) fn pack_with(raw: Raw, level: i32, dictionary: Option<&Dictionary>) -> io::Result<Packed> {
    match dictionary.filter(|_| raw.bytes.len() < ALONE_BYTES) {
        Some(it) => pack(raw, &mut Compressor::with_prepared_dictionary(it.encoder()?)?, Some(it.id())),
        None => pack(raw, &mut Compressor::new(level)?, None),
    }
}

/// The frame of a dictionary.
pub(super) fn pack_dictionary(dictionary: &Dictionary, level: i32) -> io::Result<Packed> {
    let mut raw = Raw::new(Role::Dictionary, dictionary.bytes().to_vec());
    raw.count = 1;
    pack(raw, &mut Compressor::new(level)?, Some(dictionary.id()))
}

/// Writes a pack from its beginning to its end.
pub(super) struct PackWriter<W> {
    out: W,
    at: u64,
    frames: Vec<StoredFrame>,
}

impl<W: Write> PackWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, at: 0, frames: Vec::new() }
    }

    pub(super) fn frame(&mut self, packed: &mut Packed) -> Result<(), FileError> {
        if self.at == 0 {
            self.put(&MAGIC)?;
        }
        packed.frame.offset = self.at;
        self.put(&packed.bytes)?;
        let nothing = StoredFrame {
            first_key: Bytes::new(),
            last_key: Bytes::new(),
            ..packed.frame.clone()
        };
        self.frames.push(std::mem::replace(&mut packed.frame, nothing));
        Ok(())
    }

    pub(super) fn finish(mut self, header: Header) -> Result<(Written, W), FileError> {
        if self.at == 0 {
            self.put(&MAGIC)?;
        }
        let index = index::write(&header, &self.frames);
        // What is written must be readable.
        index::read("the new pack", &index, self.at)?;
        let link = Link(*blake3::hash(&index).as_bytes());
        let length = u32::try_from(index.len());
        let length = length.map_err(|e| FileError::damaged("the new pack", "its index", e))?;
        self.put(&index)?;
        self.put(&length.to_le_bytes())?;
        self.put(&link.0)?;
        self.put(&MAGIC)?;
        self.out.flush().map_err(FileError::io("the new pack", "written"))?;
        let (name, chain) = (header.name(link), header.chain(link));
        Ok((Written { name, link, chain, header, bytes: self.at }, self.out))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.out.write_all(bytes).map_err(FileError::io("the new pack", "written"))?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}
