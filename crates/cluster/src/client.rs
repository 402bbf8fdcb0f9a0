//! The client, and what can be read through it; `write.rs` has what it changes.

use crate::discovery::Discovery;
use crate::failure::{Failure, cut};
use crate::path::{Target, encoded};
use crate::wire::{Call, REQUEST_LIMIT, Wire};
use crate::{Error, KindRef, Kinds, kubeconfig};
use http::Method;
use serde_json::Value;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Objects asked for in one page of a list.
const PAGE: usize = 500;

/// How often a paged list is begun again when its snapshot has expired, before it is asked for in one piece.
const LIST_RESTARTS: usize = 3;

/// A cluster's API server. Cheap to clone; clones share connections and what is known about kinds.
///
/// Guarantees: a request ends within 60 s (5 s for [`Client::ready`] and [`Client::version`], and when no connection can be
/// made), unless an overloaded server answers it with 429: then it is repeated, four times at most. A request that failed
/// with [`Error::Unreachable`] or [`Error::Answer`] may have been carried out; after all others it was not.
///
/// Caveats: connections are kept for 90 s, so after the server's name has moved to another address make a new client; and a
/// credential plugin named in the kubeconfig is run while the client is made.
#[derive(Clone)]
pub struct Client {
    pub(crate) wire: Wire,
    pub(crate) discovery: Arc<Discovery>,
}

/// The objects of one kind at one moment.
#[derive(Clone, Debug)]
pub struct List {
    /// The objects, each with `apiVersion` and `kind` (which the API server leaves out within lists).
    pub items: Vec<Value>,
    /// The moment, as the API server counts them: watches may begin here.
    pub resource_version: String,
}

impl Client {
    /// Connects (lazily) as the current context of a kubeconfig file says. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Kubeconfig`] when the file cannot be read or used, [`Error::Forbidden`] never: rights show later.
    pub async fn from_kubeconfig(path: &Path) -> Result<Self, Error> {
        Self::new(&path.display().to_string(), kubeconfig::from_file(path).await?)
    }

    /// Like [`Client::from_kubeconfig`], from text: relative paths in it are taken from the working directory.
    ///
    /// # Errors
    /// [`Error::Kubeconfig`] when the text cannot be used.
    pub async fn from_kubeconfig_text(text: &str) -> Result<Self, Error> {
        let place = "given as text";
        Self::new(place, kubeconfig::from_text(place, text).await?)
    }

    fn new(place: &str, config: kube::Config) -> Result<Self, Error> {
        Ok(Self { wire: Wire::new(place, config)?, discovery: Arc::default() })
    }

    /// The API server's URL, without credentials.
    pub fn server(&self) -> &str {
        &self.wire.server
    }

    /// Asks whether the API server is ready to serve (`/readyz`).
    ///
    /// # Errors
    /// [`Error::NotReady`] with the failing checks, [`Error::Unreachable`], [`Error::Untrusted`], [`Error::Forbidden`].
    pub async fn ready(&self) -> Result<(), Error> {
        match self.wire.bytes(Call::probe("/readyz?verbose")).await {
            Ok(_) => Ok(()),
            Err(Failure::Refused { code: 500.., message, .. }) => {
                let failing: Vec<&str> = message.split_whitespace().filter_map(|w| w.strip_prefix("[-]")).collect();
                let told = format!("failing checks: {}", failing.join(", "));
                let reason = cut(if failing.is_empty() { &message } else { &told });
                Err(Error::NotReady { server: self.wire.server.clone(), reason })
            }
            Err(failure) => Err(failure.about(&self.wire.server, "/readyz".to_owned(), false)),
        }
    }

    /// The Kubernetes version, as in `v1.36.3`.
    ///
    /// # Errors
    /// As every request; [`Error::Answer`] when it is not a Kubernetes API server.
    pub async fn version(&self) -> Result<String, Error> {
        let about = |f: Failure| f.about(&self.wire.server, "/version".to_owned(), false);
        let answer = self.wire.json(Call::probe("/version")).await.map_err(about)?;
        let missing = || about(Failure::Unreadable("it has no gitVersion".to_owned()));
        answer["gitVersion"].as_str().map(str::to_owned).ok_or_else(missing)
    }

    /// Every listable kind, each once, in its preferred version. Asks anew every time.
    ///
    /// # Errors
    /// When the API server does not answer; extension API servers that do not are told in [`Kinds::unavailable`].
    pub async fn kinds(&self) -> Result<Kinds, Error> {
        self.discovery.kinds(&self.wire).await
    }

    /// Whether a kind is served in this version.
    ///
    /// # Errors
    /// As every request.
    pub async fn serves(&self, kind: &KindRef) -> Result<bool, Error> {
        match self.discovery.find(&self.wire, kind).await {
            Ok(_) => Ok(true),
            Err(Error::UnknownKind { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Reads an object; `None` when it is not there. `namespace` is ignored for kinds that have none.
    ///
    /// # Errors
    /// [`Error::UnknownKind`], and as every request.
    pub async fn get(&self, kind: &KindRef, namespace: Option<&str>, name: &str) -> Result<Option<Value>, Error> {
        match self.send(kind, namespace, Some(name), Method::GET, "", None).await {
            Err(Error::NotFound { .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Reads all objects of a kind, in one namespace or in all, as they were at one moment.
    ///
    /// # Errors
    /// [`Error::UnknownKind`], and as every request.
    pub async fn list(&self, kind: &KindRef, namespace: Option<&str>) -> Result<List, Error> {
        for _ in 0..=LIST_RESTARTS {
            match self.pages(kind, namespace, &format!("limit={PAGE}")).await {
                // The API server has compacted past the moment that the first page was read at.
                Err(Error::Conflict { .. }) => {}
                other => return other,
            }
        }
        self.pages(kind, namespace, "").await
    }

    async fn pages(&self, kind: &KindRef, namespace: Option<&str>, limit: &str) -> Result<List, Error> {
        let mut list = List { items: Vec::new(), resource_version: String::new() };
        let mut query = format!("?{limit}");
        loop {
            let mut page = self.send(kind, namespace, None, Method::GET, &query, None).await?;
            if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
                list.items.extend(items.into_iter().map(|item| with_kind(item, kind)));
            }
            // All pages of one snapshot bear its resourceVersion.
            list.resource_version = page["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
            match page["metadata"]["continue"].as_str() {
                Some(next) if !next.is_empty() => query = format!("?{limit}&continue={}", encoded(next)),
                _ => return Ok(list),
            }
        }
    }

    pub(crate) async fn send(
        &self,
        kind: &KindRef,
        namespace: Option<&str>,
        name: Option<&str>,
        method: Method,
        rest: &str,
        body: Option<(&'static str, &Value)>,
    ) -> Result<Value, Error> {
        let served = self.discovery.find(&self.wire, kind).await?;
        let target = Target { served: &served, namespace, name };
        let path = target.path()? + rest;
        self.wire
            .json(Call { method, path: &path, body, limit: REQUEST_LIMIT })
            .await
            .map_err(|failure| {
                if failure.is_unserved() {
                    self.discovery.forget(&kind.api_version);
                }
                let secret = kind.group().is_empty() && served.resource == "secrets";
                failure.about(&self.wire.server, target.subject(), secret)
            })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("server", &self.wire.server)
            .finish_non_exhaustive()
    }
}

fn with_kind(mut item: Value, kind: &KindRef) -> Value {
    if let Some(fields) = item.as_object_mut() {
        fields.insert("apiVersion".to_owned(), Value::from(kind.api_version.as_str()));
        fields.insert("kind".to_owned(), Value::from(kind.kind.as_str()));
    }
    item
}
