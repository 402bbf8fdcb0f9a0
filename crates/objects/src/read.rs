//! From a key and a value of etcd to an object. Start at [`read`].

use crate::definition::today;
use crate::encryption::{Decryption, Sealed};
use crate::envelope::Envelope;
use crate::proto;
use crate::schema::Schema;
use serde_json::{Map, Value};
use std::fmt;

/// What a value says.
#[derive(Debug)]
pub enum Content {
    /// An object.
    Object(Object),
    /// Something that cannot be read, and why.
    Opaque(Opaque),
}

/// An object of Kubernetes, as an API server that read it would write it as JSON.
#[derive(Clone, PartialEq)]
pub struct Object {
    /// As in `apps/v1`.
    pub api_version: String,
    /// As in `Deployment`.
    pub kind: String,
    /// All of it, `apiVersion` and `kind` too. Without `metadata.resourceVersion`, which is the record's revision.
    pub fields: Map<String, Value>,
    /// How it is encrypted at rest: the provider and the key's name.
    pub encrypted: Option<(String, String)>,
    /// Fields of a later Kubernetes, which are not in `fields`: names, and at last a number.
    pub unknown: Vec<String>,
}

/// A value that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opaque {
    /// Why.
    pub why: String,
    /// What kind it is said to be: API version and kind.
    pub kind: Option<(String, String)>,
    /// How it is encrypted at rest: the provider and the key's name.
    pub encrypted: Option<(String, String)>,
}

/// Reads what stands under a key.
pub fn read(key: &[u8], value: &[u8], decryption: &Decryption) -> Content {
    match Envelope::of(value) {
        Envelope::Encrypted { provider, version, key: name, sealed } => {
            let encrypted = Some((provider.to_owned(), name.to_owned()));
            let opened = match version {
                _ if provider == "kms" => Err(Sealed::Kms { plugin: name.to_owned() }.to_string()),
                "v1" => decryption.open(key, provider, name, sealed).map_err(|it| it.to_string()),
                other => Err(format!("it is encrypted with {provider} {other}, which is not known")),
            };
            match opened {
                Ok(opened) => with(encrypted, plain(&opened)),
                Err(why) => Content::Opaque(Opaque { why, kind: None, encrypted }),
            }
        }
        _ => plain(value),
    }
}

fn with(of: Option<(String, String)>, mut content: Content) -> Content {
    match &mut content {
        Content::Object(it) => it.encrypted = of,
        Content::Opaque(it) => it.encrypted = of,
    }
    content
}

fn plain(value: &[u8]) -> Content {
    let opaque = |why: &str, kind: Option<(&str, &str)>| {
        let kind = kind.map(|(version, kind)| (version.to_owned(), kind.to_owned()));
        Content::Opaque(Opaque { why: why.to_owned(), kind, encrypted: None })
    };
    match Envelope::of(value) {
        Envelope::Json(text) => match serde_json::from_slice(text) {
            Ok(fields) => json(today(fields)),
            Err(why) => opaque(&format!("its JSON is damaged: {}", place(&why)), None),
        },
        Envelope::Protobuf { api_version, kind, message } => {
            let schema = Schema::kubernetes();
            let Some(shape) = schema.kind(api_version, kind) else {
                let why = format!("{kind} of {api_version} is not known here");
                return opaque(&why, Some((api_version, kind)));
            };
            match proto::decode(schema, shape, message) {
                Ok(it) => Content::Object(object(api_version, kind, it.value, it.unknown)),
                Err(why) => opaque(&format!("its message is damaged: {why}"), Some((api_version, kind))),
            }
        }
        Envelope::Encrypted { .. } => opaque("it is encrypted twice", None),
        Envelope::Other(why) => opaque(why, None),
    }
}

/// Where JSON is wrong; the parser's own words may quote what stands there.
fn place(error: &serde_json::Error) -> String {
    let deep = error.to_string().starts_with("recursion limit");
    let why = if deep { "it is nested too deeply, " } else { "" };
    format!("{why}line {}, column {}", error.line(), error.column())
}

fn json(fields: Map<String, Value>) -> Content {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if kind.is_empty() {
        let why = "it is JSON, but no object of Kubernetes".to_owned();
        return Content::Opaque(Opaque { why, kind: None, encrypted: None });
    }
    Content::Object(Object {
        api_version,
        kind,
        fields,
        encrypted: None,
        unknown: Vec::new(),
    })
}

fn object(api_version: &str, kind: &str, fields: Map<String, Value>, unknown: Vec<String>) -> Object {
    let mut all = Map::new();
    all.insert("apiVersion".to_owned(), api_version.into());
    all.insert("kind".to_owned(), kind.into());
    all.extend(fields);
    Object {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        fields: all,
        encrypted: None,
        unknown,
    }
}

impl Object {
    /// A field of its metadata, if it is a text.
    pub fn metadata(&self, name: &str) -> Option<&str> {
        self.fields.get("metadata")?.get(name)?.as_str()
    }

    /// Its API group; empty for the core.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }
}

/// What it is; nothing of what it says.
impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (namespace, name) = (self.metadata("namespace"), self.metadata("name"));
        write!(f, "{} {} {namespace:?}/{name:?}", self.api_version, self.kind)
    }
}

#[cfg(test)]
mod tests;
