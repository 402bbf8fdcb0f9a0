//! A key, and its id.

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use std::fmt;
use zeroize::Zeroizing;

/// What the id of a key is made of, before the key itself.
const ID: &[u8] = b"lifeboat/1 key\0";

/// What keys of objects are derived for.
const OBJECT: &[u8] = b"lifeboat/1 object";

/// A key's id: it tells which key sealed an object, and nothing of the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub(crate) [u8; 16]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One of a scope's keys. Never printed; its memory is cleared when it is dropped.
#[derive(Clone)]
pub(crate) struct ScopeKey {
    pub(crate) id: KeyId,
    key: Zeroizing<[u8; 32]>,
}

impl ScopeKey {
    /// A new one.
    pub(crate) fn random() -> Self {
        Self::of(Zeroizing::new(ambient::random_bytes()))
    }

    pub(crate) fn of(key: Zeroizing<[u8; 32]>) -> Self {
        let mut hash = Context::new(&SHA256);
        hash.update(ID);
        hash.update(&*key);
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finish().as_ref()[..16]);
        Self { id: KeyId(id), key }
    }

    /// The bytes, to be wrapped for recipients.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.key
    }

    /// The key of the object with this salt. `None` cannot be: the length asked for is one that there is.
    pub(crate) fn of_object(&self, salt: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
        let mut own = Zeroizing::new([0; 32]);
        let extracted = Salt::new(HKDF_SHA256, salt).extract(&*self.key);
        extracted.expand(&[OBJECT], Length).ok()?.fill(&mut *own).ok()?;
        Some(own)
    }
}

/// Thirty-two bytes.
struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        32
    }
}
