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
        match fits(&record) {
            Ok(()) => Ok(record),
            Err(why) => wrong(&why),
        }
    }
}

/// Whether a record's value can be what etcd wrote at its revision.
fn fits(record: &Record) -> Result<(), String> {
    if record.value.is_empty() && !record.tombstone {
        return Ok(());
    }
    let it = record.decode()?;
    let main = record.revision.main;
    if it.key.is_empty() {
        return Err("it has no key".to_owned());
    }
    if record.tombstone {
        let only_key = it.version == 0 && it.create_revision == 0 && it.mod_revision == 0 && it.lease == 0;
        return match only_key && it.value.is_empty() {
            true => Ok(()),
            false => Err("it is a deletion, but says more than the key".to_owned()),
        };
    }
    if it.mod_revision != main {
        return Err(format!("its value says that it was written at {}", it.mod_revision));
    }
    if it.create_revision == 0 || it.create_revision > main {
        return Err(format!("its value says that its key came into being at {}", it.create_revision));
    }
    if it.version == 0 || it.version > main - it.create_revision + 1 {
        return Err(format!("its value says that it is version {}", it.version));
    }
    Ok(())
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
