//! What is secret in an object, and is shown only when asked for. Start at [`Mask::of`].
//!
//! A Secret's data, what an annotation repeats of it, and in custom resources (Rancher keeps tokens and passwords in some) every
//! text in a field whose name says that it is one.

use crate::Object;
use serde_json::{Map, Value};

/// How a hidden text is shown.
fn hidden(text: &Value) -> Value {
    match text {
        Value::String(text) => format!("(masked, {} characters)", text.chars().count()).into(),
        _ => "(masked)".into(),
    }
}

/// What `kubectl apply` repeats an object in.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The last words of field names that hold something secret, without `-` and `_` and in lower case.
const SECRET_NAMES: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "token",
    "secretkey",
    "secretaccesskey",
    "clientsecret",
    "privatekey",
    "apikey",
    "accesskey",
    "credential",
    "credentials",
    "kubeconfig",
];

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
        let repeated = path.starts_with(&["metadata", "annotations", LAST_APPLIED]);
        match self {
            Self::Nothing => false,
            Self::Secret => repeated || matches!(path.first(), Some(&("data" | "stringData"))) && path.len() > 1,
            Self::ByName { rancher } => {
                let in_body = path.first().is_none_or(|it| *it != "metadata");
                repeated || in_body && path.iter().any(|name| is_secret(name, rancher))
            }
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

fn is_secret(name: &str, rancher: bool) -> bool {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    SECRET_NAMES.iter().any(|it| plain.ends_with(it)) || rancher && RANCHER_COMMANDS.contains(&plain.as_str())
}

#[cfg(test)]
mod tests;
