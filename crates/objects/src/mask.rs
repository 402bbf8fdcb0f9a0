//! What is secret in an object, and is shown only when asked for. Start at [`Mask::of`].
//!
//! A Secret's data, what an annotation repeats of it, and in custom resources (Rancher keeps tokens and passwords in some) every
//! text in a field whose name says that it is one.

use crate::Object;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

/// How a hidden text is shown.
fn hidden(text: &Value) -> Value {
    match text {
        Value::String(text) => format!("(masked, {} characters)", text.chars().count()).into(),
        _ => "(masked)".into(),
    }
}

/// Annotations of Secrets that tell about them, by how they begin; all others are hidden.
const PLAIN_ANNOTATIONS: [&str; 5] = [
    "cert-manager.io/",
    "field.cattle.io/",
    "helm.sh/",
    "kubernetes.io/",
    "meta.helm.sh/",
];

/// The last words of field names that hold something secret, without `-` and `_` and in lower case.
const SECRET_NAMES: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "token",
    "secretkey",
    "secretaccesskey",
    "clientsecret",
    "apikey",
    "accesskey",
    "credential",
    "credentials",
    "rootpass",
    "applicationsecret",
    "valuescontent",
];

/// Words that tell so wherever they stand in a name.
const SECRET_WORDS: [&str; 3] = ["kubeconfig", "privatekey", "sshkey"];

/// The commands that Rancher makes for new clusters and nodes have a token in them.
const RANCHER_COMMANDS: [&str; 7] = [
    "command",
    "insecurecommand",
    "nodecommand",
    "insecurenodecommand",
    "windowsnodecommand",
    "insecurewindowsnodecommand",
    "manifesturl",
];

/// What is hidden in objects of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// Nothing.
    Nothing,
    /// All that makes up a Secret.
    Secret,
    /// What its name says that it is secret.
    ByName {
        /// Whether it is of Rancher's, whose commands have tokens in them.
        rancher: bool,
    },
}

impl Mask {
    /// That of a kind.
    pub fn of(api_version: &str, kind: &str) -> Self {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        match (group, kind) {
            ("", "Secret") => Self::Secret,
            // Kubernetes' own kinds refer to secrets by name.
            ("", _) => Self::Nothing,
            (group, _) if !group.contains('.') || group.ends_with(".k8s.io") => Self::Nothing,
            (group, _) => Self::ByName { rancher: group.ends_with("cattle.io") },
        }
    }

    /// Whether what stands at this path is hidden.
    pub fn hides(self, path: &[&str]) -> bool {
        let annotation = path
            .strip_prefix(&["metadata", "annotations"])
            .and_then(|rest| rest.first().copied());
        match (self, annotation) {
            (Self::Nothing, _) => false,
            // Many tools repeat a whole Secret in an annotation of their own, also compressed.
            (Self::Secret, Some(name)) => !PLAIN_ANNOTATIONS.iter().any(|it| name.starts_with(it)),
            (Self::Secret, None) => matches!(path.first(), Some(&("data" | "stringData"))) && path.len() > 1,
            (Self::ByName { .. }, Some(name)) => {
                let tail = name.rsplit('/').next().unwrap_or_default();
                ["applied", "original", "last-handled"].iter().any(|it| tail.contains(it))
            }
            (Self::ByName { rancher }, None) => {
                path.first() != Some(&"metadata")
                    && (path.iter().any(|name| is_secret(name, rancher)) || is_embedded(path) || is_listed(path))
            }
        }
    }

    /// A text that others wrote about the object, without what is hidden in it: an API server quotes what it does not take.
    pub fn scrub(self, object: &Object, text: &str) -> String {
        let mut secrets = Vec::new();
        self.collect(&Value::Object(object.fields.clone()), &mut Vec::new(), &mut secrets);
        // What is part of something longer comes after it.
        secrets.sort_by_key(|it| std::cmp::Reverse(it.len()));
        secrets
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "(masked)"))
    }

    fn collect<'a>(self, value: &'a Value, path: &mut Vec<&'a str>, secrets: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    path.push(name);
                    self.collect(value, path, secrets);
                    path.pop();
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.collect(item, path, secrets)),
            Value::String(text) if self.hides(path) => {
                let plain = BASE64_STANDARD.decode(text).ok().and_then(|it| String::from_utf8(it).ok());
                let found = [Some(text.clone()), plain.filter(|_| self == Self::Secret)];
                // Shorter ones stand in every text.
                secrets.extend(found.into_iter().flatten().filter(|it| it.len() >= 4));
            }
            _ => {}
        }
    }

    /// The object with everything hidden that has to be.
    pub fn apply(self, object: &Object) -> Map<String, Value> {
        let mut path = Vec::new();
        match self.value(&Value::Object(object.fields.clone()), &mut path) {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }

    /// A value that stands at a path.
    pub fn value<'a>(self, value: &'a Value, path: &mut Vec<&'a str>) -> Value {
        match value {
            Value::Object(fields) => {
                let mut out = Map::new();
                for (name, value) in fields {
                    path.push(name);
                    out.insert(name.clone(), self.value(value, path));
                    path.pop();
                }
                Value::Object(out)
            }
            Value::Array(items) => Value::Array(items.iter().map(|item| self.value(item, path)).collect()),
            Value::Null | Value::Bool(_) => value.clone(),
            _ if self.hides(path) => hidden(value),
            _ => value.clone(),
        }
    }
}

/// Whether it is the data of a Secret that a custom resource holds to make it elsewhere.
fn is_embedded(path: &[&str]) -> bool {
    path.contains(&"stringData") || path.iter().skip(1).any(|it| *it == "data")
}

/// Whether it is one of many named values, or a key among keys: the name beside it may say that it is secret.
fn is_listed(path: &[&str]) -> bool {
    let among = |words: &[&str]| {
        path.iter()
            .any(|it| words.iter().any(|word| it.to_ascii_lowercase().contains(word)))
    };
    match path.last() {
        Some(&"value") => among(&["env", "parameters", "vars"]),
        Some(&"secret") => among(&["keys"]),
        _ => false,
    }
}

fn is_secret(name: &str, rancher: bool) -> bool {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    SECRET_NAMES.iter().any(|it| plain.ends_with(it))
        || SECRET_WORDS.iter().any(|it| plain.contains(it))
        || rancher && RANCHER_COMMANDS.contains(&plain.as_str())
}

#[cfg(test)]
mod tests;
