//! A small etcd in memory, against which selection, proof and merging are tested. Start at [`Model`]; [`models`] makes random ones.

use super::{LeaseTtl, SelectionError, Source, Standing, Walked, check_range};
use crate::{KeyValue, Record, Revision};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Every record that was ever written, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) records: Vec<Record>,
    pub(crate) last: u64,
}

/// A transaction: for each key put (with a length of value) or deleted.
type Txn = BTreeMap<u8, Option<u8>>;

impl Model {
    /// What etcd writes for these transactions, from revision 2 on.
    pub(crate) fn of(txns: &[Txn]) -> Self {
        let (mut it, mut live) = (Self { records: Vec::new(), last: 1 }, BTreeMap::<u8, KeyValue>::new());
        for txn in txns {
            let (main, mut sub) = (it.last + 1, 0);
            for (&key, change) in txn {
                let name = Bytes::from(format!("/registry/{key}"));
                let revision = Revision { main, sub };
                let record = match (change, live.get(&key)) {
                    (None, None) => continue,
                    (None, Some(_)) => {
                        live.remove(&key);
                        Record::deletion(revision, name)
                    }
                    (Some(bytes), before) => {
                        let kv = KeyValue {
                            key: name,
                            create_revision: before.map_or(main, |kv| kv.create_revision),
                            mod_revision: main,
                            version: before.map_or(1, |kv| kv.version + 1),
                            value: vec![b'a'.wrapping_add(*bytes); usize::from(*bytes)].into(),
                            lease: i64::from(bytes % 3),
                        };
                        live.insert(key, kv.clone());
                        Record::put(revision, &kv)
                    }
                };
                it.records.push(record);
                sub += 1;
            }
            if sub > 0 {
                it.last = main;
            }
        }
        it
    }

    /// Of each key, its records up to `revision`, newest first.
    pub(crate) fn by_key(&self, revision: u64) -> BTreeMap<Bytes, Vec<Record>> {
        let mut keys = BTreeMap::<Bytes, Vec<Record>>::new();
        for record in self.records.iter().rev().filter(|it| it.revision.main <= revision) {
            keys.entry(record.key().unwrap()).or_default().push(record.clone());
        }
        keys
    }

    /// The records of the keys that exist at `revision`, in order of revision.
    pub(crate) fn live(&self, revision: u64) -> Vec<Record> {
        let newest = self.by_key(revision).into_values().filter_map(|it| it.first().cloned());
        sorted(newest.filter(|it| !it.tombstone).collect())
    }

    /// What is left by a compaction at `floor`, up to `revision`, as [`Source::since`] has it; in order of revision.
    pub(crate) fn since(&self, floor: u64, revision: u64) -> Vec<Record> {
        let above = self
            .records
            .iter()
            .filter(|it| it.revision.main > floor && it.revision.main <= revision);
        sorted(above.cloned().chain(self.live(floor)).collect())
    }
}

/// In order of revision.
pub(crate) fn sorted(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_by_key(|it| it.revision);
    records
}

impl Source for Model {
    fn name(&self) -> String {
        "the model".to_owned()
    }

    fn last_revision(&self) -> u64 {
        self.last
    }

    fn compaction(&self) -> u64 {
        0
    }

    fn walk(&self, floor: u64, revision: u64, sink: &mut Walked<'_>) -> Result<(), SelectionError> {
        check_range(self, floor, revision)?;
        let (live, kept) = (self.live(revision), self.since(floor, revision));
        for record in self.records.iter().rev() {
            let standing = Standing { live: live.contains(record), kept: kept.contains(record) };
            if standing.live || standing.kept {
                sink(record.clone(), standing)?;
            }
        }
        Ok(())
    }

    fn leases(&self) -> Result<BTreeMap<i64, LeaseTtl>, SelectionError> {
        Ok(BTreeMap::new())
    }

    fn others(&self) -> Result<BTreeMap<String, Vec<(Bytes, Bytes)>>, SelectionError> {
        Ok(BTreeMap::new())
    }
}

/// Random histories of a few keys.
pub(crate) fn models() -> impl Strategy<Value = Model> {
    let change = prop_oneof![2 => (0_u8..40).prop_map(Some), 1 => Just(None)];
    let txn = prop::collection::btree_map(0_u8..8, change, 1..4);
    prop::collection::vec(txn, 1..40).prop_map(|txns| Model::of(&txns))
}
