//! What stands in the buckets beside `key`: pure, from what the source held and what the target wants.
//!
//! Carried over: leases, users and roles. Written anew: members, confState, versions, compaction marks. Dropped: alarms (a
//! NOSPACE of the lost cluster would refuse every write), removed members, a downgrade that was under way, the consistent index
//! of the old log. Names and forms: etcd `server/storage/schema/bucket.go`.

use crate::FileError;
use crate::bbolt::Writer;
use crate::rebuild::{Line, Revisions, UNKNOWN_LEASE_TTL_S};
use crate::record::{Revision, put_varint, shown};
use crate::selection::LeaseTtl;
use crate::wal;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The bucket of the records.
pub(crate) const KEY: &str = "key";

/// A bucket's entries, ascending.
pub(crate) type Entries = Vec<(Bytes, Bytes)>;

/// Buckets by name.
pub(crate) type Buckets = BTreeMap<String, Entries>;

/// What a person should know of a rebuilt database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The source was kept by a newer etcd than the one that will run it: what only the newer one knows is lost or misread.
    NewerStorage {
        /// The newest version that the source names.
        version: String,
        /// The etcd that will run it.
        line: Line,
    },
    /// A bucket that no known etcd has was left out, since the source is newer than the etcd that will run it.
    BucketLeftOut {
        /// Its name.
        name: String,
        /// How many entries it has.
        entries: usize,
    },
    /// A bucket that no known etcd has was taken over.
    BucketUnknown {
        /// Its name.
        name: String,
        /// How many entries it has.
        entries: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewerStorage { version, line } => {
                write!(
                    f,
                    "the source was kept by etcd {version}, which is newer than {line}: features of it are lost"
                )
            }
            Self::BucketLeftOut { name, entries } => {
                write!(f, "bucket {name} with {entries} entries is left out: a newer etcd made it")
            }
            Self::BucketUnknown { name, entries } => {
                write!(f, "bucket {name} with {entries} entries is taken over, though no known etcd has it")
            }
        }
    }
}

/// All buckets but `key` and `lease`. With `membership` also what a member needs that has a log; without it, none of that: a
/// consistent index without a log makes etcd wait for ever.
pub(crate) fn others(
    others: &Buckets,
    line: Line,
    revisions: &Revisions,
    membership: Option<(&wal::Fresh, &[wal::Peer])>,
) -> (Buckets, Vec<Warning>) {
    let made = [KEY, "lease", "meta", "members", "members_removed", "cluster", "alarm"];
    let carried = ["auth", "authUsers", "authRoles"];
    let mut buckets = Buckets::new();
    let mut warnings = Vec::new();
    let newer = newest_version(others).filter(|version| line.is_older_than(version));
    for (name, entries) in others {
        if carried.contains(&name.as_str()) {
            buckets.insert(name.clone(), entries.clone());
        } else if !made.contains(&name.as_str()) {
            let (shown, count) = (shown(name.as_bytes()), entries.len());
            if newer.is_some() {
                warnings.push(Warning::BucketLeftOut { name: shown, entries: count });
            } else {
                warnings.push(Warning::BucketUnknown { name: shown, entries: count });
                buckets.insert(name.clone(), entries.clone());
            }
        }
    }
    if let Some(version) = newer {
        warnings.insert(0, Warning::NewerStorage { version, line });
    }
    for name in made.into_iter().chain(carried).filter(|&name| name != KEY) {
        buckets.entry(name.to_owned()).or_default();
    }
    buckets.insert("meta".to_owned(), meta(line, revisions, membership));
    if let Some((_, peers)) = membership {
        let members: BTreeMap<_, _> = peers
            .iter()
            .map(|peer| (Bytes::from(format!("{:x}", peer.id)), peer.json().into()))
            .collect();
        buckets.insert("members".to_owned(), members.into_iter().collect());
        let version = (Bytes::from("clusterVersion"), line.cluster_version().into());
        buckets.insert("cluster".to_owned(), vec![version]);
    }
    (buckets, warnings)
}

fn meta(line: Line, revisions: &Revisions, membership: Option<(&wal::Fresh, &[wal::Peer])>) -> Entries {
    let mut meta = BTreeMap::new();
    if revisions.compacted > 0 {
        let mark = Revision { main: revisions.compacted, sub: 0 }.entry_key(false);
        for name in ["scheduledCompactRev", "finishedCompactRev"] {
            meta.insert(Bytes::from(name), Bytes::copy_from_slice(&mark));
        }
    }
    if let Some((fresh, _)) = membership {
        meta.insert("consistent_index".into(), Bytes::copy_from_slice(&fresh.index.to_be_bytes()));
        meta.insert("term".into(), Bytes::copy_from_slice(&fresh.term.to_be_bytes()));
        meta.insert("confState".into(), fresh.conf_state.clone().into());
        if let Some(version) = line.storage_version() {
            meta.insert("storageVersion".into(), version.into());
        }
    }
    meta.into_iter().collect()
}

/// The newest version that the source's own buckets name, as text.
fn newest_version(others: &Buckets) -> Option<String> {
    let named = |bucket: &str, key: &str| {
        let (_, version) = others.get(bucket)?.iter().find(|(name, _)| name == key)?;
        Some(shown(version))
    };
    let found = [named("meta", "storageVersion"), named("cluster", "clusterVersion")];
    let newest = |a: &String, b: &String| {
        let parts = |text: &str| text.split('.').map(|n| n.parse().unwrap_or(u64::MAX)).collect::<Vec<_>>();
        parts(a).cmp(&parts(b))
    };
    found.into_iter().flatten().max_by(newest)
}

/// The bucket `lease`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Leases {
    pub(crate) entries: Entries,
    /// Those that keys hang on but nobody recorded.
    pub(crate) missing: Vec<i64>,
}

/// The leases that keys hang on, and, with `all`, every other one in the source's own bucket. One that stands in that bucket is
/// taken as it is; of one that was only seen, the granted time is written and not what was left: what was left is of the moment
/// when it was seen, and a client that kept it alive since must not lose it early. After its start etcd counts from there.
pub(crate) fn leases(others: &Buckets, known: &BTreeMap<i64, LeaseTtl>, used: &BTreeSet<i64>, all: bool) -> Leases {
    let none = Entries::new();
    let bucket = others.get("lease").unwrap_or(&none).iter();
    let of = |key: &Bytes| <[u8; 8]>::try_from(key.as_ref()).ok().map(i64::from_be_bytes);
    let mut found: BTreeMap<[u8; 8], Bytes> = bucket
        .filter_map(|(key, value)| of(key).map(|id| (id, value.clone())))
        .filter(|(id, _)| all || used.contains(id))
        .map(|(id, value)| (id.to_be_bytes(), value))
        .collect();
    let mut missing = Vec::new();
    for &id in used {
        found.entry(id.to_be_bytes()).or_insert_with(|| {
            let granted_s = known.get(&id).map_or(0, |ttl| ttl.granted_s);
            if granted_s <= 0 {
                missing.push(id);
            }
            lease(id, if granted_s > 0 { granted_s } else { UNKNOWN_LEASE_TTL_S })
        });
    }
    let entries = found
        .into_iter()
        .map(|(id, value)| (Bytes::copy_from_slice(&id), value))
        .collect();
    Leases { entries, missing }
}

/// A marshalled `leasepb.Lease`.
fn lease(id: i64, ttl_s: i64) -> Bytes {
    let mut out = vec![0x08];
    put_varint(&mut out, id.cast_unsigned());
    out.push(0x10);
    put_varint(&mut out, ttl_s.cast_unsigned());
    out.into()
}

/// Writes a bucket.
pub(crate) fn put(writer: &mut Writer, name: &str, entries: &Entries) -> Result<(), FileError> {
    let mut bucket = writer.bucket(name)?;
    for (key, value) in entries {
        bucket.put(key, value)?;
    }
    bucket.finish()
}

#[cfg(test)]
mod tests;
