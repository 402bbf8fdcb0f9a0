//! Whether the parts of a cluster's recovery set belong together: each pair is tested, and what is missing or does not match is
//! named. Start at [`judge`]. Pure: files and records are given, and so is the time.
//!
//! A copy of etcd alone recovers nothing. Its Secrets need the key that they are encrypted with, k3s' and RKE2's bootstrap data
//! needs the token, its objects were made for one set of CAs and signed with one key. All of these are captured apart from each
//! other, and each can be of another day than the rest. So nothing is taken for granted here: the captured key opens the captured
//! Secrets, the captured CA has signed the captured certificates. A file a pair: `encryption`, `bootstrap`, `authorities`,
//! `accounts`, `expiry`, `generation`; where each distribution has what stands in `layout`.
//!
//! Not here: reading files from hosts (`files`), records from a history (`etcd`), saying it to people.

mod accounts;
mod authorities;
mod bootstrap;
mod dates;
mod encryption;
mod expiry;
mod finding;
mod generation;
mod layout;
mod pki;
mod pod;
mod reader;
mod records;

pub use dates::{Dated, dates};
pub use finding::{Complete, Finding, Outcome, Pair};
pub use records::gathered;

use estate::Distribution;
use finding::Found;
use jiff::Timestamp;
use layout::Layout;
use reader::Reader;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;

/// What was captured of a cluster, at one moment.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// Who installed it.
    pub distribution: Distribution,
    /// Files of its control plane's hosts.
    pub files: &'a dyn CapturedFiles,
    /// What its etcd holds.
    pub records: &'a dyn Records,
    /// Now: certificates expire.
    pub now: Timestamp,
}

/// Files of hosts, as they were captured.
pub trait CapturedFiles {
    /// The names of the hosts, each once, in a fixed order.
    fn hosts(&self) -> Vec<&str>;

    /// What a file holds; `path` is absolute.
    fn get(&self, host: &str, path: &str) -> Option<&[u8]>;

    /// The absolute paths of a host's files that begin with `prefix`, in a fixed order.
    fn list(&self, host: &str, prefix: &str) -> Vec<&str>;
}

/// Takes a key and its value.
pub type Each<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// What an etcd held at a moment.
pub trait Records {
    /// The value of a key.
    ///
    /// # Errors
    /// It cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Unreadable>;

    /// Gives each key that begins with `prefix`, and its value, to `each`, until that breaks off.
    ///
    /// # Errors
    /// They cannot be read.
    fn each(&self, prefix: &[u8], each: &mut Each<'_>) -> Result<(), Unreadable>;
}

/// Why records cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(
    /// As the store of records says it.
    pub String,
);

/// Tests each pair of the set.
#[must_use]
pub fn judge(parts: &Parts<'_>) -> Complete {
    let mut found = Found::default();
    let layout = Layout::of(parts.distribution, parts.files);
    let keys = encryption::judge(parts, &layout, &mut found);
    let reader = Reader {
        records: parts.records,
        registry: &layout.registry,
        keys: &keys,
    };
    bootstrap::judge(parts, &layout, &mut found);
    authorities::judge(parts, &layout, &reader, &mut found);
    accounts::judge(parts, &layout, &reader, &mut found);
    expiry::judge(parts, &layout, &mut found);
    generation::judge(parts, &layout, &reader, &mut found);
    found.complete()
}

/// Tests only how long the certificates among `files` are good: what can be said of a host's files without its etcd.
#[must_use]
pub fn expiring(distribution: Distribution, files: &dyn CapturedFiles, now: Timestamp) -> Complete {
    let (mut found, records) = (Found::default(), BTreeMap::<Vec<u8>, Vec<u8>>::new());
    let parts = Parts { distribution, files, records: &records, now };
    expiry::judge(&parts, &Layout::of(distribution, files), &mut found);
    found.complete()
}

/// Paths and contents of each host: what is held in memory.
impl CapturedFiles for BTreeMap<String, BTreeMap<String, Vec<u8>>> {
    fn hosts(&self) -> Vec<&str> {
        self.keys().map(String::as_str).collect()
    }

    fn get(&self, host: &str, path: &str) -> Option<&[u8]> {
        BTreeMap::get(self, host)?.get(path).map(Vec::as_slice)
    }

    fn list(&self, host: &str, prefix: &str) -> Vec<&str> {
        let files = BTreeMap::get(self, host).into_iter().flat_map(BTreeMap::keys);
        files.map(String::as_str).filter(|path| path.starts_with(prefix)).collect()
    }
}

/// Keys and values: what is held in memory.
impl Records for BTreeMap<Vec<u8>, Vec<u8>> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Unreadable> {
        Ok(BTreeMap::get(self, key).cloned())
    }

    fn each(&self, prefix: &[u8], each: &mut Each<'_>) -> Result<(), Unreadable> {
        let mut under = self.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        _ = under.try_for_each(|(key, value)| each(key, value));
        Ok(())
    }
}

/// Whose parts; nothing of what they say.
impl fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "parts of a {} cluster with {} hosts", self.distribution, self.files.hosts().len())
    }
}

#[cfg(test)]
mod tests;
