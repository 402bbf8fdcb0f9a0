//! What changed between two moments, by object. Start at [`Look::differences`].

use super::{Look, Moment, Scope, Told};
use ::etcd::selection::SelectionError;
use objects::Content;
use objects::changes::Change;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// An object that is not the same at two moments.
#[derive(Debug)]
pub struct Difference {
    /// Its key.
    pub key: Vec<u8>,
    /// What became of it.
    pub what: Became,
    /// The revision that made it what it is at the second moment, if that is known.
    pub revision: Option<u64>,
    /// Which fields changed, if that was asked for.
    pub changes: Vec<Change>,
    /// Why it cannot be read, at one of the two.
    pub unreadable: Option<String>,
}

/// What became of an object between two moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// It came.
    Created,
    /// It is another one, or otherwise.
    Changed,
    /// It went.
    Deleted,
}

/// A difference that is being found: of a changed object, its value at the second moment.
struct Found {
    difference: Difference,
    after: Option<Vec<u8>>,
}

impl Look {
    /// The objects that are not the same, by their keys; with `fields`, also which fields changed. What was written again as it was,
    /// or encrypted anew, is the same. Values are kept of changed objects only, until they are compared.
    ///
    /// # Errors
    /// What reading meets.
    pub fn differences(
        &self,
        from: &Moment,
        to: &Moment,
        scope: &Scope,
        fields: bool,
    ) -> Result<Vec<Difference>, SelectionError> {
        let hasher = RandomState::new();
        let mut first = HashMap::new();
        from.live(self, scope, |_, Told { it, .. }| {
            first.insert(it.key.to_vec(), hasher.hash_one(&it.value));
            Ok(())
        })?;
        let mut found = BTreeMap::new();
        to.live(self, scope, |record, told| {
            let it = &told.it;
            let before = first.remove(&*it.key);
            if before != Some(hasher.hash_one(&it.value)) {
                let what = if before.is_some() {
                    Became::Changed
                } else {
                    Became::Created
                };
                let mut difference = Difference::new(&it.key, what, Some(record.revision.main));
                if let Content::Opaque(it) = told.content(self) {
                    difference.unreadable = Some(it.why);
                }
                // What is damaged cannot be compared.
                let after = (before.is_some() && told.damage.is_none()).then(|| it.value.to_vec());
                found.insert(it.key.to_vec(), Found { difference, after });
            }
            Ok(())
        })?;
        // Those that were there at first only.
        for key in first.into_keys() {
            let difference = Difference::new(&key, Became::Deleted, None);
            found.insert(key, Found { difference, after: None });
        }
        let mut same = Vec::new();
        if found.values().any(|it| it.after.is_some()) {
            from.live(self, scope, |_, told| {
                let it = &told.it;
                let Some(Found { difference, after }) = found.get_mut(&*it.key) else {
                    return Ok(());
                };
                let Some(after) = after.take() else { return Ok(()) };
                match (told.content(self), self.read(&it.key, &after)) {
                    (Content::Object(before), Content::Object(after)) if before.fields == after.fields => {
                        same.push(it.key.to_vec());
                    }
                    (Content::Object(before), Content::Object(after)) if fields => {
                        difference.changes = self.changes(&before, &after);
                    }
                    (Content::Opaque(why), _) | (_, Content::Opaque(why)) => difference.unreadable = Some(why.why),
                    _ => {}
                }
                Ok(())
            })?;
        }
        for key in same {
            found.remove(&key);
        }
        self.when(from, to, scope, &mut found)?;
        Ok(found.into_values().map(|it| it.difference).collect())
    }

    /// Fills in which revision ended what is gone, where the second moment follows the first.
    fn when(
        &self,
        from: &Moment,
        to: &Moment,
        scope: &Scope,
        found: &mut BTreeMap<Vec<u8>, Found>,
    ) -> Result<(), SelectionError> {
        let follows = Arc::ptr_eq(&from.source, &to.source) && from.revision < to.revision;
        if !follows || found.values().all(|it| it.difference.what != Became::Deleted) {
            return Ok(());
        }
        let prefix = self.prefix(scope);
        let noted = to
            .source
            .versions_under(prefix.as_bytes(), from.revision, to.revision, &mut |record| {
                if record.tombstone
                    && let Ok(key) = record.key()
                    && let Some(it) = found.get_mut(&*key).filter(|it| it.difference.what == Became::Deleted)
                {
                    it.difference.revision = it.difference.revision.max(Some(record.revision.main));
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
    fn new(key: &[u8], what: Became, revision: Option<u64>) -> Self {
        Self {
            key: key.to_vec(),
            what,
            revision,
            changes: Vec::new(),
            unreadable: None,
        }
    }
}
