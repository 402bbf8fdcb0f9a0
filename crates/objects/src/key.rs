//! Which object stands under a key of etcd, and which keys a person means. Start at [`Place::of`] and [`Wanted`].
//!
//! Kubernetes keeps a built-in object under `/registry/RESOURCE/[NAMESPACE/]NAME` and a custom one under
//! `/registry/GROUP/RESOURCE/[NAMESPACE/]NAME`; a few resources have older names. Source: `k8s.io/kubernetes`
//! `pkg/registry` (the prefixes given to stores) and `k8s.io/apiserver` `registry/generic`.

mod known;

use known::{BY_PATH, NAMES};
use std::fmt;
use std::str::FromStr;

/// What `kube-apiserver --etcd-prefix` is, unless somebody changed it.
pub const REGISTRY: &str = "/registry";

/// Which object a key holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Its resource as kubectl takes it: `deployments`, or `certificates.cert-manager.io` for a custom one.
    pub resource: String,
    /// Its namespace, if it is in one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl Place {
    /// What stands under `key`, where `registry` is the API server's prefix; `None` for keys that hold no object: those of k3s'
    /// own, or of another user of the etcd.
    pub fn of(registry: &str, key: &[u8]) -> Option<Self> {
        let path = std::str::from_utf8(key).ok()?.strip_prefix(registry)?.strip_prefix('/')?;
        let (first, rest) = path.split_once('/')?;
        let older = BY_PATH.iter().find_map(|(path_of, resource)| {
            let rest = path.strip_prefix(path_of)?.strip_prefix('/')?;
            Some(((*resource).to_owned(), rest))
        });
        let (resource, rest) = match older {
            Some(found) => found,
            None if first.contains('.') => {
                let (resource, rest) = rest.split_once('/')?;
                (format!("{resource}.{first}"), rest)
            }
            None => (first.to_owned(), rest),
        };
        let (namespace, name) = match rest.split_once('/') {
            Some((namespace, name)) => (Some(namespace.to_owned()), name),
            None => (None, rest),
        };
        (!name.is_empty()).then(|| Self { resource, namespace, name: name.to_owned() })
    }
}

/// As [`Wanted`] takes it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{}/{namespace}/{}", self.resource, self.name),
            None => write!(f, "{}/{}", self.resource, self.name),
        }
    }
}

/// An object as a person names it: `deployments/shop/web`, `nodes/a`, `certificates.cert-manager.io/shop/web`, or a key that
/// begins with `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A whole key.
    Key(String),
    /// By its resource, as [`resource`] understands it.
    Place(Place),
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with('/') {
            return Ok(Self::Key(text.to_owned()));
        }
        let parts: Vec<&str> = text.split('/').collect();
        let place = match parts.as_slice() {
            [kind, name] => Some((kind, None, name)),
            [kind, namespace, name] => Some((kind, Some(*namespace), name)),
            _ => None,
        };
        let place = place.filter(|_| parts.iter().all(|part| !part.is_empty()));
        let (kind, namespace, name) = place.ok_or(
            "it names no object: give RESOURCE/NAMESPACE/NAME, RESOURCE/NAME or a key, as in deployments/shop/web",
        )?;
        Ok(Self::Place(Place {
            resource: resource(kind),
            namespace: namespace.map(str::to_owned),
            name: (*name).to_owned(),
        }))
    }
}

impl Wanted {
    /// The key that it stands under.
    pub fn key(&self, registry: &str) -> String {
        match self {
            Self::Key(key) => key.clone(),
            Self::Place(place) => {
                let rest = match &place.namespace {
                    Some(namespace) => format!("{namespace}/{}", place.name),
                    None => place.name.clone(),
                };
                format!("{}{rest}", prefix(registry, &place.resource))
            }
        }
    }
}

/// What all keys of a resource begin with.
pub fn prefix(registry: &str, resource: &str) -> String {
    let older = BY_PATH.iter().find(|(_, it)| *it == resource);
    match (older, resource.split_once('.')) {
        (Some((path, _)), _) => format!("{registry}/{path}/"),
        (None, Some((plural, group))) => format!("{registry}/{group}/{plural}/"),
        (None, None) => format!("{registry}/{resource}/"),
    }
}

/// The resource that a person means by `deploy`, `Deployment` or `deployments.apps`.
pub fn resource(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let (plain, group) = lower
        .split_once('.')
        .map_or((lower.as_str(), ""), |(plain, group)| (plain, group));
    let known = NAMES.iter().find(|names| names.contains(&plain));
    let built_in = group.is_empty() || !group.contains('.') || group.ends_with(".k8s.io");
    match known {
        Some(names) if built_in => names.first().map_or(lower.clone(), |it| (*it).to_owned()),
        _ => lower.clone(),
    }
}

/// Whether a resource is one of Kubernetes' own.
pub fn is_built_in(resource: &str) -> bool {
    NAMES.iter().any(|names| names.first() == Some(&resource))
}

/// Which objects: all, or those that are in a namespace and of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of these resources; of any, if there are none.
    pub resources: Vec<String>,
    /// In this namespace, or it itself.
    pub namespace: Option<String>,
}

impl Filter {
    /// Whether it lets everything through.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it lets through what stands at this place.
    pub fn admits(&self, place: &Place) -> bool {
        let of = |resource: &String| {
            // Without its group, a custom resource is meant as well.
            *resource == place.resource
                || place
                    .resource
                    .strip_prefix(resource.as_str())
                    .is_some_and(|rest| rest.starts_with('.'))
        };
        let resource = self.resources.is_empty() || self.resources.iter().any(of);
        let namespace = self.namespace.as_ref().is_none_or(|wanted| {
            place.namespace.as_ref() == Some(wanted) || place.resource == "namespaces" && place.name == *wanted
        });
        resource && namespace
    }
}

#[cfg(test)]
mod tests;
