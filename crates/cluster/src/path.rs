//! URL paths of objects: pure text, safe against names that would lead elsewhere.

use crate::{Error, Served};
use std::fmt::Write;

/// What a request is about; `name: None` for a collection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) served: &'a Served,
    pub(crate) namespace: Option<&'a str>,
    pub(crate) name: Option<&'a str>,
}

impl Target<'_> {
    /// How people call it: `ConfigMap default/settings`, `Node n1`, `all Secret objects in default`.
    pub(crate) fn subject(&self) -> String {
        let kind = &self.served.kind.kind;
        match (self.namespace.filter(|_| self.served.namespaced), self.name) {
            (Some(namespace), Some(name)) => format!("{kind} {namespace}/{name}"),
            (None, Some(name)) => format!("{kind} {name}"),
            (Some(namespace), None) => format!("{kind} objects in {namespace}"),
            (None, None) => format!("{kind} objects"),
        }
    }

    /// The URL path. A namespaced kind needs its namespace unless a collection over all namespaces is meant.
    pub(crate) fn path(&self) -> Result<String, Error> {
        let mut path = version_path(&self.served.kind.api_version);
        match self.namespace.filter(|_| self.served.namespaced) {
            Some(namespace) => {
                path.push_str("/namespaces/");
                path.push_str(&self.segment(namespace)?);
            }
            None if self.served.namespaced && self.name.is_some() => {
                return Err(self.incomplete("it lives in a namespace, and none is named"));
            }
            None => {}
        }
        path.push('/');
        path.push_str(&self.segment(&self.served.resource)?);
        if let Some(name) = self.name {
            path.push('/');
            path.push_str(&self.segment(name)?);
        }
        Ok(path)
    }

    fn segment(&self, text: &str) -> Result<String, Error> {
        // Kubernetes itself forbids these; a planted copy could carry them.
        if matches!(text, "" | "." | "..") || text.contains(['/', '%']) {
            return Err(self.incomplete(&format!("{text:?} cannot be a name")));
        }
        Ok(encoded(text))
    }

    fn incomplete(&self, reason: &str) -> Error {
        Error::Incomplete { subject: self.subject(), reason: reason.to_owned() }
    }
}

/// The root of an API version: `/api/v1` or `/apis/apps/v1`.
pub(crate) fn version_path(api_version: &str) -> String {
    let root = if api_version.contains('/') { "/apis/" } else { "/api/" };
    let segments: Vec<String> = api_version.split('/').map(encoded).collect();
    format!("{root}{}", segments.join("/"))
}

/// Percent-encodes everything that may not stand in a path segment or query value.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
