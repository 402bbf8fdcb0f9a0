//! Which kinds an API server serves, and under which paths.
//!
//! One request per API version, remembered: it works with every Kubernetes version and sees a new CustomResourceDefinition
//! sooner than the aggregated documents do.

use crate::failure::Failure;
use crate::path::version_path;
use crate::wire::{Call, Wire};
use crate::{Error, KindRef, Kinds, Served};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

/// How many API versions are asked for at once.
const PARALLEL: usize = 8;

/// What was learnt, by API version.
#[derive(Default)]
pub(crate) struct Discovery {
    known: Mutex<HashMap<String, Arc<[Served]>>>,
}

impl Discovery {
    /// Finds a kind; asks the API server when it is not known yet.
    pub(crate) async fn find(&self, wire: &Wire, kind: &KindRef) -> Result<Served, Error> {
        let remembered = self.known().get(&kind.api_version).cloned();
        if let Some(found) = remembered.and_then(|all| pick(&all, kind)) {
            return Ok(found);
        }
        let unknown = || Error::UnknownKind { server: wire.server.clone(), kind: kind.clone() };
        match self.learn(wire, &kind.api_version).await {
            Ok(all) => pick(&all, kind).ok_or_else(unknown),
            Err(Failure::Refused { code: 404, .. }) => Err(unknown()),
            Err(failure) => Err(failure.about(&wire.server, kind.to_string(), false)),
        }
    }

    /// Forgets an API version whose paths turned out to be gone.
    pub(crate) fn forget(&self, api_version: &str) {
        self.known().remove(api_version);
    }

    /// Every listable kind, each once, in its preferred version.
    pub(crate) async fn kinds(&self, wire: &Wire) -> Result<Kinds, Error> {
        let versions = versions(wire).await?;
        let mut answers = stream::iter(&versions)
            .map(|version| async move { (version, self.learn(wire, version).await) })
            .buffered(PARALLEL);
        let (mut kinds, mut seen) = (Kinds::default(), HashSet::new());
        while let Some((version, answer)) = answers.next().await {
            match answer {
                Ok(all) => {
                    let new =
                        |s: &&Served| s.can("list") && seen.insert((s.kind.group().to_owned(), s.resource.clone()));
                    kinds.served.extend(all.iter().filter(new).cloned());
                }
                // Gone between the two questions.
                Err(Failure::Refused { code: 404, .. }) => {}
                Err(Failure::Refused { code: 500.., .. } | Failure::Unreadable(_)) => {
                    kinds.unavailable.push(version.clone())
                }
                Err(failure) => return Err(failure.about(&wire.server, version_path(version), false)),
            }
        }
        Ok(kinds)
    }

    async fn learn(&self, wire: &Wire, api_version: &str) -> Result<Arc<[Served]>, Failure> {
        let answer = get(wire, &version_path(api_version)).await?;
        let all: Arc<[Served]> = served(api_version, &answer).into();
        self.known().insert(api_version.to_owned(), all.clone());
        Ok(all)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<[Served]>>> {
        // A panic elsewhere leaves a whole map behind: every write to it is one insert or remove.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pick(all: &[Served], kind: &KindRef) -> Option<Served> {
    all.iter().find(|s| s.kind.kind == kind.kind).cloned()
}

async fn get(wire: &Wire, path: &str) -> Result<Value, Failure> {
    wire.json(Call::get(path)).await
}

/// All API versions; within a group the preferred one first.
async fn versions(wire: &Wire) -> Result<Vec<String>, Error> {
    let roots: Vec<Value> = stream::iter(["/api", "/apis"])
        .then(|path| async move { get(wire, path).await.map_err(|f| f.about(&wire.server, path.to_owned(), false)) })
        .try_collect()
        .await?;
    let texts = |list: &Value, field: Option<&str>| -> Vec<String> {
        let text = |v: &Value| field.map_or(v, |f| &v[f]).as_str().map(str::to_owned);
        list.as_array().into_iter().flatten().filter_map(text).collect()
    };
    let mut versions: Vec<String> = roots.iter().flat_map(|root| texts(&root["versions"], None)).collect();
    for group in roots.iter().flat_map(|root| root["groups"].as_array().into_iter().flatten()) {
        let preferred = group["preferredVersion"]["groupVersion"].as_str().unwrap_or_default();
        let mut all = texts(&group["versions"], Some("groupVersion"));
        all.sort_by_key(|version| version != preferred);
        versions.extend(all);
    }
    Ok(versions)
}

/// Reads an `APIResourceList`, without subresources.
fn served(api_version: &str, list: &Value) -> Vec<Served> {
    let one = |entry: &Value| {
        let resource = entry["name"].as_str().filter(|name| !name.contains('/'))?;
        let verbs = entry["verbs"]
            .as_array()?
            .iter()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect();
        Some(Served {
            kind: KindRef::new(api_version, entry["kind"].as_str()?),
            resource: resource.to_owned(),
            namespaced: entry["namespaced"].as_bool()?,
            verbs,
        })
    };
    list["resources"].as_array().into_iter().flatten().filter_map(one).collect()
}
