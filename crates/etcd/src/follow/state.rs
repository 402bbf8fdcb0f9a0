//! What a file says of itself, in buckets of its own that no etcd sees: they go when it is promoted.

use crate::FileError;
use crate::history::Link;
use crate::rebuild::buckets::{Buckets, Entries};
use crate::selection::LeaseTtl;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// The bucket of the [`State`].
pub(super) const STATE: &str = "lifeboat.follow";
/// The bucket of the leases that the history told of.
pub(super) const LEASES: &str = "lifeboat.leases";
/// What the names of the buckets begin with that hold the source's own.
pub(super) const SOURCE: &str = "lifeboat.source.";
/// The only entry of [`STATE`].
const ENTRY: &[u8] = b"state";
/// Changes when an older version could not read it.
const FORMAT: u32 = 1;

/// A point of a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    /// The timeline.
    pub timeline: u32,
    /// The revision.
    pub revision: u64,
    /// What the next segment names as `prev`.
    #[serde(serialize_with = "hex", deserialize_with = "from_hex")]
    pub link: Link,
    /// The last time at which the source was seen to be at that revision, in milliseconds of Unix time by the clock of who captured it.
    pub seen_ms: u64,
}

/// What a file says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    format: u32,
    pub(super) position: Position,
    /// Up to this revision only what exists at it is in the file, and above it every record.
    pub(super) floor: u64,
    /// How many records there are.
    pub(super) records: u64,
    /// CRC-32C of them, as etcd's HashKV counts.
    pub(super) hash: u32,
    /// CRC-32C of the source's other buckets and of the leases.
    pub(super) beside: u32,
    /// The size of the file when it was made, in bytes.
    pub(super) built_bytes: u64,
    /// The source's version; may be empty.
    pub(super) etcd_version: String,
    /// The source's cluster; 0 if it is not known.
    pub(super) cluster_id: u64,
}

impl State {
    pub(super) fn new(position: Position, etcd_version: String, cluster_id: u64) -> Self {
        Self {
            format: FORMAT,
            floor: position.revision,
            position,
            records: 0,
            hash: 0,
            beside: 0,
            built_bytes: 0,
            etcd_version,
            cluster_id,
        }
    }

    /// The entries of its bucket: its CRC-32C, then itself.
    pub(super) fn entries(&self) -> Result<Entries, serde_json::Error> {
        let json = serde_json::to_vec(self)?;
        let value = [&crc32c::crc32c(&json).to_le_bytes(), json.as_slice()].concat();
        Ok(vec![(Bytes::from_static(ENTRY), value.into())])
    }

    /// What the bucket of a file says; `None` if it says nothing.
    pub(super) fn read(name: &str, entries: &[(Bytes, Bytes)]) -> Result<Option<Self>, FileError> {
        let Some((_, value)) = entries.iter().find(|(key, _)| key == ENTRY) else {
            return Ok(None);
        };
        let wrong = |why: &dyn std::fmt::Display| FileError::damaged(name, format!("bucket {STATE}"), why.to_string());
        let (sum, json) = value.split_at_checked(4).ok_or_else(|| wrong(&"it is too short"))?;
        if sum != crc32c::crc32c(json).to_le_bytes() {
            return Err(wrong(&"its checksum does not fit"));
        }
        let state: Self = serde_json::from_slice(json).map_err(|e| wrong(&e))?;
        if state.format != FORMAT {
            let reason = format!("what it follows is written in format {}", state.format);
            return Err(FileError::Newer { file: name.to_owned(), reason });
        }
        Ok(Some(state))
    }
}

/// The entries of bucket [`LEASES`].
pub(super) fn lease_entries(leases: &BTreeMap<i64, LeaseTtl>) -> Entries {
    let entry = |(id, ttl): (&i64, &LeaseTtl)| {
        let numbers = u128::from(ttl.granted_s.cast_unsigned()) << 64 | u128::from(ttl.remaining_s.cast_unsigned());
        (Bytes::copy_from_slice(&id.to_be_bytes()), Bytes::copy_from_slice(&numbers.to_be_bytes()))
    };
    let mut entries: Entries = leases.iter().map(entry).collect();
    // As bytes: negative ids come last.
    entries.sort_unstable();
    entries
}

/// CRC-32C of the source's other buckets and of bucket [`LEASES`].
pub(super) fn hash(others: &Buckets, leases: &Entries) -> u32 {
    let mut hash = 0;
    let mut add = |bytes: &[u8]| {
        hash = crc32c::crc32c_append(crc32c::crc32c_append(hash, &(bytes.len() as u64).to_le_bytes()), bytes);
    };
    for (name, entries) in others
        .iter()
        .map(|(name, entries)| (name.as_str(), entries))
        .chain([(LEASES, leases)])
    {
        add(name.as_bytes());
        add(&entries.len().to_le_bytes());
        entries
            .iter()
            .for_each(|(key, value)| [key, value].into_iter().for_each(|it| add(it)));
    }
    hash
}

/// The leases in bucket [`LEASES`].
pub(super) fn leases(name: &str, entries: &[(Bytes, Bytes)]) -> Result<BTreeMap<i64, LeaseTtl>, FileError> {
    let wrong = || FileError::damaged(name, format!("bucket {LEASES}"), "an entry has another length");
    let lease = |(key, value): &(Bytes, Bytes)| {
        let id = <[u8; 8]>::try_from(&**key).map_err(|_| wrong())?;
        let numbers = u128::from_be_bytes(<[u8; 16]>::try_from(&**value).map_err(|_| wrong())?);
        let ttl = LeaseTtl {
            granted_s: ((numbers >> 64) as u64).cast_signed(),
            remaining_s: (numbers as u64).cast_signed(),
        };
        Ok((i64::from_be_bytes(id), ttl))
    };
    entries.iter().map(lease).collect()
}

/// Of all buckets those that are the source's own, under their own names.
pub(super) fn source_buckets(all: &Buckets) -> Buckets {
    let own = |(name, entries): (&String, &Vec<(Bytes, Bytes)>)| {
        Some((name.strip_prefix(SOURCE)?.to_owned(), entries.clone()))
    };
    all.iter().filter_map(own).collect()
}

fn hex<S: Serializer>(link: &Link, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(link)
}

fn from_hex<'de, D: Deserializer<'de>>(from: D) -> Result<Link, D::Error> {
    let text = String::deserialize(from)?;
    let byte = |at: usize| text.get(2 * at..2 * at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    let mut link = [0; 32];
    for (at, to) in link.iter_mut().enumerate() {
        *to = byte(at)
            .filter(|_| text.len() == 64)
            .ok_or_else(|| serde::de::Error::custom("it is no link"))?;
    }
    Ok(Link(link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written() {
        let position = Position {
            timeline: 3,
            revision: 9,
            link: Link([0xa7; 32]),
            seen_ms: 12,
        };
        let state = State { records: 4, ..State::new(position, "3.6.1".to_owned(), 5) };
        let entries = state.entries().unwrap();
        assert_eq!(State::read("db", &entries).unwrap(), Some(state));
        assert_eq!(State::read("db", &[]).unwrap(), None);
        let mut changed = entries[0].1.to_vec();
        changed[20] ^= 1;
        assert!(
            State::read("db", &[(Bytes::from(ENTRY), changed.into())])
                .unwrap_err()
                .is_damage()
        );
        let later = State {
            format: 2,
            ..State::new(Position { timeline: 1, revision: 1, link: Link([0; 32]), seen_ms: 0 }, String::new(), 0)
        };
        assert!(matches!(State::read("db", &later.entries().unwrap()), Err(FileError::Newer { .. })));
        let cut = [(Bytes::from(ENTRY), entries[0].1.slice(..40))];
        assert!(State::read("db", &cut).unwrap_err().is_damage());
    }

    #[test]
    fn leases_of_any_id_are_read_as_they_were_written() {
        let ttl = |granted_s, remaining_s| LeaseTtl { granted_s, remaining_s };
        let known = BTreeMap::from([(-4, ttl(1, -1)), (7, ttl(i64::MAX, 5))]);
        let entries = lease_entries(&known);
        assert!(entries.is_sorted());
        assert_eq!(leases("db", &entries).unwrap(), known);
        assert!(leases("db", &[(Bytes::from("x"), Bytes::new())]).is_err());
    }
}
