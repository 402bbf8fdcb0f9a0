//! What stands in a frame before compression. Start at [`Records`]; [`Raw`] is how one is filled.
//!
//! ```text
//! record    zigzag varint: main revision minus the one before it in the frame (0 before the first)
//!           varint: sub-revision * 2, plus 1 for a deletion
//!           varint: length; then the record's value, a marshalled mvccpb.KeyValue as etcd wrote it
//! key       varint: length; then the key
//! bucket    varint: length; then its name; varint: how many entries; then for each of them
//!           varint: length; then the key; varint: length; then the value
//! ```

use super::header::{Role, StoredFrame};
use crate::{
    FileError,
    record::{Record, Revision, put_varint, shown, varint},
};
use bytes::Bytes;

/// From this size on, a frame is closed, in bytes before compression.
pub const FRAME_BYTES: usize = 4 << 20;
/// What is kept of a key in the index, in bytes.
pub(super) const INDEX_KEY_BYTES: usize = 1024;

/// A frame being filled.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) role: Role,
    pub(super) bytes: Vec<u8>,
    pub(super) count: u64,
    pub(super) first_key: Bytes,
    pub(super) last_key: Vec<u8>,
    pub(super) first_revision: u64,
    pub(super) last_revision: u64,
    last_main: u64,
}

impl Raw {
    pub(super) fn new(role: Role, buffer: Vec<u8>) -> Self {
        Self {
            role,
            bytes: buffer,
            count: 0,
            first_key: Bytes::new(),
            last_key: Vec::new(),
            first_revision: u64::MAX,
            last_revision: 0,
            last_main: 0,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= FRAME_BYTES
    }

    /// Whether something of this size goes into a frame of its own, so that what reads it knows why it is so large.
    pub(super) fn parts_before(&self, bytes: usize) -> bool {
        self.count > 0 && bytes >= FRAME_BYTES
    }

    /// Whether this key may follow the last one, as far as that is known.
    pub(super) fn may_follow(&self, key: &[u8]) -> bool {
        let cut = key.get(..INDEX_KEY_BYTES).unwrap_or(key);
        self.count == 0 || *self.last_key < *cut || cut.len() == INDEX_KEY_BYTES && *self.last_key == *cut
    }

    /// Appends a record.
    pub(super) fn record(&mut self, record: &Record) {
        let main = record.revision.main;
        let step = main.cast_signed().wrapping_sub(self.last_main.cast_signed());
        put_varint(&mut self.bytes, (step << 1 ^ step >> 63).cast_unsigned());
        put_varint(&mut self.bytes, u64::from(record.revision.sub) << 1 | u64::from(record.tombstone));
        put_field(&mut self.bytes, &record.value);
        self.last_main = main;
        self.first_revision = self.first_revision.min(main);
        self.last_revision = self.last_revision.max(main);
        self.count += 1;
    }

    /// Notes the key of what is being appended.
    pub(super) fn note_key(&mut self, key: &[u8]) {
        let cut = key.get(..INDEX_KEY_BYTES).unwrap_or(key);
        if self.count == 0 {
            self.first_key = Bytes::copy_from_slice(cut);
        }
        self.last_key.clear();
        self.last_key.extend_from_slice(cut);
    }

    /// Appends a key.
    pub(super) fn key(&mut self, key: &[u8]) {
        self.note_key(key);
        put_field(&mut self.bytes, key);
        self.count += 1;
    }

    /// Appends a part of a bucket.
    pub(super) fn bucket(&mut self, name: &str, entries: &[(Bytes, Bytes)]) {
        put_field(&mut self.bytes, name.as_bytes());
        put_varint(&mut self.bytes, entries.len() as u64);
        for (key, value) in entries {
            put_field(&mut self.bytes, key);
            put_field(&mut self.bytes, value);
        }
        self.count += entries.len() as u64;
    }
}

fn put_field(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads a field with its length in front; a slice, nothing is copied.
pub(super) fn field(from: &Bytes, at: &mut usize) -> Result<Bytes, String> {
    let bytes = usize::try_from(varint(from, at)?).map_err(|_| "a field is too long")?;
    let end = at.checked_add(bytes).filter(|&end| end <= from.len());
    let end = end.ok_or("a field is longer than its frame")?;
    let field = from.slice(*at..end);
    *at = end;
    Ok(field)
}

/// The records of one frame, in its order, each of them checked: values are slices of the whole frame, which stays in memory
/// as long as one of them does.
#[derive(Clone)]
pub struct Records {
    raw: Bytes,
    at: usize,
    left: u64,
    /// `pack, frame 3`.
    place: (String, usize),
    role: Role,
    bounds: (u64, u64),
    last: Option<Revision>,
    last_main: u64,
    last_key: Option<Bytes>,
    failed: bool,
}

impl Records {
    pub(super) fn new(pack: &str, number: usize, frame: &StoredFrame, raw: Bytes) -> Self {
        Self {
            raw,
            at: 0,
            left: frame.count,
            place: (pack.to_owned(), number),
            role: frame.role,
            bounds: (frame.first_revision, frame.last_revision),
            last: None,
            last_main: 0,
            last_key: None,
            failed: false,
        }
    }

    fn read(&mut self) -> Result<Record, String> {
        let step = varint(&self.raw, &mut self.at)?;
        let step = (step >> 1).cast_signed() ^ -((step & 1).cast_signed());
        let main = self
            .last_main
            .cast_signed()
            .checked_add(step)
            .and_then(|main| u64::try_from(main).ok());
        let main = main.ok_or("its revision is negative or too large")?;
        let sub = varint(&self.raw, &mut self.at)?;
        let (sub, tombstone) = (u32::try_from(sub >> 1).map_err(|_| "its second number is too large")?, sub & 1 == 1);
        let value = field(&self.raw, &mut self.at)?;
        self.last_main = main;
        let record = Record { revision: Revision { main, sub }, tombstone, value };
        self.check(&record)?;
        Ok(record)
    }

    fn check(&mut self, record: &Record) -> Result<(), String> {
        let Revision { main, .. } = record.revision;
        if main < self.bounds.0 || main > self.bounds.1 {
            return Err(format!("revision {} is not among those of its frame", record.revision));
        }
        if self.role == Role::Live {
            let key = record.key()?;
            if record.tombstone {
                return Err(format!("revision {} is no live record", record.revision));
            }
            if self.last_key.as_ref().is_some_and(|last| key <= *last) {
                return Err(format!("key {} is not above the one before it", shown(&key)));
            }
            self.last_key = Some(key);
        } else if self.last.is_some_and(|last| record.revision <= last) {
            return Err(format!("revision {} is not above the one before it", record.revision));
        }
        self.last = Some(record.revision);
        Ok(())
    }
}

impl Iterator for Records {
    type Item = Result<Record, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let start = self.at;
        let read = match self.left {
            0 if self.at == self.raw.len() => return None,
            0 => Err("there is more in the frame than its records".to_owned()),
            _ => self.read(),
        };
        self.left = self.left.saturating_sub(1);
        self.failed = read.is_err();
        let place = || format!("frame {}, byte {start}", self.place.1);
        Some(read.map_err(|why| FileError::damaged(&self.place.0, place(), why)))
    }
}

/// The keys of one frame `Gone`, in order.
#[derive(Clone)]
pub struct Gone {
    raw: Bytes,
    at: usize,
    left: u64,
    place: (String, usize),
    last: Option<Bytes>,
    failed: bool,
}

impl Gone {
    pub(super) fn new(pack: &str, number: usize, frame: &StoredFrame, raw: Bytes) -> Self {
        Self {
            raw,
            at: 0,
            left: frame.count,
            place: (pack.to_owned(), number),
            last: None,
            failed: false,
        }
    }

    fn read(&mut self) -> Result<Bytes, String> {
        let key = field(&self.raw, &mut self.at)?;
        if self.last.as_ref().is_some_and(|last| key <= *last) {
            return Err(format!("key {} is not above the one before it", shown(&key)));
        }
        self.last = Some(key.clone());
        Ok(key)
    }
}

impl Iterator for Gone {
    type Item = Result<Bytes, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let start = self.at;
        let read = match self.left {
            0 if self.at == self.raw.len() => return None,
            0 => Err("there is more in the frame than its keys".to_owned()),
            _ => self.read(),
        };
        self.left = self.left.saturating_sub(1);
        self.failed = read.is_err();
        let place = || format!("frame {}, byte {start}", self.place.1);
        Some(read.map_err(|why| FileError::damaged(&self.place.0, place(), why)))
    }
}

#[cfg(test)]
mod tests;
