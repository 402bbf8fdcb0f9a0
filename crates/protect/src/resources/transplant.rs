//! A cluster's state as it has to be on other hosts, record by record. Start at [`preview`]; [`Transplanted`] is a source of records
//! that a rebuild reads in the place of the original. Both ask `objects::transplant`, so that what is shown is what is done.

use super::{Look, Moment, apart};
use ::etcd::selection::{LeaseTtl, SelectionError, Sink, Source, Standing, Walked};
use ::etcd::{FileError, KeyValue, Record};
use bytes::Bytes;
use objects::transplant::{Fate, Transplant};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A source whose live records are those of the transplanted cluster. Older ones are passed on as they are: a rebuild that counts
/// everything up to its moment as compacted takes none.
pub struct Transplanted {
    /// What it is made of.
    pub source: Arc<dyn Source>,
    /// What is done.
    pub transplant: Transplant,
    /// How records are read.
    pub look: Look,
}

/// A record that does not stay as it was, or of which a person should know something.
#[derive(Debug)]
pub struct Moved {
    /// Its key.
    pub key: Vec<u8>,
    /// What becomes of it.
    pub fate: Fate,
}

/// Says what becomes of each record that does not just stay, by key. Nothing is made.
///
/// # Errors
/// What reading meets.
pub fn preview(look: &Look, at: &Moment, transplant: &Transplant) -> Result<Vec<Moved>, SelectionError> {
    let mut moved = Vec::new();
    at.source.live_at(at.revision, &mut |record| {
        let it = apart(&*at.source, &record)?;
        let fate = transplant.fate(&it.key, || look.read(&it.key, &it.value));
        if fate != Fate::Keep {
            moved.push(Moved { key: it.key.to_vec(), fate });
        }
        Ok(())
    })?;
    moved.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(moved)
}

impl Transplanted {
    /// The record as it is afterwards, if it is still there.
    fn moved(&self, record: Record) -> Result<Option<Record>, FileError> {
        let it = apart(&*self.source, &record)?;
        match self.transplant.fate(&it.key, || self.look.read(&it.key, &it.value)) {
            Fate::Keep | Fate::Tell(..) => Ok(Some(record)),
            Fate::Drop(_) => Ok(None),
            Fate::Become { fields, .. } => {
                let value = serde_json::Value::Object(fields).to_string().into_bytes();
                Ok(Some(Record::put(record.revision, &KeyValue { value: value.into(), ..it })))
            }
        }
    }
}

impl Source for Transplanted {
    fn name(&self) -> String {
        self.source.name()
    }

    fn last_revision(&self) -> u64 {
        self.source.last_revision()
    }

    fn compaction(&self) -> u64 {
        self.source.compaction()
    }

    fn walk(&self, floor: u64, revision: u64, sink: &mut Walked<'_>) -> Result<(), SelectionError> {
        self.source
            .walk(floor, revision, &mut |record, standing: Standing| match standing.live {
                true => self.moved(record)?.map_or(Ok(()), |record| sink(record, standing)),
                false => sink(record, standing),
            })
    }

    fn walk_in_order(&self, floor: u64, revision: u64, sink: &mut Walked<'_>) -> Option<Result<(), SelectionError>> {
        self.source
            .walk_in_order(floor, revision, &mut |record, standing: Standing| match standing.live {
                true => self.moved(record)?.map_or(Ok(()), |record| sink(record, standing)),
                false => sink(record, standing),
            })
    }

    fn live_under(&self, prefix: &[u8], revision: u64, sink: &mut Sink<'_>) -> Result<(), SelectionError> {
        self.source
            .live_under(prefix, revision, &mut |record| self.moved(record)?.map_or(Ok(()), &mut *sink))
    }

    fn leases(&self) -> Result<BTreeMap<i64, LeaseTtl>, SelectionError> {
        self.source.leases()
    }

    fn others(&self) -> Result<BTreeMap<String, Vec<(Bytes, Bytes)>>, SelectionError> {
        self.source.others()
    }
}
