//! How each record stands, when records come newest first. Start at [`Standings::of`].
//!
//! Of what has passed, only the keys are remembered, as 128-bit hashes under a key of this walk: whoever writes to etcd
//! cannot choose names of which two look the same, and a billion keys collide once in 10^20 walks.

use super::Standing;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// The hash of a key.
pub(crate) type KeyHash = u128;

/// Hashes keys; one for a walk.
#[derive(Clone)]
pub(crate) struct KeyHasher([u8; 32]);

impl KeyHasher {
    /// With a secret of its own.
    pub(crate) fn new() -> Self {
        Self(ambient::random_bytes())
    }

    /// The hash of a key.
    pub(crate) fn hash(&self, key: &[u8]) -> KeyHash {
        let hash = blake3::keyed_hash(&self.0, key);
        hash.as_bytes().iter().take(16).fold(0, |n, &byte| n << 8 | KeyHash::from(byte))
    }
}

/// A set of keys; 17 to 37 bytes for each.
#[derive(Default)]
pub(crate) struct KeySet(HashSet<KeyHash, BuildHasherDefault<Already>>);

impl KeySet {
    /// Whether it was not in the set before.
    pub(crate) fn insert(&mut self, key: KeyHash) -> bool {
        self.0.insert(key)
    }

    pub(crate) fn note(&mut self, key: KeyHash) {
        self.0.insert(key);
    }

    pub(crate) fn contains(&self, key: KeyHash) -> bool {
        !self.0.is_empty() && self.0.contains(&key)
    }
}

/// The hasher of what is a hash already.
#[derive(Default)]
pub(crate) struct Already(u64);

impl Hasher for Already {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |n, &byte| n << 8 | u64::from(byte));
    }

    fn write_u128(&mut self, n: u128) {
        self.0 = n as u64;
    }
}

/// Says how records stand to a floor and a revision.
pub(super) struct Standings {
    pub(super) floor: u64,
    pub(super) revision: u64,
    above: KeySet,
    below: KeySet,
}

impl Standings {
    pub(super) fn new(floor: u64, revision: u64) -> Self {
        Self {
            floor,
            revision,
            above: KeySet::default(),
            below: KeySet::default(),
        }
    }

    /// How a record stands, or `None` if it does not matter; of each key, they must come newest first.
    pub(super) fn of(&mut self, main: u64, tombstone: bool, key: KeyHash) -> Option<Standing> {
        let standing = self.of_last(main, tombstone, key);
        self.pass(main, key);
        standing
    }

    /// The same for a record after which none of its key comes.
    pub(super) fn of_last(&self, main: u64, tombstone: bool, key: KeyHash) -> Option<Standing> {
        if main > self.revision {
            return None;
        }
        let live = !tombstone && !self.above.contains(key);
        if main > self.floor {
            return Some(Standing { live, kept: true });
        }
        (!tombstone && !self.below.contains(key)).then_some(Standing { live, kept: true })
    }

    /// Notes that a key was changed at a revision.
    pub(super) fn pass(&mut self, main: u64, key: KeyHash) {
        if main > self.revision {
            return;
        }
        let set = if main > self.floor {
            &mut self.above
        } else {
            &mut self.below
        };
        set.note(key);
    }
}
