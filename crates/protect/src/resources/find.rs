//! Counting objects, and reading one. Start at [`Look::counts`] and [`Look::find`].

use super::{Look, LookError, Moment, Scope, Told};
use ::etcd::selection::SelectionError;
use ::etcd::{KeyValue, Revision};
use objects::Content;
use objects::envelope::Envelope;
use objects::key::{Place, Wanted};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};

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

/// A key that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The revision that wrote it.
    pub revision: u64,
    /// Bytes of its value.
    pub bytes: u64,
    /// What is wrong with its record.
    pub damage: Option<String>,
}

/// What stands under a key.
#[derive(Debug)]
pub struct Stored {
    /// The record's key and its value as etcd has them; of one that is damaged, all of it as the value.
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
        at.live(self, scope, |_, told| {
            let Told { it, damage } = told;
            let place = self.place(&it.key);
            let of = place.map_or((None, None), |place| (Some(place.resource), place.namespace));
            let count = counted.entry(of).or_default();
            count.objects += 1;
            count.bytes += (it.key.len() + it.value.len()) as u64;
            if damage.is_none()
                && let Envelope::Encrypted { provider, key, .. } = Envelope::of(&it.value)
            {
                *count.encrypted.entry((provider.to_owned(), key.to_owned())).or_default() += 1;
            }
            Ok(())
        })?;
        Ok(counted)
    }

    /// The keys that are there, in their order.
    ///
    /// # Errors
    /// What reading meets.
    pub fn keys(&self, at: &Moment, scope: &Scope) -> Result<BTreeMap<Vec<u8>, Listed>, SelectionError> {
        let mut keys = BTreeMap::new();
        at.live(self, scope, |record, Told { it, damage }| {
            let (revision, bytes) = (record.revision.main, it.value.len() as u64);
            keys.insert(it.key.to_vec(), Listed { revision, bytes, damage });
            Ok(())
        })?;
        Ok(keys)
    }

    /// Reads one object; `None` if it is not there.
    ///
    /// # Errors
    /// What reading meets; [`LookError::Several`].
    pub fn find(&self, at: &Moment, wanted: &Wanted) -> Result<Option<Stored>, LookError> {
        let key = self.key_of(at, wanted)?;
        let mut found = self.under(at, &[key.as_bytes().to_vec()])?;
        Ok(found.remove(key.as_bytes()))
    }

    /// Reads several, in their order; of those that are not there, `None`.
    ///
    /// # Errors
    /// As [`Look::find`].
    pub fn find_all(&self, at: &Moment, wanted: &[Wanted]) -> Result<Vec<Option<Stored>>, LookError> {
        let keys: Vec<Vec<u8>> = wanted
            .iter()
            .map(|it| Ok(self.key_of(at, it)?.into_bytes()))
            .collect::<Result<_, LookError>>()?;
        let mut found = self.under(at, &keys)?;
        Ok(keys.iter().map(|key| found.remove(key)).collect())
    }

    /// What stands under keys: of a few, each is looked up; of more, all that begins as they do is read once.
    fn under(&self, at: &Moment, keys: &[Vec<u8>]) -> Result<HashMap<Vec<u8>, Stored>, SelectionError> {
        const FEW: usize = 3;
        let begin = |a: &[u8], b: &[u8]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
        let shared = keys.iter().skip(1).fold(keys.first().map_or(0, Vec::len), |least, key| {
            keys.first().map_or(0, |first| begin(first, key).min(least))
        });
        let together = keys.first().map(|first| first.get(..shared).unwrap_or_default().to_vec());
        let prefixes = if keys.len() > FEW {
            together.into_iter().collect()
        } else {
            keys.to_vec()
        };
        let (wanted, mut found) = (keys.iter().collect::<HashSet<_>>(), HashMap::new());
        for prefix in prefixes {
            at.source.live_under(&prefix, at.revision, &mut |record| {
                let key = at.key(&record)?.to_vec();
                if wanted.contains(&key) {
                    let told = at.told(&record)?;
                    let content = told.content(self);
                    found.insert(key, Stored { record: told.it, revision: record.revision, content });
                }
                Ok(())
            })?;
        }
        Ok(found)
    }

    /// The key that is meant: a custom resource may be named without its group.
    pub(super) fn key_of(&self, at: &Moment, wanted: &Wanted) -> Result<String, LookError> {
        let key = wanted.key(&self.registry);
        let Wanted::Place(place) = wanted else { return Ok(key) };
        if objects::key::is_built_in(&place.resource) {
            return Ok(key);
        }
        let defined = self.defined(at, &place.resource)?;
        if let [resource] = defined.as_slice() {
            let place = Place { resource: resource.clone(), ..place.clone() };
            return Ok(Wanted::Place(place).key(&self.registry));
        }
        if place.resource.contains('.') {
            return Ok(key);
        }
        let mut found = self.custom(at, place)?;
        match found.len() {
            0 => Ok(key),
            1 => Ok(found.remove(0)),
            _ => Err(LookError::Several { wanted: place.to_string(), found }),
        }
    }

    /// The resource that a person means, with its group if it is a custom one; `None` if there is none that is called so.
    ///
    /// # Errors
    /// What reading meets.
    pub fn resource(&self, at: &Moment, called: &str) -> Result<Option<String>, SelectionError> {
        if objects::key::is_built_in(called) {
            return Ok(Some(called.to_owned()));
        }
        if let [one] = self.defined(at, called)?.as_slice() {
            return Ok(Some(one.clone()));
        }
        // Of what nobody defines, there may be objects all the same, of one group or several.
        let mut there = false;
        at.source
            .live_under(format!("{}/", self.registry).as_bytes(), at.revision, &mut |record| {
                let place = self.place(&at.key(&record)?);
                there |= place.is_some_and(|it| {
                    it.resource == called || it.resource.strip_prefix(called).is_some_and(|rest| rest.starts_with('.'))
                });
                Ok(())
            })?;
        Ok(there.then(|| called.to_owned()))
    }

    /// The custom resources, with their groups, that are called so by their definitions: plural, singular, kind or short name, with the
    /// group or without.
    fn defined(&self, at: &Moment, called: &str) -> Result<Vec<String>, SelectionError> {
        let (name, group) = called
            .split_once('.')
            .map_or((called, None), |(name, group)| (name, Some(group)));
        let mut found = Vec::new();
        let definitions = objects::key::prefix(&self.registry, "customresourcedefinitions");
        at.source.live_under(definitions.as_bytes(), at.revision, &mut |record| {
            let Told { it, .. } = at.told(&record)?;
            let Content::Object(definition) = self.read(&it.key, &it.value) else {
                return Ok(());
            };
            let spec = definition.fields.get("spec").unwrap_or(&Value::Null);
            let (names, of) = (&spec["names"], spec["group"].as_str().unwrap_or_default());
            let one = ["plural", "singular", "kind"].iter().filter_map(|it| names[*it].as_str());
            let short = names["shortNames"].as_array().into_iter().flatten().filter_map(Value::as_str);
            if group.is_none_or(|it| it == of) && one.chain(short).any(|it| it.eq_ignore_ascii_case(name)) {
                found.push(format!("{}.{of}", names["plural"].as_str().unwrap_or_default()));
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The keys of custom objects that are called so in any group: all keys have to be looked at.
    fn custom(&self, at: &Moment, wanted: &Place) -> Result<Vec<String>, SelectionError> {
        let mut found = Vec::new();
        at.source
            .live_under(format!("{}/", self.registry).as_bytes(), at.revision, &mut |record| {
                let key = at.key(&record)?;
                let same = self.place(&key).is_some_and(|place| {
                    let plain = place.resource.split_once('.').map(|(plain, _)| plain);
                    plain == Some(&*wanted.resource) && place.namespace == wanted.namespace && place.name == wanted.name
                });
                if same {
                    found.push(String::from_utf8_lossy(&key).into_owned());
                }
                Ok(())
            })?;
        found.sort();
        Ok(found)
    }
}
