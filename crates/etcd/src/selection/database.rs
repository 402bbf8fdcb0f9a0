//! A single database file as a source of records: a snapshot, or a member's file. Start at [`DatabaseSource`].

use super::ahead::ahead;
use super::standings::{KeyHash, KeyHasher, Standings};
use super::{Aside, Damaged, LeaseTtl, SelectionError, Source, Walked, check_range};
use crate::bbolt::Bucket;
use crate::database::Database;
use crate::{FileError, Record};
use bytes::Bytes;
use std::collections::BTreeMap;

/// What is decoded at once, in bytes of the file; four such parts are in memory at a time.
const PART_BYTES: u64 = 4 << 20;

/// A database, and what it says of its revisions.
pub struct DatabaseSource {
    database: Database,
    last: u64,
    compaction: u64,
    aside: Option<Aside>,
}

impl DatabaseSource {
    /// Looks at what the database says of itself.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(database: Database) -> Result<Self, FileError> {
        let compaction = database.facts()?.compacted();
        // A new etcd is at revision 1, without a record.
        let last = database.last_revision()?.map_or(1, |it| it.main).max(compaction);
        Ok(Self { database, last, compaction, aside: None })
    }

    /// The same, which passes over records that are damaged and notes them: for looking only.
    pub fn setting_aside(self, aside: Aside) -> Self {
        Self { aside: Some(aside), ..self }
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The records in parts of about [`PART_BYTES`], oldest first.
    fn parts(&self) -> Result<Vec<Bucket>, FileError> {
        let most = usize::try_from(self.database.bytes() / PART_BYTES).unwrap_or(usize::MAX);
        self.database.parts(most.saturating_add(1))
    }

    fn records(&self, part: &Bucket, revision: u64, hasher: &KeyHasher) -> Result<Vec<(Record, KeyHash)>, FileError> {
        if let Some(aside) = &self.aside {
            return self.readable(part, revision, hasher, aside);
        }
        let mut records = Vec::new();
        for record in self.database.records_in(part) {
            let record = record?;
            if record.revision.main > revision {
                break;
            }
            let key = record
                .key()
                .map_err(|why| FileError::damaged(self.database.name(), format!("record {}", record.revision), why))?;
            let hash = hasher.hash(&key);
            records.push((record, hash));
        }
        Ok(records)
    }

    /// Those of which the key can be read: one that is otherwise damaged still stands for its key.
    fn readable(
        &self,
        part: &Bucket,
        revision: u64,
        hasher: &KeyHasher,
        aside: &Aside,
    ) -> Result<Vec<(Record, KeyHash)>, FileError> {
        let (name, mut records) = (self.database.name(), Vec::new());
        for entry in part.entries() {
            let (entry_key, value) = entry?;
            let record = match Record::from_entry(&entry_key, value.clone()) {
                Ok(record) if record.revision.main > revision => break,
                Ok(record) => record,
                Err(why) => {
                    aside.note(Damaged::bytes(name, "its records", why, &value));
                    continue;
                }
            };
            match record.key_it_stands_for() {
                Ok(key) => {
                    let hash = hasher.hash(&key);
                    records.push((record, hash));
                }
                Err(why) => aside.note(Damaged::record(name, &record, why)),
            }
        }
        Ok(records)
    }
}

impl Source for DatabaseSource {
    fn name(&self) -> String {
        self.database.name().to_owned()
    }

    fn last_revision(&self) -> u64 {
        self.last
    }

    fn compaction(&self) -> u64 {
        self.compaction
    }

    fn walk(&self, floor: u64, revision: u64, sink: &mut Walked<'_>) -> Result<(), SelectionError> {
        check_range(self, floor, revision)?;
        let (hasher, mut standings) = (KeyHasher::new(), Standings::new(floor, revision));
        let mut parts = self.parts()?;
        parts.reverse();
        ahead(
            parts,
            |part| self.records(&part, revision, &hasher),
            |records| {
                records.into_iter().rev().try_for_each(|(record, key)| {
                    let standing = standings.of(record.revision.main, record.tombstone, key);
                    standing.map_or(Ok(()), |standing| sink(record, standing))
                })
            },
        )?;
        Ok(())
    }

    /// Reads the records twice: newest first, to see how they stand, then in order.
    fn walk_in_order(&self, floor: u64, revision: u64, sink: &mut Walked<'_>) -> Option<Result<(), SelectionError>> {
        let mut both = || {
            let mut wanted = Vec::new();
            self.walk(floor, revision, &mut |record, standing| {
                wanted.push((record.revision, standing));
                Ok(())
            })?;
            let mut wanted = wanted.into_iter().rev().peekable();
            let read = |part: Bucket| {
                let records = self.database.records_in(&part);
                let seen = |it: &Result<Record, _>| it.as_ref().map_or(true, |record| record.revision.main <= revision);
                records.take_while(seen).collect::<Result<Vec<_>, _>>()
            };
            ahead(self.parts()?, read, |records| {
                for record in records {
                    if let Some((_, standing)) = wanted.next_if(|(revision, _)| *revision == record.revision) {
                        sink(record, standing)?;
                    }
                }
                Ok(())
            })?;
            match wanted.next() {
                None => Ok(()),
                Some((revision, _)) => {
                    let place = format!("record {revision}");
                    Err(FileError::damaged(self.database.name(), place, "it is gone when it is read again").into())
                }
            }
        };
        Some(both())
    }

    fn leases(&self) -> Result<BTreeMap<i64, LeaseTtl>, SelectionError> {
        let leases = self.database.others()?.leases();
        let leases = leases.map_err(|why| FileError::damaged(self.database.name(), "bucket lease", why))?;
        let ttl = |it: crate::database::Lease| (it.id, LeaseTtl { granted_s: it.ttl, remaining_s: it.remaining });
        Ok(leases.into_iter().map(ttl).collect())
    }

    fn others(&self) -> Result<BTreeMap<String, Vec<(Bytes, Bytes)>>, SelectionError> {
        Ok(self.database.others()?.buckets)
    }
}
