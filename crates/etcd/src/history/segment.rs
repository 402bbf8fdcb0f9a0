//! Writes a segment. Start at [`encode_segment`] for a small one in memory, at [`SegmentWriter`] for one of any size.

use super::{
    dictionary::{Dictionary, SEGMENT_LEVEL},
    frame::Raw,
    header::{Header, Kind, Role, SegmentHeader, Written},
    writer::{PackWriter, pack_with},
};
use crate::{
    FileError,
    record::{Record, Revision},
};
use bytes::Bytes;
use std::{io::Write, sync::Arc};

/// A segment in memory: its bytes, and what was written.
///
/// # Errors
/// As [`SegmentWriter`]'s.
pub fn encode_segment<'a>(
    header: SegmentHeader,
    records: impl IntoIterator<Item = &'a Record>,
    dictionary: Option<&Arc<Dictionary>>,
) -> Result<(Bytes, Written), FileError> {
    let mut writer = SegmentWriter::new(Vec::new(), header, dictionary.cloned());
    records.into_iter().try_for_each(|record| writer.record(record))?;
    let (written, bytes) = writer.finish()?;
    Ok((bytes.into(), written))
}

/// Writes a segment as its records come, keeping no more than a frame.
pub struct SegmentWriter<W> {
    writer: PackWriter<W>,
    header: SegmentHeader,
    dictionary: Option<Arc<Dictionary>>,
    changes: Raw,
    gone: Raw,
    last: Option<Revision>,
}

impl<W: Write> SegmentWriter<W> {
    /// Begins a segment; `header.count` is counted anew. The dictionary is the one of the timeline's newest base: it is in
    /// [`super::Tail`].
    pub fn new(out: W, header: SegmentHeader, dictionary: Option<Arc<Dictionary>>) -> Self {
        Self {
            writer: PackWriter::new(out),
            header: SegmentHeader { count: 0, ..header },
            dictionary,
            changes: Raw::new(Role::Changes, Vec::new()),
            gone: Raw::new(Role::Gone, Vec::new()),
            last: None,
        }
    }

    /// Appends the next record, in revision order.
    ///
    /// # Errors
    /// It is not above the one before it or not among the segment's revisions; or the output refuses.
    pub fn record(&mut self, record: &Record) -> Result<(), FileError> {
        let Revision { main, .. } = record.revision;
        let within = self.header.after < main && main <= self.header.through;
        if !within || self.last.is_some_and(|last| record.revision <= last) {
            let why = "the record does not follow those before it, or is none of the segment's";
            return Err(FileError::damaged("the new segment", format!("record {}", record.revision), why));
        }
        if self.changes.is_full() || self.changes.parts_before(record.value.len()) {
            self.close(Role::Changes)?;
        }
        self.changes.record(record);
        self.header.count += 1;
        self.last = Some(record.revision);
        Ok(())
    }

    /// Appends the next key that is gone, in key order; only of synthetic and coalesced segments.
    ///
    /// # Errors
    /// It is not above the one before it, or the segment is of another kind; or the output refuses.
    pub fn gone(&mut self, key: &[u8]) -> Result<(), FileError> {
        let may = matches!(self.header.kind, Kind::Synthetic { .. } | Kind::Coalesced { .. });
        if !may || !self.gone.may_follow(key) {
            let why = "the key does not follow those before it, or this is no segment that has any";
            return Err(FileError::damaged("the new segment", "keys that are gone", why));
        }
        if self.gone.is_full() || self.gone.parts_before(key.len()) {
            self.close(Role::Gone)?;
        }
        self.gone.key(key);
        Ok(())
    }

    fn close(&mut self, role: Role) -> Result<(), FileError> {
        let open = if role == Role::Gone {
            &mut self.gone
        } else {
            &mut self.changes
        };
        let raw = std::mem::replace(open, Raw::new(role, Vec::new()));
        let packed = pack_with(raw, SEGMENT_LEVEL, self.dictionary.as_deref());
        let mut packed = packed.map_err(FileError::io("the new segment", "compressed"))?;
        self.writer.frame(&mut packed)?;
        let open = if role == Role::Gone {
            &mut self.gone
        } else {
            &mut self.changes
        };
        packed.buffer.clear();
        *open = Raw::new(role, packed.buffer);
        Ok(())
    }

    /// Writes what is left, and the index.
    ///
    /// # Errors
    /// The header cannot be (see [`SegmentHeader`]), or the output refuses.
    pub fn finish(mut self) -> Result<(Written, W), FileError> {
        if self.changes.count > 0 {
            self.close(Role::Changes)?;
        }
        if self.gone.count > 0 {
            self.close(Role::Gone)?;
        }
        self.writer.finish(Header::Segment(self.header))
    }
}

#[cfg(test)]
mod tests;
