//! What changed between two moments, by object. Start at [`Look::differences`].

use super::{Look, Moment, Scope};
use ::etcd::selection::SelectionError;
use objects::Content;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// An object that is not the same at two moments.
#[derive(Debug)]
pub struct Difference {
    /// Its key.
    pub key: Vec<u8>,
    /// At the first moment, if it was there.
    pub before: Option<Side>,
    /// At the second one, if it is there.
    pub after: Option<Side>,
    /// The revision that made it what it is at the second moment, if that is known.
    pub revision: Option<u64>,
}

/// An object at one of two moments.
#[derive(Debug)]
pub struct Side {
    /// The revision that wrote it.
    pub revision: u64,
    /// What it says.
    pub content: Content,
}

impl Look {
    /// The objects that are not the same, by their keys. What was written again as it was is the same.
    ///
    /// # Errors
    /// What reading meets.
    pub fn differences(&self, from: &Moment, to: &Moment, scope: &Scope) -> Result<Vec<Difference>, SelectionError> {
        let hasher = RandomState::new();
        let mut first = HashMap::new();
        from.live(self, scope, |_, it| {
            first.insert(it.key.to_vec(), hasher.hash_one(&it.value));
            Ok(())
        })?;
        let mut found = BTreeMap::new();
        to.live(self, scope, |record, it| {
            if first.remove(&*it.key) != Some(hasher.hash_one(&it.value)) {
                let side = Side {
                    revision: record.revision.main,
                    content: self.read(&it.key, &it.value),
                };
                found.insert(it.key.to_vec(), Difference::new(&it.key, Some(side)));
            }
            Ok(())
        })?;
        // Those that were there at first only.
        for key in first.into_keys() {
            let gone = Difference::new(&key, None);
            found.insert(key, gone);
        }
        if found.is_empty() {
            return Ok(Vec::new());
        }
        from.live(self, scope, |record, it| {
            if let Some(difference) = found.get_mut(&*it.key) {
                difference.before = Some(Side {
                    revision: record.revision.main,
                    content: self.read(&it.key, &it.value),
                });
            }
            Ok(())
        })?;
        // Encrypted anew, it is other bytes and the same object.
        found.retain(|_, it| match (&it.before, &it.after) {
            (Some(before), Some(after)) => match (&before.content, &after.content) {
                (Content::Object(before), Content::Object(after)) => before.fields != after.fields,
                _ => true,
            },
            _ => true,
        });
        self.when(from, to, scope, &mut found)?;
        Ok(found.into_values().collect())
    }

    /// Fills in which revision ended what is gone, where the second moment follows the first.
    fn when(
        &self,
        from: &Moment,
        to: &Moment,
        scope: &Scope,
        found: &mut BTreeMap<Vec<u8>, Difference>,
    ) -> Result<(), SelectionError> {
        let follows = Arc::ptr_eq(&from.source, &to.source) && from.revision < to.revision;
        if !follows || found.values().all(|it| it.after.is_some()) {
            return Ok(());
        }
        let prefix = self.prefix(scope);
        let noted = to
            .source
            .versions_under(prefix.as_bytes(), from.revision, to.revision, &mut |record| {
                if record.tombstone
                    && let Ok(key) = record.key()
                    && let Some(it) = found.get_mut(&*key).filter(|it| it.after.is_none())
                {
                    it.revision = it.revision.max(Some(record.revision.main));
                }
                Ok(())
            });
        match noted {
            // What was compacted away in between: then it is not known when.
            Err(SelectionError::Compacted { .. }) => Ok(()),
            other => other,
        }
    }
}

impl Difference {
    fn new(key: &[u8], after: Option<Side>) -> Self {
        let revision = after.as_ref().map(|it| it.revision);
        Self { key: key.to_vec(), before: None, after, revision }
    }
}
