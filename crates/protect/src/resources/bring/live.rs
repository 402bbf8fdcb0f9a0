//! What the cluster has now, asked for once a kind. Start at [`Live::of`].

use cluster::{Client, Error, KindRef};
use objects::Object;
use objects::revive::{Owner, owners};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap, HashSet};

/// A kind, a namespace and a name.
pub(super) type Key = (KindRef, Option<String>, String);

/// Objects that are there.
#[derive(Debug, Default)]
pub(super) struct Live {
    objects: HashMap<Key, Value>,
    /// Kinds that are not served.
    pub(super) unserved: BTreeSet<KindRef>,
    /// Kinds that are served in another version than the one that is stored.
    pub(super) instead: HashMap<KindRef, KindRef>,
    /// Namespaces that are being deleted, with all that is in them.
    ending: BTreeSet<String>,
}

impl Live {
    /// Asks for all objects of these kinds: in the namespaces that matter where they are few.
    pub(super) async fn of(client: &Client, wanted: &[&Object]) -> Result<Self, Error> {
        let mut asked: HashMap<KindRef, BTreeSet<Option<String>>> = HashMap::new();
        for object in wanted {
            let kind = KindRef::new(&*object.api_version, &*object.kind);
            asked
                .entry(kind)
                .or_default()
                .insert(object.metadata("namespace").map(str::to_owned));
        }
        let mut it = Self::default();
        let kinds = client.kinds().await?;
        for (stored, namespaces) in asked {
            // What is stored in a version that is no longer served, or not by this cluster, has another one there.
            let same = |it: &&cluster::Served| it.kind.group() == stored.group() && it.kind.kind == stored.kind;
            let listed = kinds.served.iter().find(same).map(|it| it.kind.clone());
            let kind = match client.serves(&stored).await? {
                false => listed.unwrap_or(stored.clone()),
                true => stored.clone(),
            };
            if kind != stored {
                it.instead.insert(stored.clone(), kind.clone());
            }
            let whole = namespaces.len() > 8 || namespaces.contains(&None);
            let of = if whole { BTreeSet::from([None]) } else { namespaces };
            for namespace in of {
                match client.list(&kind, namespace.as_deref()).await {
                    Ok(list) => it.add(&kind, list.items),
                    Err(Error::UnknownKind { .. }) => drop(it.unserved.insert(kind.clone())),
                    Err(other) => return Err(other),
                }
            }
        }
        it.ending = match client.list(&KindRef::new("v1", "Namespace"), None).await {
            Ok(list) => list.items.iter().filter_map(ending_namespace).collect(),
            // Who may not see them is told by the API server, object by object.
            Err(Error::Forbidden { .. }) => BTreeSet::new(),
            Err(other) => return Err(other),
        };
        Ok(it)
    }

    /// Why an object would be gone again: it is being deleted, or its namespace is.
    pub(super) fn ends(&self, object: &Object) -> Option<String> {
        let namespace = object.metadata("namespace").filter(|it| self.ending.contains(*it));
        if let Some(namespace) = namespace {
            return Some(format!("its namespace {namespace} is being deleted: again once it is gone"));
        }
        let now = self.get(object)?;
        let deleted = now["metadata"]["deletionTimestamp"].is_string() || ending_namespace(now).is_some();
        let waits: Vec<&str> = now["metadata"]["finalizers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        deleted.then(|| match waits.is_empty() {
            true => "it is being deleted: again once it is gone".to_owned(),
            false => format!("it is being deleted, and waits for {}: again once it is gone", waits.join(", ")),
        })
    }

    fn add(&mut self, kind: &KindRef, items: Vec<Value>) {
        for item in items {
            self.note(kind, item);
        }
    }

    /// An object as it is now.
    pub(super) fn note(&mut self, kind: &KindRef, item: Value) {
        let text = |name: &str| item["metadata"][name].as_str().map(str::to_owned);
        if let Some(name) = text("name") {
            self.objects.insert((kind.clone(), text("namespace"), name), item);
        }
    }

    /// Also asks for owners that are of none of these kinds, each once; what `comes` with the others need not be there.
    pub(super) async fn ask_for_owners(
        &mut self,
        client: &Client,
        wanted: &[&Object],
        comes: impl Fn(&Key) -> bool,
    ) -> Result<(), Error> {
        let mut asked = HashSet::new();
        for object in wanted {
            for owner in owners(object) {
                let kind = KindRef::new(&*owner.api_version, &*owner.kind);
                let near = object.metadata("namespace").map(str::to_owned);
                let key = (kind, near, owner.name.clone());
                let comes = comes(&key) || comes(&(key.0.clone(), None, key.2.clone()));
                if comes || self.owner(object, &owner).is_some() || !asked.insert(key.clone()) {
                    continue;
                }
                match client.get(&key.0, key.1.as_deref(), &key.2).await {
                    Ok(Some(found)) => self.note(&key.0, found),
                    Ok(None) | Err(Error::UnknownKind { .. } | Error::Incomplete { .. }) => {}
                    Err(other) => return Err(other),
                }
            }
        }
        Ok(())
    }

    /// The object in the version that the cluster serves.
    pub(super) fn served(&self, object: Object) -> Object {
        match self.instead.get(&KindRef::new(&*object.api_version, &*object.kind)) {
            None => object,
            Some(kind) => {
                let mut fields = object.fields;
                fields.insert("apiVersion".to_owned(), kind.api_version.clone().into());
                Object { api_version: kind.api_version.clone(), fields, ..object }
            }
        }
    }

    /// In which version an object was stored, if that is another one.
    pub(super) fn stored_as(&self, object: &Object) -> Option<&str> {
        let now = KindRef::new(&*object.api_version, &*object.kind);
        self.instead
            .iter()
            .find(|(_, served)| **served == now)
            .map(|(stored, _)| &*stored.api_version)
    }

    pub(super) fn get(&self, object: &Object) -> Option<&Value> {
        self.objects.get(&key(object)?)
    }

    /// The uid that an owner of an object has now, if it is among what was asked for.
    pub(super) fn owner(&self, object: &Object, owner: &Owner) -> Option<&Value> {
        let kind = KindRef::new(&*owner.api_version, &*owner.kind);
        let near = object.metadata("namespace").map(str::to_owned);
        // One that is being deleted takes with it what is its own.
        let stays = |it: &&Value| !it["metadata"]["deletionTimestamp"].is_string();
        let at = |namespace: Option<String>| self.objects.get(&(kind.clone(), namespace, owner.name.clone()));
        at(near).or_else(|| at(None)).filter(stays)
    }
}

/// The name of a namespace that is being deleted.
fn ending_namespace(it: &Value) -> Option<String> {
    let ends = it["kind"] == "Namespace" && it["metadata"]["deletionTimestamp"].is_string();
    it["metadata"]["name"].as_str().filter(|_| ends).map(str::to_owned)
}

/// Where an object is found.
pub(super) fn key(object: &Object) -> Option<Key> {
    let kind = KindRef::new(&*object.api_version, &*object.kind);
    Some((kind, object.metadata("namespace").map(str::to_owned), object.metadata("name")?.to_owned()))
}
