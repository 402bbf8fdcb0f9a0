//! Frames, of which a segment of the log consists: [`Writer`] makes them, [`Reader`] takes them apart.
//!
//! A frame is a little-endian word, then a marshalled record, then zeros up to a multiple of 8 bytes. The word's lower 56 bits
//! are the record's length; if there are zeros after it, the top byte is 0x80 and their number. A word of 0 ends the segment:
//! what is laid out in advance is zero. Source: etcd `server/storage/wal/{encoder,decoder}.go`.

use crate::FileError;
use crate::wal::{kind, message};
use bytes::Bytes;
use prost::Message;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// The bytes of the word before a record.
const WORD_BYTES: u64 = 8;

/// What a disk writes as a whole, or not at all.
const SECTOR_BYTES: u64 = 512;

/// The longest record that is read. etcd refuses requests beyond 1.5 MiB unless told otherwise, and nobody tells it this much.
const LONGEST_RECORD_BYTES: u64 = 512 << 20;

/// Makes frames.
#[derive(Default)]
pub(crate) struct Writer {
    out: Vec<u8>,
    checksum: u32,
}

impl Writer {
    /// Appends a record.
    pub(crate) fn put(&mut self, kind: i64, data: Option<Vec<u8>>) {
        self.checksum = crc32c::crc32c_append(self.checksum, data.as_deref().unwrap_or_default());
        let record = message::Record {
            r#type: Some(kind),
            crc: Some(self.checksum),
            data: data.map(Bytes::from),
        };
        let record = record.encode_to_vec();
        let zeros = record.len().wrapping_neg() % 8;
        let mut word = record.len() as u64;
        if zeros > 0 {
            word |= (0x80 | zeros as u64) << 56;
        }
        self.out.extend_from_slice(&word.to_le_bytes());
        self.out.extend_from_slice(&record);
        self.out.resize(self.out.len() + zeros, 0);
    }

    /// All frames.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// A record with where its frame begins.
pub(crate) struct Found {
    pub(crate) at: u64,
    pub(crate) kind: i64,
    pub(crate) checksum: u32,
    pub(crate) data: Bytes,
}

/// What comes next in a segment.
pub(crate) enum Step {
    Record(Found),
    /// What is left was laid out in advance, or there is nothing left.
    End,
    /// The record at this byte was not written to its end, for this reason.
    Torn(u64, String),
}

/// Takes the frames of one segment apart. The checksum goes on from segment to segment, so it is kept by the caller.
pub(crate) struct Reader {
    file: BufReader<File>,
    name: String,
    bytes: u64,
    at: u64,
    /// Only what is written last can be torn.
    last: bool,
}

impl Reader {
    pub(crate) fn open(path: &Path, last: bool) -> Result<Self, FileError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(FileError::io(&name, "opened"))?;
        let bytes = file.metadata().map_err(FileError::io(&name, "read"))?.len();
        let file = BufReader::with_capacity(256 << 10, file);
        Ok(Self { file, name, bytes, at: 0, last })
    }

    /// The next record. Its checksum has been compared, unless it is itself one ([`kind::CHECKSUM`]).
    pub(crate) fn step(&mut self, checksum: &mut u32) -> Result<Step, FileError> {
        let left = self.bytes.saturating_sub(self.at);
        if left == 0 {
            return Ok(Step::End);
        }
        if left < WORD_BYTES {
            return self.torn("it ends within a length".to_owned());
        }
        let mut word = [0; WORD_BYTES as usize];
        self.file.read_exact(&mut word).map_err(|e| self.unread(e))?;
        let word = u64::from_le_bytes(word);
        if word == 0 {
            return Ok(Step::End);
        }
        let record = word & (u64::MAX >> 8);
        let zeros = if word >> 63 == 1 { word >> 56 & 7 } else { 0 };
        // No overflow: 56 bits.
        if record + zeros > left - WORD_BYTES {
            return self.torn(format!("a record of {record} bytes goes beyond the end of the file"));
        }
        if record > LONGEST_RECORD_BYTES {
            return Err(self.damaged(format!("a record of {record} bytes is longer than any of etcd's")));
        }
        let mut frame = vec![0; (record + zeros) as usize];
        self.file.read_exact(&mut frame).map_err(|e| self.unread(e))?;
        let torn = self.last && has_empty_sector(&frame, self.at + WORD_BYTES);
        let wrong = |it: &Self, reason: String| if torn { it.torn(reason) } else { Err(it.damaged(reason)) };
        let Ok(message) = message::Record::decode(&frame[..record as usize]) else {
            return wrong(self, "it is no record".to_owned());
        };
        let found = Found {
            at: self.at,
            kind: message.r#type.unwrap_or_default(),
            checksum: message.crc.unwrap_or_default(),
            data: message.data.unwrap_or_default(),
        };
        if found.kind != kind::CHECKSUM {
            let sum = crc32c::crc32c_append(*checksum, &found.data);
            if sum != found.checksum {
                return wrong(self, "its checksum does not match".to_owned());
            }
            *checksum = sum;
        }
        self.at += WORD_BYTES + record + zeros;
        Ok(Step::Record(found))
    }

    /// Damage of a record that began at `at`.
    pub(crate) fn damaged_at(&self, at: u64, reason: impl ToString) -> FileError {
        FileError::damaged(&self.name, format!("byte {at}"), reason)
    }

    fn damaged(&self, reason: impl ToString) -> FileError {
        self.damaged_at(self.at, reason)
    }

    fn torn(&self, reason: String) -> Result<Step, FileError> {
        if self.last {
            Ok(Step::Torn(self.at, reason))
        } else {
            Err(self.damaged(reason))
        }
    }

    fn unread(&self, source: io::Error) -> FileError {
        FileError::io(&self.name, "read")(source)
    }
}

/// Whether the part of a frame in one of the disk's sectors is zero: then that sector was never written, and what comes after
/// the power went is no damage. `at` is where the frame begins in the file.
fn has_empty_sector(frame: &[u8], at: u64) -> bool {
    let first = (SECTOR_BYTES - at % SECTOR_BYTES) as usize;
    let (head, rest) = frame.split_at(first.min(frame.len()));
    let sectors = std::iter::once(head).chain(rest.chunks(SECTOR_BYTES as usize));
    sectors
        .filter(|sector| !sector.is_empty())
        .any(|sector| sector.iter().all(|&byte| byte == 0))
}
