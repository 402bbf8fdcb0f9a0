//! Names for what an API server serves.

use serde_json::Value;
use std::fmt;

/// A kind of object, as an object itself states it: `apiVersion` and `kind`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KindRef {
    /// `v1` for the core group, otherwise `group/version`.
    pub api_version: String,
    /// The kind's name in CamelCase, as in `ConfigMap`.
    pub kind: String,
}

impl KindRef {
    /// A kind by its two names: `KindRef::new("apps/v1", "Deployment")`.
    pub fn new(api_version: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { api_version: api_version.into(), kind: kind.into() }
    }

    /// The kind that an object says it is; `None` when it does not say so.
    pub fn of(object: &Value) -> Option<Self> {
        Some(Self::new(object["apiVersion"].as_str()?, object["kind"].as_str()?))
    }

    /// The API group: empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }
}

impl fmt::Display for KindRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.api_version, self.kind)
    }
}

/// A kind that an API server serves, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The kind, in the version that this entry is about.
    pub kind: KindRef,
    /// The plural name that stands in its URLs, as in `configmaps`.
    pub resource: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// What can be done with it, in the API server's words: `get`, `list`, `create`, `patch`, ...
    pub verbs: Vec<String>,
}

impl Served {
    /// Whether the API server allows `verb` for this kind (rights are another matter).
    pub fn can(&self, verb: &str) -> bool {
        self.verbs.iter().any(|v| v == verb)
    }
}

/// Every listable kind of a cluster, and what could not be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "kinds under `unavailable` API versions are missing from `served`"]
pub struct Kinds {
    /// Each kind once, in the version that the API server prefers. `Event` appears twice, in the core group and in
    /// `events.k8s.io`: two doors to the same objects.
    pub served: Vec<Served>,
    /// API versions that are registered but did not answer, usually because an extension API server is down.
    pub unavailable: Vec<String>,
}
