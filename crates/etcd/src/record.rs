//! What etcd's bucket `key` holds: one [`Record`] for each change of each key, under its [`Revision`].
//!
//! A record's value is kept as the bytes that etcd wrote (a marshalled `mvccpb.KeyValue`), so that whatever passes through here
//! comes out as it went in, and hashes as it did. Source: etcd `server/storage/mvcc/revision.go`, `api/mvccpb/kv.proto`.

use bytes::Bytes;
use std::fmt;

/// The length of a record's key in the bucket: main, `_`, sub; a tombstone has a `t` after it.
const PUT_KEY_BYTES: usize = 17;

/// When a record was written: `main` counts transactions, `sub` the changes in one of them, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision {
    /// The revision as clients see it (`mod_revision`, Kubernetes' `resourceVersion`).
    pub main: u64,
    /// The place within the transaction; clients never see it.
    pub sub: u32,
}

/// One change of one key, as it stands in bucket `key`.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// When it was written.
    pub revision: Revision,
    /// Whether it says that the key was deleted.
    pub tombstone: bool,
    /// The marshalled `mvccpb.KeyValue`; of a tombstone only the key.
    pub value: Bytes,
}

/// A record's value, taken apart.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KeyValue {
    /// The key.
    pub key: Bytes,
    /// The revision at which the key came into being last.
    pub create_revision: u64,
    /// The revision of this change.
    pub mod_revision: u64,
    /// How often the key was written since it came into being, from 1.
    pub version: u64,
    /// The value.
    pub value: Bytes,
    /// The lease that it hangs on; 0 for none.
    pub lease: i64,
}

impl Record {
    /// The record of a put, as etcd writes it.
    pub fn put(revision: Revision, it: &KeyValue) -> Self {
        Self { revision, tombstone: false, value: it.encoded() }
    }

    /// The record of a deletion, as etcd writes it.
    pub fn deletion(revision: Revision, key: Bytes) -> Self {
        let value = KeyValue { key, ..KeyValue::default() }.encoded();
        Self { revision, tombstone: true, value }
    }

    /// A record from an entry of bucket `key`. The value is not looked at: see [`Record::decode`].
    ///
    /// # Errors
    /// What is wrong with the entry's key.
    pub fn from_entry(key: &[u8], value: Bytes) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("{} is no revision: {why}", shown(key)));
        let (number, tombstone) = match key.len() {
            PUT_KEY_BYTES => (key, false),
            18 if key[PUT_KEY_BYTES] == b't' => (&key[..PUT_KEY_BYTES], true),
            18 => return wrong("it ends on something else than the mark of a deletion"),
            bytes => return wrong(&format!("it has {bytes} bytes")),
        };
        if number[8] != b'_' {
            return wrong("its two numbers are not parted by an underscore");
        }
        let word = |at: usize| number[at..at + 8].iter().fold(0_u64, |n, &byte| n << 8 | u64::from(byte));
        let (main, sub) = (word(0), word(9));
        if i64::try_from(main).is_err() {
            return wrong("its first number is negative");
        }
        match u32::try_from(sub) {
            Ok(sub) => Ok(Self { revision: Revision { main, sub }, tombstone, value }),
            Err(_) => wrong("its second number is larger than any transaction"),
        }
    }

    /// The key under which it stands in bucket `key`.
    pub fn entry_key(&self) -> EntryKey {
        self.revision.entry_key(self.tombstone)
    }

    /// Takes the value apart; slices, nothing is copied.
    ///
    /// # Errors
    /// What is wrong with the value. Fields of a later etcd are passed over.
    pub fn decode(&self) -> Result<KeyValue, String> {
        KeyValue::decode(&self.value)
    }

    /// Takes the value apart, if it can be what etcd wrote at its revision. One kind has no key and an empty value: see
    /// [`crate::database::Records`].
    ///
    /// # Errors
    /// What is wrong with the value.
    pub fn checked(&self) -> Result<KeyValue, String> {
        let it = self.decode()?;
        if self.value.is_empty() && !self.tombstone {
            return Ok(it);
        }
        let main = self.revision.main;
        if it.key.is_empty() {
            return Err("it has no key".to_owned());
        }
        if self.tombstone {
            let only_key = it.version == 0 && it.create_revision == 0 && it.mod_revision == 0 && it.lease == 0;
            return match only_key && it.value.is_empty() {
                true => Ok(it),
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
        Ok(it)
    }

    /// The key of which it is a version, also where the rest of it is damaged.
    ///
    /// # Errors
    /// What is wrong where its key should be.
    pub(crate) fn key_it_stands_for(&self) -> Result<Bytes, String> {
        let key = self.key()?;
        if key.is_empty() && !self.value.is_empty() {
            return Err("it has no key".to_owned());
        }
        Ok(key)
    }

    /// The key that it is about. Quicker than [`Record::decode`] when the key stands first, as etcd writes it.
    ///
    /// # Errors
    /// As [`Record::decode`].
    pub fn key(&self) -> Result<Bytes, String> {
        if self.value.first() == Some(&0x0a) {
            let mut at = 1;
            let bytes = usize::try_from(varint(&self.value, &mut at)?).map_err(|_| "a field is too long")?;
            if let Some(end) = at.checked_add(bytes).filter(|&end| end <= self.value.len()) {
                return Ok(self.value.slice(at..end));
            }
        }
        Ok(self.decode()?.key)
    }
}

impl Revision {
    /// The bytes of a record's key in bucket `key`.
    pub fn entry_key(self, tombstone: bool) -> EntryKey {
        let mut bytes = [b't'; 18];
        bytes[..8].copy_from_slice(&self.main.to_be_bytes());
        bytes[8] = b'_';
        bytes[9..17].copy_from_slice(&u64::from(self.sub).to_be_bytes());
        EntryKey { bytes, len: if tombstone { 18 } else { PUT_KEY_BYTES } }
    }
}

/// The 17 or 18 bytes under which a record stands in bucket `key`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EntryKey {
    bytes: [u8; 18],
    len: usize,
}

impl std::ops::Deref for EntryKey {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl KeyValue {
    /// Marshals it as etcd does: fields in order, those that are zero or empty left out.
    pub fn encoded(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.key.len() + self.value.len() + 48);
        let field = |out: &mut Vec<u8>, tag: u8, bytes: &[u8]| {
            if !bytes.is_empty() {
                out.push(tag);
                put_varint(out, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
        };
        let number = |out: &mut Vec<u8>, tag: u8, n: u64| {
            if n != 0 {
                out.push(tag);
                put_varint(out, n);
            }
        };
        field(&mut out, 0x0a, &self.key);
        number(&mut out, 0x10, self.create_revision);
        number(&mut out, 0x18, self.mod_revision);
        number(&mut out, 0x20, self.version);
        field(&mut out, 0x2a, &self.value);
        number(&mut out, 0x30, self.lease.cast_unsigned());
        out.into()
    }

    /// Takes a marshalled `mvccpb.KeyValue` apart; slices, nothing is copied.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(from: &Bytes) -> Result<Self, String> {
        let mut it = Self::default();
        let mut at = 0;
        while at < from.len() {
            let tag = varint(from, &mut at)?;
            match (tag >> 3, tag & 7) {
                (field, 0) => {
                    let n = varint(from, &mut at)?;
                    match field {
                        2 => it.create_revision = n,
                        3 => it.mod_revision = n,
                        4 => it.version = n,
                        6 => it.lease = n.cast_signed(),
                        _ => {}
                    }
                }
                (field, 2) => {
                    let bytes = usize::try_from(varint(from, &mut at)?).map_err(|_| "a field is too long")?;
                    let end = at.checked_add(bytes).filter(|&end| end <= from.len());
                    let end = end.ok_or("a field is longer than the record")?;
                    match field {
                        1 => it.key = from.slice(at..end),
                        5 => it.value = from.slice(at..end),
                        _ => {}
                    }
                    at = end;
                }
                _ => return Err("it is no marshalled KeyValue".to_owned()),
            }
        }
        let numbers = [it.create_revision, it.mod_revision, it.version];
        if numbers.into_iter().any(|n| i64::try_from(n).is_err()) {
            return Err("one of its revisions is negative".to_owned());
        }
        Ok(it)
    }
}

/// Reads a base-128 varint of protocol buffers at `at`, and moves `at` behind it.
pub(crate) fn varint(from: &[u8], at: &mut usize) -> Result<u64, String> {
    let mut n = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *from.get(*at).ok_or("it ends within a number")?;
        *at += 1;
        if shift == 63 && byte > 1 {
            break;
        }
        n |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(n);
        }
    }
    Err("a number is too long".to_owned())
}

/// Appends a base-128 varint of protocol buffers.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Bytes as a person can read them: printable ones as they are, others as `\x..`, no more than the first 64.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(64)];
    let more = if cut.len() < bytes.len() { "..." } else { "" };
    format!("{}{more}", cut.escape_ascii())
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.main, self.sub)
    }
}

/// Keys only: values are what Kubernetes keeps secret.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key().map_or_else(|e| e, |key| shown(&key));
        let what = if self.tombstone { "deletion" } else { "put" };
        write!(f, "{what} of {key} at {}, {} bytes", self.revision, self.value.len())
    }
}

/// As [`Record`]'s: the key and numbers only.
impl fmt::Debug for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut it = f.debug_struct("KeyValue");
        it.field("key", &format_args!("{}", shown(&self.key)));
        it.field("create_revision", &self.create_revision)
            .field("mod_revision", &self.mod_revision);
        it.field("version", &self.version).field("value_bytes", &self.value.len());
        it.field("lease", &self.lease).finish()
    }
}

#[cfg(test)]
mod tests;
