//! Counting objects, and reading one. Start at [`Look::counts`] and [`Look::find`].

use super::{Look, Moment, Scope};
use ::etcd::selection::SelectionError;
use ::etcd::{KeyValue, Revision};
use objects::Content;
use objects::envelope::Envelope;
use objects::key::Wanted;
use std::collections::BTreeMap;

/// How many objects, by resource and namespace. What is no object of Kubernetes has no resource.
pub type Counted = BTreeMap<(Option<String>, Option<String>), Count>;

/// Objects of one resource in one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub objects: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// Of those, how many are encrypted at rest: by provider and key.
    pub encrypted: BTreeMap<(String, String), u64>,
}

/// What stands under a key.
#[derive(Debug)]
pub struct Stored {
    /// The record's key and its value as etcd has them.
    pub record: KeyValue,
    /// When it was written.
    pub revision: Revision,
    /// What it says.
    pub content: Content,
}

impl Look {
    /// Counts what is there.
    ///
    /// # Errors
    /// What reading meets.
    pub fn counts(&self, at: &Moment, scope: &Scope) -> Result<Counted, SelectionError> {
        let mut counted = Counted::new();
        at.live(self, scope, |_, it| {
            let place = self.place(&it.key);
            let of = place.map_or((None, None), |place| (Some(place.resource), place.namespace));
            let count = counted.entry(of).or_default();
            count.objects += 1;
            count.bytes += (it.key.len() + it.value.len()) as u64;
            if let Envelope::Encrypted { provider, key, .. } = Envelope::of(&it.value) {
                *count.encrypted.entry((provider.to_owned(), key.to_owned())).or_default() += 1;
            }
            Ok(())
        })?;
        Ok(counted)
    }

    /// The keys that are there, in their order, each with its revision and the bytes of its value.
    ///
    /// # Errors
    /// What reading meets.
    pub fn keys(&self, at: &Moment, scope: &Scope) -> Result<BTreeMap<Vec<u8>, (u64, u64)>, SelectionError> {
        let mut keys = BTreeMap::new();
        at.live(self, scope, |record, it| {
            keys.insert(it.key.to_vec(), (record.revision.main, it.value.len() as u64));
            Ok(())
        })?;
        Ok(keys)
    }

    /// Reads one object; `None` if it is not there.
    ///
    /// # Errors
    /// What reading meets.
    pub fn find(&self, at: &Moment, wanted: &Wanted) -> Result<Option<Stored>, SelectionError> {
        let found = self.under(at, &wanted.key(&self.registry))?;
        match (found, wanted) {
            (None, Wanted::Place(place)) if self.may_be_custom(&place.resource) => match self.custom(at, wanted)? {
                Some(key) => self.under(at, &key),
                None => Ok(None),
            },
            (found, _) => Ok(found),
        }
    }

    fn under(&self, at: &Moment, key: &str) -> Result<Option<Stored>, SelectionError> {
        let mut found = None;
        at.source.live_under(key.as_bytes(), at.revision, &mut |record| {
            let it = super::apart(&*at.source, &record)?;
            if *it.key == *key.as_bytes() {
                let content = self.read(&it.key, &it.value);
                found = Some(Stored { record: it, revision: record.revision, content });
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Whether a resource may be a custom one that was named without its group.
    pub(super) fn may_be_custom(&self, resource: &str) -> bool {
        !resource.contains('.') && !objects::key::is_built_in(resource)
    }

    /// The key of a custom object that was named without its group: all keys have to be looked at.
    pub(super) fn custom(&self, at: &Moment, wanted: &Wanted) -> Result<Option<String>, SelectionError> {
        let Wanted::Place(wanted) = wanted else { return Ok(None) };
        let mut found = None;
        at.source
            .live_under(format!("{}/", self.registry).as_bytes(), at.revision, &mut |record| {
                let it = super::apart(&*at.source, &record)?;
                let same = self.place(&it.key).is_some_and(|place| {
                    let plain = place.resource.split_once('.').map(|(plain, _)| plain);
                    plain == Some(&*wanted.resource) && place.namespace == wanted.namespace && place.name == wanted.name
                });
                if same {
                    found = Some(String::from_utf8_lossy(&it.key).into_owned());
                }
                Ok(())
            })?;
        Ok(found)
    }
}
