//! Reads the log of a stopped member: whose it is, what was committed, what the database file may lack.

use crate::FileError;
use crate::wal::frame::{Found, Reader, Step};
use crate::wal::{kind, message};
use bytes::Bytes;
use prost::Message;
use std::path::{Path, PathBuf};

/// Goes through all segments in `directory` (`member/wal`) and gathers what they say. Nothing is written, and nothing is locked:
/// the member must not run.
///
/// Entries up to index `after` are counted only; of the others no contents are kept. Memory: less than the size of the log.
///
/// As etcd has it, the last segment may end within a record (the power went), which [`Log::torn`] tells; anything else that
/// does not fit is damage. An entry that comes again replaces the one before and all that followed it.
///
/// # Errors
/// [`FileError::Io`]; [`FileError::Damaged`] with segment, byte and reason.
pub fn read(directory: &Path, after: u64) -> Result<Log, FileError> {
    let segments = segments(directory)?;
    let mut log = Log { after, last_index: after, ..Log::default() };
    let mut metadata: Option<Bytes> = None;
    let mut checksum = 0;
    let count = segments.len();
    for (position, path) in segments.into_iter().enumerate() {
        let mut segment = Reader::open(&path, position + 1 == count)?;
        loop {
            match segment.step(&mut checksum)? {
                Step::Record(found) => {
                    let at = found.at;
                    log.take(found, &mut checksum, &mut metadata)
                        .map_err(|reason| segment.damaged_at(at, reason))?;
                }
                Step::End => break,
                Step::Torn(at, reason) => {
                    log.torn = Some(format!("{} at byte {at}: {reason}", path.display()));
                    break;
                }
            }
        }
        log.segments += 1;
    }
    let Some(metadata) = metadata else {
        return Err(FileError::damaged(
            directory.display(),
            "its first segment",
            "it does not say whose log it is",
        ));
    };
    let whose = message::Metadata::decode(metadata)
        .map_err(|e| FileError::damaged(directory.display(), "its first segment", e))?;
    log.member_id = whose.node_id.unwrap_or_default();
    log.cluster_id = whose.cluster_id.unwrap_or_default();
    Ok(log)
}

/// What a log says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// The member whose log it is.
    pub member_id: u64,
    /// Its cluster.
    pub cluster_id: u64,
    /// What raft had promised last. A member that never heard of a leader has none.
    pub state: HardState,
    /// The snapshots of the state that were kept beside the log (`.snap` files, and the database).
    pub marks: Vec<Mark>,
    /// The entries above the index that was asked for, each index once, ascending without a gap.
    pub entries: Vec<Entry>,
    /// The index of the last entry or mark; what was asked for if there is none above.
    pub last_index: u64,
    /// Where and why the last segment ends within a record, if it does.
    pub torn: Option<String>,
    /// How many segments there are.
    pub segments: usize,
    after: u64,
}

/// What raft promises to remember.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HardState {
    /// The term.
    pub term: u64,
    /// For whom the member voted in that term; 0 for nobody.
    pub vote: u64,
    /// The index up to which entries are committed.
    pub commit: u64,
}

/// That a snapshot of the state was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The index of the last entry in it.
    pub index: u64,
    /// That entry's term.
    pub term: u64,
}

/// An entry of the log, without its contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the log.
    pub index: u64,
    /// The term in which it was proposed.
    pub term: u64,
    /// Whether it changes the membership, rather than the data.
    pub is_conf_change: bool,
    /// The size of its contents, in bytes. A new leader writes an empty one.
    pub bytes: u32,
}

/// What a database file lacks that its log holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Committed entries that are not in the database.
    pub entries: u64,
    /// How many of them are requests of clients, as far as shows from outside: neither empty nor about the membership.
    pub requests: u64,
    /// Entries in the log that the member did not know to be committed. Of a member that is alone in its cluster they are; of
    /// one among several, perhaps.
    pub uncertain: u64,
    /// Whether the log begins only after the database's last entry, so that some are in neither.
    pub gap: bool,
}

impl Log {
    /// What a database with this consistent index lacks. The log must have been [`read`] with it.
    pub fn missing(&self, consistent_index: u64) -> Missing {
        let committed = || {
            let wanted = |e: &&Entry| e.index > consistent_index && e.index <= self.state.commit;
            self.entries.iter().filter(wanted)
        };
        let known = self.entries.first().map_or(self.last_index, |first| first.index - 1);
        Missing {
            uncertain: self.last_index.saturating_sub(self.state.commit.max(consistent_index)),
            entries: self.state.commit.saturating_sub(consistent_index),
            requests: committed().filter(|e| e.bytes > 0 && !e.is_conf_change).count() as u64,
            gap: self.state.commit > consistent_index && known > consistent_index,
        }
    }

    fn take(&mut self, found: Found, checksum: &mut u32, metadata: &mut Option<Bytes>) -> Result<(), String> {
        let unknown = |e: prost::DecodeError| format!("the record cannot be taken apart: {e}");
        match found.kind {
            kind::METADATA => match metadata {
                Some(before) if *before != found.data => return Err("it is of another member or cluster".to_owned()),
                _ => *metadata = Some(found.data),
            },
            kind::ENTRY => {
                let it = message::Entry::decode(found.data).map_err(unknown)?;
                self.entry(&it)?;
            }
            kind::STATE => {
                let it = message::HardState::decode(found.data).map_err(unknown)?;
                let [term, vote, commit] = [it.term, it.vote, it.commit].map(Option::unwrap_or_default);
                self.state = HardState { term, vote, commit };
            }
            kind::CHECKSUM => {
                if *checksum != 0 && *checksum != found.checksum {
                    return Err("the checksum does not go on from what is before".to_owned());
                }
                *checksum = found.checksum;
            }
            kind::MARK => {
                let it = message::Mark::decode(found.data).map_err(unknown)?;
                let mark = Mark {
                    index: it.index.unwrap_or_default(),
                    term: it.term.unwrap_or_default(),
                };
                self.marks.push(mark);
                self.last_index = self.last_index.max(mark.index);
            }
            other => return Err(format!("a record of type {other} is not known")),
        }
        Ok(())
    }

    fn entry(&mut self, it: &message::Entry) -> Result<(), String> {
        let index = it.index.unwrap_or_default();
        if index <= self.after {
            // Whatever came after it was proposed by a leader that lost.
            self.entries.clear();
            self.last_index = self.after;
            return Ok(());
        }
        match self.entries.last().map(|last| last.index) {
            Some(last) if index <= last => {
                let first = self.entries.first().map_or(index, |e| e.index);
                self.entries
                    .truncate(usize::try_from(index.saturating_sub(first)).unwrap_or(usize::MAX));
            }
            Some(last) if index - 1 > last => {
                // A member that was far behind was sent the whole state instead, which a mark tells.
                if !self.marks.iter().any(|mark| mark.index.checked_add(1) == Some(index)) {
                    return Err(format!("entry {index} follows entry {last}"));
                }
                self.entries.clear();
            }
            _ => {}
        }
        self.entries.push(Entry {
            index,
            term: it.term.unwrap_or_default(),
            is_conf_change: it.r#type.unwrap_or_default() != 0,
            bytes: u32::try_from(it.data.as_ref().map_or(0, Bytes::len)).unwrap_or(u32::MAX),
        });
        self.last_index = index;
        Ok(())
    }
}

/// The segments in order. What etcd leaves about besides (`0.tmp`, `*.broken`) is passed over.
fn segments(directory: &Path) -> Result<Vec<PathBuf>, FileError> {
    let shown = directory.display().to_string();
    let unread = || FileError::io(&shown, "read");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unread())? {
        let path = entry.map_err(unread())?.path();
        let sequence = path.file_name().and_then(|name| name.to_str()).and_then(sequence);
        found.extend(sequence.map(|sequence| (sequence, path)));
    }
    found.sort();
    for pair in found.windows(2) {
        let [(one, _), (other, _)] = pair else { continue };
        if one.checked_add(1) != Some(*other) {
            let reason = format!("segment {one:016x} is followed by segment {other:016x}");
            return Err(FileError::damaged(&shown, "its list of segments", reason));
        }
    }
    if found.is_empty() {
        return Err(FileError::damaged(&shown, "its list of segments", "there is no segment of a log"));
    }
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// The sequence number in a segment's name.
fn sequence(name: &str) -> Option<u64> {
    let (sequence, index) = name.strip_suffix(".wal")?.split_once('-')?;
    let number = |digits: &str| (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok()).flatten();
    number(index)?;
    number(sequence)
}
