//! Reads a pack: its index when it is opened, and then any frame of it. Start at [`Pack::open`].
//!
//! Nothing in it is believed: the index must have the hash in the footer and in the name, each frame the hash in the index; no
//! more memory is taken than a frame may have, and what comes out of it is checked record by record.

use super::{
    dictionary::{Dictionary, MAX_DICTIONARY_BYTES},
    frame::{Gone, Records, field},
    header::{Header, Role, StoredFrame},
    index,
    name::{Link, Name},
    shelf::Object,
    writer::{FOOTER_BYTES, MAGIC},
};
use crate::{FileError, record::varint};
use bytes::Bytes;
use std::{collections::BTreeMap, fmt, sync::Arc};
use zstd::bulk::Decompressor;

/// An index is not larger than this.
const MAX_INDEX_BYTES: usize = 64 << 20;

/// A pack whose index has been read and checked. Any number of threads can read its frames.
pub struct Pack {
    name: Name,
    shown: String,
    object: Arc<dyn Object>,
    link: Link,
    header: Header,
    frames: Vec<StoredFrame>,
    dictionaries: Vec<Arc<Dictionary>>,
}

/// The raw entries of buckets, in order: by bucket, then by key.
pub type Buckets = BTreeMap<String, Vec<(Bytes, Bytes)>>;

impl Pack {
    /// Reads the index of an object.
    ///
    /// # Errors
    /// It is no pack, it is damaged or of a later version, or another one than its name says.
    pub fn open(name: &Name, object: Arc<dyn Object>) -> Result<Self, FileError> {
        let shown = name.to_string();
        let damaged = |place: &str, why: &str| FileError::damaged(&shown, place, why);
        let size = object.len();
        if size < (MAGIC.len() + FOOTER_BYTES) as u64 {
            return Err(damaged(&format!("byte {size}"), "it is too short for a pack"));
        }
        let footer_at = size - FOOTER_BYTES as u64;
        let (mut magic, mut footer) = ([0; MAGIC.len()], [0; FOOTER_BYTES]);
        object.read_at(0, &mut magic).map_err(FileError::read(&shown, "byte 0"))?;
        let end = format!("byte {footer_at}");
        object.read_at(footer_at, &mut footer).map_err(FileError::read(&shown, end))?;
        let (length, rest) = footer.split_at(4);
        let (hash, end_magic) = rest.split_at(32);
        if magic != MAGIC {
            return Err(damaged("byte 0", "it does not begin as a pack does"));
        }
        if end_magic != MAGIC {
            return Err(damaged(
                &format!("byte {footer_at}"),
                "it does not end as a pack does: it was cut off or changed",
            ));
        }
        let length = length.iter().rev().fold(0_usize, |n, &byte| n << 8 | usize::from(byte));
        let index_at = footer_at.checked_sub(length as u64).filter(|&at| at >= MAGIC.len() as u64);
        let index_at = index_at.filter(|_| length <= MAX_INDEX_BYTES);
        let index_at = index_at.ok_or_else(|| damaged(&format!("byte {footer_at}"), "its index has no such length"))?;
        let mut bytes = vec![0; length];
        object
            .read_at(index_at, &mut bytes)
            .map_err(FileError::read(&shown, "its index"))?;
        let link = blake3::hash(&bytes);
        if link.as_bytes() != hash {
            return Err(damaged("its index", "it has another hash than the footer says"));
        }
        let link = Link(*link.as_bytes());
        let (header, frames) = index::read(&shown, &bytes, index_at)?;
        if header.name(link) != *name {
            let why = format!("it is {}, not what its name says", header.name(link));
            return Err(damaged("its index", &why));
        }
        Ok(Self {
            name: *name,
            shown,
            object,
            link,
            header,
            frames,
            dictionaries: Vec::new(),
        })
    }

    /// The same with dictionaries that its frames may need.
    pub fn with_dictionaries(mut self, dictionaries: Vec<Arc<Dictionary>>) -> Self {
        self.dictionaries = dictionaries;
        self
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The hash of its index.
    pub fn link(&self) -> Link {
        self.link
    }

    /// What the next segment names as `prev`.
    pub fn chain(&self) -> Link {
        self.header.chain(self.link)
    }

    /// What it says about itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Its table of frames.
    pub fn frames(&self) -> &[StoredFrame] {
        &self.frames
    }

    /// The numbers of its frames of one role, in order.
    pub fn frames_of(&self, role: Role) -> Vec<usize> {
        let numbered = self.frames.iter().enumerate();
        numbered
            .filter(|(_, frame)| frame.role == role)
            .map(|(number, _)| number)
            .collect()
    }

    /// The numbers of the `Live` frames that may hold keys that begin with `prefix`; all of them for an empty one.
    pub fn frames_for_prefix(&self, prefix: &[u8]) -> Vec<usize> {
        let may = |frame: &StoredFrame| {
            let begins = frame.first_key <= prefix || frame.first_key.starts_with(prefix);
            // A key that was cut for the index may go on as the prefix does.
            let cut = prefix.starts_with(&frame.last_key);
            begins && (prefix <= &*frame.last_key || cut)
        };
        self.frames_of(Role::Live)
            .into_iter()
            .filter(|&it| self.frames.get(it).is_some_and(may))
            .collect()
    }

    /// The bytes of a frame, decompressed.
    ///
    /// # Errors
    /// The store refuses, the frame is damaged, or its dictionary is not at hand.
    pub fn raw(&self, number: usize) -> Result<Bytes, FileError> {
        let place = || format!("frame {number}");
        let damaged = |why: String| FileError::damaged(&self.shown, place(), why);
        let frame = self
            .frames
            .get(number)
            .ok_or_else(|| damaged("there is no such frame".to_owned()))?;
        let mut stored = vec![0; frame.stored];
        let read = self.object.read_at(frame.offset, &mut stored);
        read.map_err(FileError::read(&self.shown, place()))?;
        if *blake3::hash(&stored).as_bytes() != frame.hash {
            return Err(damaged("it has another hash than the index says".to_owned()));
        }
        let unpack = |decompressor: std::io::Result<Decompressor<'_>>| {
            decompressor.and_then(|mut it| it.decompress(&stored, frame.raw))
        };
        let raw = match frame.dictionary.filter(|_| frame.role != Role::Dictionary) {
            None => unpack(Decompressor::new()),
            Some(id) => {
                let found = self.dictionaries.iter().find(|it| it.id() == id);
                let found = found.ok_or_else(|| damaged(format!("no base holds its dictionary {}", Link(id))))?;
                unpack(found.decoder().and_then(Decompressor::with_prepared_dictionary))
            }
        };
        let raw = raw.map_err(|e| damaged(e.to_string()))?;
        if raw.len() == frame.raw {
            return Ok(raw.into());
        }
        Err(damaged(format!("it has {} bytes instead of {}", raw.len(), frame.raw)))
    }

    /// The records of a frame `Live`, `Older` or `Changes`.
    ///
    /// # Errors
    /// As [`Pack::raw`]; or it is a frame of something else.
    pub fn records(&self, number: usize) -> Result<Records, FileError> {
        let frame = self.frame(number, &[Role::Live, Role::Older, Role::Changes])?;
        Ok(Records::new(&self.shown, number, frame, self.raw(number)?))
    }

    /// The keys of a frame `Gone`.
    ///
    /// # Errors
    /// As [`Pack::raw`]; or it is a frame of something else.
    pub fn gone(&self, number: usize) -> Result<Gone, FileError> {
        let frame = self.frame(number, &[Role::Gone])?;
        Ok(Gone::new(&self.shown, number, frame, self.raw(number)?))
    }

    /// All buckets but `key`, of a base.
    ///
    /// # Errors
    /// As [`Pack::raw`]; or what is in the frames is damaged.
    pub fn buckets(&self) -> Result<Buckets, FileError> {
        let mut buckets = Buckets::new();
        for number in self.frames_of(Role::Buckets) {
            let raw = self.raw(number)?;
            let read = read_buckets(&raw, &mut buckets);
            read.map_err(|why| FileError::damaged(&self.shown, format!("frame {number}"), why))?;
        }
        Ok(buckets)
    }

    /// The dictionaries that a base holds; segments after it are written with the last one.
    ///
    /// # Errors
    /// As [`Pack::raw`]; or it is no dictionary.
    pub fn dictionaries(&self) -> Result<Vec<Arc<Dictionary>>, FileError> {
        let numbers = self.frames_of(Role::Dictionary);
        numbers
            .into_iter()
            .map(|number| self.dictionary(number).map(Arc::new))
            .collect()
    }

    pub(super) fn dictionary(&self, number: usize) -> Result<Dictionary, FileError> {
        let damaged = |why: String| FileError::damaged(&self.shown, format!("frame {number}"), why);
        let frame = self.frame(number, &[Role::Dictionary])?;
        if frame.raw > MAX_DICTIONARY_BYTES {
            return Err(damaged("it is too large for a dictionary".to_owned()));
        }
        let dictionary = Dictionary::new(self.raw(number)?).map_err(|e| damaged(e.to_string()))?;
        if Some(dictionary.id()) == frame.dictionary {
            return Ok(dictionary);
        }
        Err(damaged("it is another dictionary than the index says".to_owned()))
    }

    fn frame(&self, number: usize, roles: &[Role]) -> Result<&StoredFrame, FileError> {
        let frame = self.frames.get(number).filter(|frame| roles.contains(&frame.role));
        let why = "it is not a frame of what was asked for";
        frame.ok_or_else(|| FileError::damaged(&self.shown, format!("frame {number}"), why))
    }
}

fn read_buckets(raw: &Bytes, into: &mut Buckets) -> Result<(), String> {
    let mut at = 0;
    while at < raw.len() {
        let name = field(raw, &mut at)?;
        let name = String::from_utf8(name.into()).map_err(|_| "a bucket's name is no text")?;
        let entries = into.entry(name).or_default();
        for _ in 0..varint(raw, &mut at)? {
            let key = field(raw, &mut at)?;
            if entries.last().is_some_and(|(last, _)| key <= *last) {
                return Err("the keys of a bucket are not in order".to_owned());
            }
            entries.push((key, field(raw, &mut at)?));
        }
    }
    Ok(())
}

impl fmt::Debug for Pack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.shown)
    }
}

#[cfg(test)]
mod tests;
