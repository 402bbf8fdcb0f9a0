//! All buckets but the records: leases, members, alarms, users. They are small, so they are held in memory, as they are.

use super::KEY_BUCKET;
use crate::FileError;
use crate::bbolt::Reader;
use crate::record::{shown, varint};
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// All buckets but the records are not larger than this, in bytes, each entry with what it takes in memory: a million leases and
/// 10,000 users are far below.
const MOST_BYTES: usize = 256 << 20;
/// What an entry takes besides its bytes.
const ENTRY_BYTES: usize = 128;

/// All buckets but the records, each with its entries in order, raw; with views of what some of them mean.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Others {
    /// By name; an empty bucket counts too.
    pub buckets: BTreeMap<String, Vec<(Bytes, Bytes)>>,
}

/// A lease, as bucket `lease` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its id, which the keys that hang on it name.
    pub id: i64,
    /// The time to live that was granted, in seconds.
    pub ttl: i64,
    /// How much of it remained, in seconds, when a leader last wrote that down; 0 if none did.
    pub remaining: i64,
}

/// An alarm that is raised, as bucket `alarm` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The member that raised it.
    pub member_id: u64,
    /// Which: 1 is `NOSPACE`, 2 is `CORRUPT`.
    pub kind: u64,
}

impl Others {
    pub(super) fn read(reader: &Reader) -> Result<Self, FileError> {
        Self::read_within(reader, MOST_BYTES)
    }

    pub(super) fn read_within(reader: &Reader, most: usize) -> Result<Self, FileError> {
        let (mut buckets, mut left) = (BTreeMap::new(), most);
        for name in reader.buckets().filter(|&name| name != KEY_BUCKET) {
            let mut entries = Vec::new();
            for entry in reader.bucket(name).iter().flat_map(|bucket| bucket.entries()) {
                let (key, value) = entry?;
                let too_much = || {
                    let why = format!("what is not records is larger than {most} bytes");
                    FileError::damaged(reader.name(), format!("bucket {name}"), why)
                };
                left = left.checked_sub(key.len() + value.len() + ENTRY_BYTES).ok_or_else(too_much)?;
                // A slice would keep all that was read with it.
                entries.push((Bytes::copy_from_slice(&key), Bytes::copy_from_slice(&value)));
            }
            buckets.insert(name.to_owned(), entries);
        }
        Ok(Self { buckets })
    }

    /// All leases, by id.
    ///
    /// # Errors
    /// Which of them is wrong, and how.
    pub fn leases(&self) -> Result<Vec<Lease>, String> {
        self.bucket("lease")
            .map(|(key, value)| lease(key, value).map_err(|e| at("lease", key, &e)))
            .collect()
    }

    /// What is known of each member, by its id in hexadecimal, as `etcd` has it in JSON: `id`, `peerURLs`, `name`, `clientURLs`, `isLearner`.
    ///
    /// # Errors
    /// Which of them is wrong, and how.
    pub fn members(&self) -> Result<BTreeMap<String, Value>, String> {
        let member = |(key, value): &(Bytes, Bytes)| {
            let id = std::str::from_utf8(key).map_err(|e| at("members", key, &e))?;
            let value = serde_json::from_slice(value).map_err(|e| at("members", key, &e))?;
            Ok((id.to_owned(), value))
        };
        self.bucket("members").map(member).collect()
    }

    /// All alarms that are raised.
    ///
    /// # Errors
    /// Which of them is wrong, and how.
    pub fn alarms(&self) -> Result<Vec<Alarm>, String> {
        let alarm = |(key, _): &(Bytes, Bytes)| {
            let [member_id, kind] = numbers(key).map_err(|e| at("alarm", key, &e))?;
            Ok(Alarm { member_id, kind })
        };
        self.bucket("alarm").map(alarm).collect()
    }

    /// Whether etcd asks its clients who they are.
    pub fn auth_enabled(&self) -> bool {
        self.value("auth", b"authEnabled").is_some_and(|value| value.as_ref() == [1])
    }

    /// The version whose form the database has, as in `3.6.0`; etcd 3.5 has none.
    pub fn storage_version(&self) -> Option<String> {
        self.text("meta", b"storageVersion")
    }

    /// The version that all members of the cluster had agreed on, as in `3.5.0`.
    pub fn cluster_version(&self) -> Option<String> {
        self.text("cluster", b"clusterVersion")
    }

    fn bucket(&self, name: &str) -> impl Iterator<Item = &(Bytes, Bytes)> {
        self.buckets.get(name).into_iter().flatten()
    }

    fn value(&self, bucket: &str, key: &[u8]) -> Option<&Bytes> {
        self.bucket(bucket).find(|(k, _)| k == key).map(|(_, value)| value)
    }

    fn text(&self, bucket: &str, key: &[u8]) -> Option<String> {
        String::from_utf8(self.value(bucket, key)?.to_vec()).ok()
    }
}

/// A marshalled `leasepb.Lease`, whose id has to be that of its entry.
fn lease(key: &[u8], value: &[u8]) -> Result<Lease, String> {
    let [id, ttl, remaining] = numbers(value)?.map(u64::cast_signed);
    if key != id.to_be_bytes() {
        return Err(format!("it is of lease {id:x}"));
    }
    Ok(Lease { id, ttl, remaining })
}

/// The first fields of a message of numbers only; fields of a later etcd are passed over if they are numbers too.
fn numbers<const N: usize>(message: &[u8]) -> Result<[u64; N], String> {
    let mut out = [0; N];
    let mut at = 0;
    while at < message.len() {
        let tag = varint(message, &mut at)?;
        if tag & 7 != 0 {
            return Err("it has a field that is no number".to_owned());
        }
        let n = varint(message, &mut at)?;
        let field = (tag >> 3)
            .checked_sub(1)
            .and_then(|field| out.get_mut(usize::try_from(field).ok()?));
        if let Some(field) = field {
            *field = n;
        }
    }
    Ok(out)
}

fn at(bucket: &str, key: &[u8], why: &dyn fmt::Display) -> String {
    format!("{} in bucket {bucket}: {why}", shown(key))
}

/// How much there is only: users' passwords are in it, as hashes.
impl fmt::Debug for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.buckets.iter().map(|(name, entries)| (name, entries.len())))
            .finish()
    }
}
