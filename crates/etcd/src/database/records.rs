//! Records one after the other, each checked as far as one can be by itself and by the one before it.

use crate::bbolt::Entries;
use crate::{FileError, Record, Revision};
use bytes::Bytes;

/// Records in the order of their revisions. After an error nothing more comes.
///
/// Of each it is known that its value can be taken apart and fits its revision. One kind has no key and an empty value: the one with
/// which `etcdutl snapshot restore --bump-revision` raises the revision (etcd `etcdutl/snapshot/v3_snapshot.go`).
///
/// Values are slices of what was read, up to 256 KiB at a time: who keeps a few for long should copy them.
pub struct Records {
    name: String,
    entries: Option<Entries>,
    last: Option<Revision>,
}

impl Records {
    pub(super) fn new(name: &str, entries: Entries) -> Self {
        Self { name: name.to_owned(), entries: Some(entries), last: None }
    }

    fn check(&mut self, key: &[u8], value: Bytes) -> Result<Record, FileError> {
        let record = match Record::from_entry(key, value) {
            Ok(record) => record,
            Err(why) => return Err(FileError::damaged(&self.name, "its records", why)),
        };
        let wrong = |why: &str| Err(FileError::damaged(&self.name, format!("record {}", record.revision), why));
        // A put and a deletion of one revision are two entries, of which one is too many.
        if self.last.is_some_and(|last| last >= record.revision) {
            return wrong("it is not newer than the one before it");
        }
        self.last = Some(record.revision);
        match record.checked() {
            Ok(_) => Ok(record),
            Err(why) => wrong(&why),
        }
    }
}

impl Iterator for Records {
    type Item = Result<Record, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.entries.as_mut()?.next()?;
        let record = entry.and_then(|(key, value)| self.check(&key, value));
        if record.is_err() {
            self.entries = None;
        }
        Some(record)
    }
}
