//! Objects in the records, opened with the captured keys. Start at [`Reader::object`].

use super::{Records, Unreadable};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use objects::encryption::Decryption;
use objects::{Content, Object};
use std::ops::ControlFlow;

/// Reads objects.
pub(super) struct Reader<'a> {
    pub(super) records: &'a dyn Records,
    /// What the API server's keys begin with.
    pub(super) registry: &'a str,
    /// The captured EncryptionConfigurations.
    pub(super) keys: &'a [Decryption],
}

impl Reader<'_> {
    /// One object, by what its key ends with; nothing if it is not there or cannot be read.
    pub(super) fn object(&self, path: &str) -> Result<Option<Object>, Unreadable> {
        let key = format!("{}/{path}", self.registry).into_bytes();
        let value = self.records.get(&key)?;
        Ok(value.and_then(|value| self.read(&key, &value)))
    }

    /// All objects of a resource that can be read.
    pub(super) fn all(&self, resource: &str, mut each: impl FnMut(&Object)) -> Result<(), Unreadable> {
        let prefix = format!("{}/{resource}/", self.registry);
        self.records.each(prefix.as_bytes(), &mut |key, value| {
            if let Some(object) = self.read(key, value) {
                each(&object);
            }
            ControlFlow::Continue(())
        })
    }

    fn read(&self, key: &[u8], value: &[u8]) -> Option<Object> {
        let none = Decryption::default();
        let mut given = self.keys.iter().chain([&none]);
        given.find_map(|keys| match objects::read(key, value, keys) {
            Content::Object(it) => Some(it),
            Content::Opaque(_) => None,
        })
    }
}

/// A value of a ConfigMap.
pub(super) fn data<'a>(config: &'a Object, name: &str) -> Option<&'a str> {
    config.fields.get("data")?.get(name)?.as_str()
}

/// A value of a Secret.
pub(super) fn secret(secret: &Object, name: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(data(secret, name)?).ok()
}
