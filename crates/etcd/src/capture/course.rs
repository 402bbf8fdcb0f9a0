//! How far the watch is, on the source's side: what is whole, what was skipped, and what the last change was.

use super::cutter::Skipped;
use crate::{Client, Error, Record};
use bytes::Bytes;

/// How far the watch is. [`super::Cutter`] checks the same again, where it is cut.
#[derive(Debug)]
pub(super) struct Course {
    /// Everything through this revision was heard.
    complete: u64,
    /// The revision of which other fragments are to come.
    open: Option<u64>,
    /// How often in a row the same revision was skipped.
    skips: u32,
    /// The last put: its key, revision and the hash of its record. A deletion leaves nothing that the source could be asked for.
    last: Option<(Bytes, u64, blake3::Hash)>,
}

impl Course {
    pub(super) fn new(complete: u64) -> Self {
        Self { complete, open: None, skips: 0, last: None }
    }

    /// Takes the records of one response.
    ///
    /// # Errors
    /// A revision is missing. The watch has to begin again.
    pub(super) fn take(&mut self, records: &[Record], fragment: bool) -> Result<(), Skipped> {
        for main in records.iter().map(|record| record.revision.main) {
            let known = self.open.unwrap_or(self.complete);
            if main <= known {
                continue;
            }
            // A fresh etcd is at revision 1 without any record.
            let expected = known.max(1) + 1;
            if main != expected {
                self.skips += 1;
                return Err(Skipped { expected, got: main });
            }
            self.complete = known;
            self.open = Some(main);
        }
        if !fragment && let Some(open) = self.open.take() {
            self.complete = open;
        }
        self.skips = 0;
        if let Some(put) = records
            .iter()
            .rev()
            .find(|it| !it.tombstone && it.revision.main <= self.complete)
        {
            self.remember(put);
        }
        Ok(())
    }

    /// A put that the source has to have still.
    pub(super) fn remember(&mut self, put: &Record) {
        if let Ok(key) = put.key() {
            // A copy: the key must not keep the whole response in memory.
            self.last = Some((Bytes::copy_from_slice(&key), put.revision.main, blake3::hash(&put.value)));
        }
    }

    /// Everything through this revision was heard.
    pub(super) fn complete(&self) -> u64 {
        self.complete
    }

    /// How often in a row the same revision was skipped.
    pub(super) fn skips(&self) -> u32 {
        self.skips
    }

    /// Forgets the revision of which only a part came; whether there was one.
    pub(super) fn forget_open(&mut self) -> bool {
        self.open.take().is_some()
    }

    /// Whether the source has the very same last change. `None` when it cannot tell any more, or there is none to ask for.
    pub(super) async fn same_last_change(&self, client: &Client) -> Result<Option<bool>, Error> {
        let Some((key, revision, hash)) = &self.last else {
            return Ok(None);
        };
        match client.range(key, &[], *revision, 1).await {
            Ok(range) => {
                let same = |it: &crate::KeyValue| it.mod_revision == *revision && blake3::hash(&it.encoded()) == *hash;
                Ok(Some(range.pairs.first().is_some_and(same)))
            }
            Err(Error::Compacted { .. } | Error::Future { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }
}

#[cfg(test)]
mod tests;
