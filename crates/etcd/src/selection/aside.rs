//! What is damaged, set aside for those who only look, so that the rest can be seen. Start at [`Aside`].

use crate::{FileError, Record, Revision};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// So much damage is noted; what is more is counted.
const MOST: usize = 1000;
/// So many bytes of each are kept.
const MOST_BYTES: usize = 64 << 10;

/// A source with one passes over what cannot be read, and notes it here; without one, it ends the walk: whoever makes something of
/// the records must not miss any. Clones share what is noted.
#[derive(Clone, Debug, Default)]
pub struct Aside(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    by_place: BTreeMap<(Option<Revision>, String, String), Damaged>,
    more: usize,
}

/// Something that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// The file, or what the source is called.
    pub file: String,
    /// Where in it, as in `record 301.0`.
    pub place: String,
    /// What is wrong there.
    pub reason: String,
    /// When it was written, if that can be told.
    pub revision: Option<Revision>,
    /// Its key, as far as one can be read.
    pub key: Option<Bytes>,
    /// What stands there, no more than 64 KiB of it; nothing where nothing can be trusted.
    pub bytes: Bytes,
    /// How many bytes stand there.
    pub size: usize,
}

impl Aside {
    /// Notes damage, once for each place.
    pub fn note(&self, damaged: Damaged) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (damaged.revision, damaged.file.clone(), damaged.place.clone());
        if noted.by_place.len() < MOST || noted.by_place.contains_key(&place) {
            noted.by_place.entry(place).or_insert(damaged);
        } else {
            noted.more += 1;
        }
    }

    /// What was noted, the oldest revision first, and how much more there was.
    pub fn noted(&self) -> (Vec<Damaged>, usize) {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (noted.by_place.values().cloned().collect(), noted.more)
    }
}

impl Damaged {
    /// A record that cannot be taken apart.
    pub fn record(file: impl Into<String>, record: &Record, reason: impl Into<String>) -> Self {
        let place = format!("record {}", record.revision);
        let it = Self::bytes(file, place, reason, &record.value);
        Self { revision: Some(record.revision), ..it }
    }

    /// Bytes that should have been a record.
    pub(crate) fn bytes(
        file: impl Into<String>,
        place: impl Into<String>,
        reason: impl Into<String>,
        bytes: &[u8],
    ) -> Self {
        Self {
            file: file.into(),
            place: place.into(),
            reason: reason.into(),
            revision: None,
            key: None,
            bytes: Bytes::copy_from_slice(bytes.get(..MOST_BYTES).unwrap_or(bytes)),
            size: bytes.len(),
        }
    }

    /// What an error says that is damage; any other comes back.
    pub(crate) fn of(error: FileError) -> Result<Self, FileError> {
        match error {
            FileError::Damaged { file, place, reason } => Ok(Self::bytes(file, place, reason, &[])),
            other => Err(other),
        }
    }
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is damaged at {}: {}", self.file, self.place, self.reason)
    }
}
