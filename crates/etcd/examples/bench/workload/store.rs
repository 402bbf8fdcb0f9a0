//! What etcd would make of the writes: a revision for each, and its records. Start at [`Store::apply`].

use super::churn::Write;
use bytes::Bytes;
use etcd::{KeyValue, Record, Revision};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The state that revisions and versions follow from; no values.
#[derive(Default)]
pub(crate) struct Store {
    /// The last revision.
    pub(crate) revision: u64,
    heads: HashMap<Bytes, Head>,
    leases: BTreeMap<i64, (i64, BTreeSet<Bytes>)>,
}

struct Head {
    created: u64,
    version: u64,
    lease: i64,
}

impl Store {
    /// An empty etcd: it starts at revision 1.
    pub(crate) fn new() -> Self {
        Self { revision: 1, ..Self::default() }
    }

    /// The records that puts in one transaction add.
    pub(crate) fn transaction(&mut self, writes: &[Write]) -> Vec<Record> {
        self.revision += u64::from(!writes.is_empty());
        let puts = writes.iter().filter_map(|write| match write {
            Write::Put { key, value, lease } => Some((key, value, *lease)),
            _ => None,
        });
        puts.zip(0..)
            .map(|((key, value, lease), sub)| self.put(key, value, lease, sub))
            .collect()
    }

    /// The records that a write adds; none when it changes no key.
    pub(crate) fn apply(&mut self, write: &Write) -> Vec<Record> {
        match write {
            Write::Grant { lease, ttl_s } => {
                self.leases.insert(*lease, (*ttl_s, BTreeSet::new()));
                Vec::new()
            }
            Write::Put { .. } => self.transaction(std::slice::from_ref(write)),
            Write::Delete { key } => self.delete(std::iter::once(key.clone()).collect()),
            Write::Revoke { lease } => {
                let (_, keys) = self.leases.remove(lease).unwrap_or_default();
                self.delete(keys)
            }
        }
    }

    fn put(&mut self, key: &Bytes, value: &Bytes, lease: i64, sub: u32) -> Record {
        let revision = self.revision;
        let fresh = Head { created: revision, version: 0, lease: 0 };
        let head = self.heads.entry(key.clone()).or_insert(fresh);
        head.version += 1;
        if head.lease != lease {
            if let Some((_, keys)) = self.leases.get_mut(&head.lease) {
                keys.remove(key);
            }
            head.lease = lease;
        }
        if let Some((_, keys)) = self.leases.get_mut(&lease) {
            keys.insert(key.clone());
        }
        let it = KeyValue {
            key: key.clone(),
            create_revision: head.created,
            mod_revision: revision,
            version: head.version,
            value: value.clone(),
            lease,
        };
        Record::put(Revision { main: revision, sub }, &it)
    }

    /// One transaction: the keys that are there go, in order.
    fn delete(&mut self, keys: BTreeSet<Bytes>) -> Vec<Record> {
        let keys: Vec<_> = keys.into_iter().filter(|key| self.heads.remove(key).is_some()).collect();
        if !keys.is_empty() {
            self.revision += 1;
        }
        let main = self.revision;
        let records = keys
            .into_iter()
            .zip(0..)
            .map(|(key, sub)| Record::deletion(Revision { main, sub }, key));
        records.collect()
    }

    /// Leases in order of their ids, with what they were granted, in seconds.
    pub(crate) fn leases(&self) -> impl Iterator<Item = (i64, i64)> {
        self.leases.iter().map(|(id, (ttl_s, _))| (*id, *ttl_s))
    }

    /// How many keys there are.
    pub(crate) fn keys(&self) -> usize {
        self.heads.len()
    }
}
