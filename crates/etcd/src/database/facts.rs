//! How far a member came, and what is compacted: buckets `meta` and `cluster`.

use crate::bbolt::Reader;
use crate::record::shown;
use crate::{FileError, Record, Revision};
use bytes::Bytes;

/// What a database says of the member and of compaction. All of it may be absent: a new database, and a seed, have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The index of the last entry of the log whose effect is in the database (`consistent_index`).
    pub consistent_index: Option<u64>,
    /// The term of that entry (etcd 3.5 and later).
    pub term: Option<u64>,
    /// The voters, as JSON (`confState`, etcd 3.5 and later).
    pub conf_state: Option<String>,
    /// The version whose form the database has, as in `3.6.0` (etcd 3.6 and later).
    pub storage_version: Option<String>,
    /// The version that all members of the cluster had agreed on, as in `3.5.0`.
    pub cluster_version: Option<String>,
    /// Up to which revision history is to be removed: what is older cannot be asked for any more.
    pub scheduled_compaction: Option<Revision>,
    /// Up to which revision that was done.
    pub finished_compaction: Option<Revision>,
}

impl Facts {
    /// The main revision up to which history is gone or going: 0 if nothing was ever compacted.
    pub fn compacted(&self) -> u64 {
        let marks = [self.scheduled_compaction, self.finished_compaction];
        marks.into_iter().flatten().map(|revision| revision.main).max().unwrap_or(0)
    }

    pub(super) fn read(reader: &Reader) -> Result<Self, FileError> {
        let mut facts = Self::default();
        for bucket in ["meta", "cluster"] {
            for entry in reader.bucket(bucket).iter().flat_map(|bucket| bucket.entries()) {
                let (key, value) = entry?;
                facts.take(bucket, &key, &value).map_err(|why| {
                    FileError::damaged(reader.name(), format!("{} in bucket {bucket}", shown(&key)), why)
                })?;
            }
        }
        Ok(facts)
    }

    fn take(&mut self, bucket: &str, key: &[u8], value: &Bytes) -> Result<(), String> {
        match (bucket, key) {
            ("meta", b"consistent_index") => self.consistent_index = Some(number(value)?),
            ("meta", b"term") => self.term = Some(number(value)?),
            ("meta", b"confState") => self.conf_state = Some(text(value)?),
            ("meta", b"storageVersion") => self.storage_version = Some(text(value)?),
            ("cluster", b"clusterVersion") => self.cluster_version = Some(text(value)?),
            ("meta", b"scheduledCompactRev") => self.scheduled_compaction = Some(revision(value)?),
            ("meta", b"finishedCompactRev") => self.finished_compaction = Some(revision(value)?),
            _ => {}
        }
        Ok(())
    }
}

fn number(value: &[u8]) -> Result<u64, String> {
    let bytes = value
        .try_into()
        .map_err(|_| format!("it has {} bytes instead of 8", value.len()))?;
    Ok(u64::from_be_bytes(bytes))
}

fn text(value: &[u8]) -> Result<String, String> {
    String::from_utf8(value.to_vec()).map_err(|_| "it is no text".to_owned())
}

fn revision(value: &[u8]) -> Result<Revision, String> {
    Ok(Record::from_entry(value, Bytes::new())?.revision)
}
