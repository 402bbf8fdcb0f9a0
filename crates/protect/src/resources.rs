//! Objects of Kubernetes in the records of an etcd. Start at [`Look`], which counts them, reads one, compares two moments and
//! follows an object through its life, without an etcd or an API server; [`bring`] takes them back to one, and [`transplant`] prepares
//! all of them for other hosts.

pub mod bring;
mod differ;
mod find;
mod life;
pub mod transplant;

pub use differ::{Became, Difference};
pub use find::{Count, Counted, Listed, Stored};
pub use life::{Event, What};

use ::etcd::selection::{Aside, Damaged, SelectionError, Source};
use ::etcd::{FileError, KeyValue, Record};
use bytes::Bytes;
use objects::encryption::Decryption;
use objects::key::{Filter, Place};
use objects::mask::Mask;
use objects::{Content, Opaque};
use std::sync::Arc;

/// Why an object cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The records cannot be chosen or read.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// A custom resource is named without its group, and several groups have one.
    #[error("{wanted} may be any of {}", .found.join(", "))]
    Several {
        /// As it was named.
        wanted: String,
        /// The keys of all.
        found: Vec<String>,
    },
}

/// How records are read.
#[derive(Debug)]
pub struct Look {
    /// What the API server's keys begin with, without a slash at the end.
    pub registry: String,
    /// What opens values that are encrypted at rest.
    pub decryption: Decryption,
    /// Whether what is secret is shown.
    pub reveal: bool,
}

/// A moment of something that holds records.
#[derive(Clone)]
pub struct Moment {
    /// What holds them.
    pub source: Arc<dyn Source>,
    /// The revision.
    pub revision: u64,
    /// Where records are noted that are damaged; what looks goes on without them.
    pub aside: Aside,
}

/// A record's value, taken apart; of one that is damaged its key, and all of the record as its value.
#[derive(Debug)]
struct Told {
    it: KeyValue,
    damage: Option<String>,
}

/// Which records are meant.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Their keys begin so.
    pub prefix: Option<String>,
    /// Their objects are such.
    pub filter: Filter,
}

impl Look {
    /// What a key and a value say.
    pub fn read(&self, key: &[u8], value: &[u8]) -> Content {
        objects::read(key, value, &self.decryption)
    }

    /// The object that stands under a key.
    pub fn place(&self, key: &[u8]) -> Option<Place> {
        Place::of(&self.registry, key)
    }

    /// What is hidden in an object of a kind.
    pub fn mask(&self, api_version: &str, kind: &str) -> Mask {
        if self.reveal {
            Mask::Nothing
        } else {
            Mask::of(api_version, kind)
        }
    }

    /// Whether bytes that cannot be read as an object may be shown: those of a Secret, or of what nobody knows, may not.
    pub fn shows_bytes(&self, key: &[u8]) -> bool {
        let secret = key.split(|&byte| byte == b'/').any(|part| part == b"secrets");
        // Nor those of pods, whose variables may be secret.
        let plain = |resource: &str| objects::key::is_built_in(resource) && !objects::mask::is_with_pods(resource);
        self.reveal || !secret && self.place(key).is_some_and(|it| plain(&it.resource))
    }

    /// What all keys of a scope begin with: as much as can be told.
    fn prefix(&self, scope: &Scope) -> String {
        match (&scope.prefix, scope.filter.resources.as_slice()) {
            (Some(prefix), _) => prefix.clone(),
            // A custom resource may be named without its group: then it may be anywhere.
            (None, [one]) if one.contains('.') || objects::key::is_built_in(one) => {
                objects::key::prefix(&self.registry, one)
            }
            _ if scope.filter.is_open() => String::new(),
            _ => format!("{}/", self.registry),
        }
    }

    /// Whether a key belongs to a scope that [`Look::prefix`] has narrowed already.
    fn admits(&self, scope: &Scope, key: &[u8]) -> bool {
        scope.filter.is_open() || self.place(key).is_some_and(|place| scope.filter.admits(&place))
    }
}

impl Moment {
    /// All live records of a scope, taken apart, in no order.
    fn live(
        &self,
        look: &Look,
        scope: &Scope,
        mut each: impl FnMut(&Record, Told) -> Result<(), FileError>,
    ) -> Result<(), SelectionError> {
        let prefix = look.prefix(scope);
        self.source.live_under(prefix.as_bytes(), self.revision, &mut |record| {
            if !look.admits(scope, &self.key(&record)?) {
                return Ok(());
            }
            let told = self.told(&record)?;
            each(&record, told)
        })
    }

    /// A record's key.
    fn key(&self, record: &Record) -> Result<Bytes, FileError> {
        record
            .key()
            .map_err(|why| FileError::damaged(self.source.name(), format!("record {}", record.revision), why))
    }

    /// A record's value, taken apart. One that is damaged is noted.
    fn told(&self, record: &Record) -> Result<Told, FileError> {
        let why = match record.checked() {
            Ok(it) => return Ok(Told { it, damage: None }),
            Err(why) => why,
        };
        let key = self.key(record)?;
        let damaged = Damaged::record(self.source.name(), record, &*why);
        self.aside.note(Damaged { key: Some(key.clone()), ..damaged });
        let it = KeyValue { key, value: record.value.clone(), ..KeyValue::default() };
        Ok(Told { it, damage: Some(format!("its record is damaged: {why}")) })
    }
}

impl Told {
    fn content(&self, look: &Look) -> Content {
        match &self.damage {
            None => look.read(&self.it.key, &self.it.value),
            Some(why) => Content::Opaque(Opaque { why: why.clone(), kind: None, encrypted: None }),
        }
    }
}

/// A record's value, taken apart, where none may be missing.
fn apart(source: &dyn Source, record: &Record) -> Result<KeyValue, FileError> {
    record
        .decode()
        .map_err(|why| FileError::damaged(source.name(), format!("revision {}", record.revision), why))
}

#[cfg(test)]
mod tests;
