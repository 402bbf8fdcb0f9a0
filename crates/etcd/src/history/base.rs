//! Writes a base. Start at [`BaseWriter`].

use super::{
    dictionary::{Dictionary, Favourites, Sampler, Training},
    frame::{FRAME_BYTES, Raw},
    header::{BaseHeader, Header, Role, Written},
    pack::Buckets,
    packing::Packing,
    writer::{PackWriter, Packed, pack_dictionary},
};
use crate::{
    FileError,
    record::{Record, Revision},
};
use std::{io::Write, sync::Arc};

/// Makes a base smaller than level 3 would, and in less time: measured, see the manual of the format.
const BASE_LEVEL: i32 = 1;
const NEW: &str = "the new base";

/// Writes a base as its records come, keeping a few frames; compresses on threads of its own.
///
/// Live records have to come in key order, older ones in revision order; the two may be mixed.
pub struct BaseWriter<W> {
    writer: PackWriter<W>,
    packing: Packing,
    live: Raw,
    older: Raw,
    last_key: Vec<u8>,
    last_older: Option<Revision>,
    counts: (u64, u64, u64),
    learning: Learning,
    favourites: Favourites,
}

/// Where its dictionaries come from.
enum Learning {
    /// From its own live records.
    Samples(Sampler),
    /// One is being trained already.
    Begun(Training),
    /// Older ones are kept.
    Kept(Vec<Arc<Dictionary>>),
}

impl<W: Write> BaseWriter<W> {
    /// Begins a base with a dictionary of its own.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn new(out: W) -> Result<Self, FileError> {
        Self::begin(out, Learning::Samples(Sampler::default()))
    }

    /// Begins a base whose dictionary is being trained already, from samples of the same records.
    pub(super) fn learning(out: W, training: Training) -> Result<Self, FileError> {
        Self::begin(out, Learning::Begun(training))
    }

    /// Begins a base that holds these dictionaries: those that segments need which it does not replace. New segments are
    /// written with the last one.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn keeping(out: W, dictionaries: Vec<Arc<Dictionary>>) -> Result<Self, FileError> {
        Self::begin(out, Learning::Kept(dictionaries))
    }

    fn begin(out: W, learning: Learning) -> Result<Self, FileError> {
        let mut packing = Packing::new(BASE_LEVEL).map_err(FileError::io(NEW, "begun"))?;
        Ok(Self {
            writer: PackWriter::new(out),
            live: packing.empty(Role::Live),
            older: packing.empty(Role::Older),
            packing,
            last_key: Vec::new(),
            last_older: None,
            counts: (0, 0, 0),
            learning,
            favourites: Favourites::default(),
        })
    }

    /// Appends the next record that is the newest of its key and no deletion.
    ///
    /// # Errors
    /// It is a deletion, or its key is not above the one before it; or the output refuses.
    pub fn live(&mut self, record: &Record) -> Result<(), FileError> {
        let damaged = |why: &str| FileError::damaged(NEW, format!("record {}", record.revision), why);
        let key = record.key().map_err(|why| damaged(&why))?;
        // `etcdutl snapshot restore --bump-revision` leaves a record behind that has no key.
        if record.tombstone || self.counts.0 > 0 && *key <= *self.last_key {
            return Err(damaged("it is a deletion, or its key is not above the one before it"));
        }
        self.last_key.clear();
        self.last_key.extend_from_slice(&key);
        if self.live.is_full() || self.live.parts_before(record.value.len()) {
            self.close(Role::Live)?;
        }
        if let Learning::Samples(sampler) = &mut self.learning {
            sampler.offer(record.revision.main, &record.value);
        }
        if !matches!(self.learning, Learning::Kept(_)) {
            let version = record.decode().map_err(|why| damaged(&why))?.version;
            self.favourites.offer(version, &record.value);
        }
        self.live.note_key(&key);
        self.live.record(record);
        self.counts.0 += 1;
        Ok(())
    }

    /// Appends the next superseded version or deletion.
    ///
    /// # Errors
    /// It is not above the one before it; or the output refuses.
    pub fn older(&mut self, record: &Record) -> Result<(), FileError> {
        if self.last_older.is_some_and(|last| record.revision <= last) {
            let why = "it is not above the one before it";
            return Err(FileError::damaged(NEW, format!("record {}", record.revision), why));
        }
        self.last_older = Some(record.revision);
        if self.older.is_full() || self.older.parts_before(record.value.len()) {
            self.close(Role::Older)?;
        }
        self.older.record(record);
        self.counts.1 += 1;
        Ok(())
    }

    fn close(&mut self, role: Role) -> Result<(), FileError> {
        let empty = self.packing.empty(role);
        let open = if role == Role::Live {
            &mut self.live
        } else {
            &mut self.older
        };
        let raw = std::mem::replace(open, empty);
        self.counts.2 += raw.bytes.len() as u64;
        self.send(raw)
    }

    fn send(&mut self, raw: Raw) -> Result<(), FileError> {
        let packed = self.packing.send(raw).map_err(FileError::io(NEW, "compressed"))?;
        packed.map_or(Ok(()), |packed| self.write(packed))
    }

    fn write(&mut self, mut packed: Packed) -> Result<(), FileError> {
        self.writer.frame(&mut packed)?;
        self.packing.recycle(packed);
        Ok(())
    }

    /// Appends all other buckets and the dictionaries, and writes the index. The header's counts are counted anew.
    ///
    /// # Errors
    /// The header cannot be (see [`BaseHeader`]), or the output refuses.
    pub fn finish(mut self, header: BaseHeader, others: &Buckets) -> Result<(Written, W), FileError> {
        let (training, mut dictionaries) = match std::mem::replace(&mut self.learning, Learning::Kept(Vec::new())) {
            Learning::Samples(sampler) => (Some(sampler.train()), Vec::new()),
            Learning::Begun(training) => (Some(training), Vec::new()),
            Learning::Kept(dictionaries) => (None, dictionaries),
        };
        for role in [Role::Live, Role::Older] {
            let open = if role == Role::Live { &self.live } else { &self.older };
            if open.count > 0 {
                self.close(role)?;
            }
        }
        self.buckets(others)?;
        while let Some(packed) = self.packing.next().map_err(FileError::io(NEW, "compressed"))? {
            self.write(packed)?;
        }
        dictionaries.extend(training.and_then(|it| it.end(self.favourites)).map(Arc::new));
        for dictionary in &dictionaries {
            let packed = pack_dictionary(dictionary, BASE_LEVEL);
            self.writer.frame(&mut packed.map_err(FileError::io(NEW, "compressed"))?)?;
        }
        let (live, older, raw) = self.counts;
        self.writer.finish(Header::Base(BaseHeader { live, older, raw, ..header }))
    }

    fn buckets(&mut self, others: &Buckets) -> Result<(), FileError> {
        let mut raw = self.packing.empty(Role::Buckets);
        for (name, mut entries) in others.iter().map(|(name, entries)| (name, entries.as_slice())) {
            // Also of an empty one, that it is there.
            loop {
                let mut bytes = 0;
                let fits = entries.iter().take_while(|(key, value)| {
                    let before = bytes;
                    bytes += key.len() + value.len();
                    before < FRAME_BYTES
                });
                let (part, rest) = entries.split_at(fits.count());
                raw.bucket(name, part);
                entries = rest;
                if raw.is_full() {
                    let empty = self.packing.empty(Role::Buckets);
                    self.send(std::mem::replace(&mut raw, empty))?;
                }
                if entries.is_empty() {
                    break;
                }
            }
        }
        if raw.bytes.is_empty() { Ok(()) } else { self.send(raw) }
    }
}
