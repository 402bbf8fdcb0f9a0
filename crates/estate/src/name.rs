//! The names of sites, clusters and hosts.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A name as DNS and Kubernetes allow it for a label (RFC 1123): 1 to 63 lower-case letters, digits and `-`, beginning and
/// ending with a letter or digit. So a name can stand in a host name, an object name and an object-store key unchanged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Why a text is not a [`Name`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a name: {reason}")]
pub struct InvalidName {
    text: String,
    reason: &'static str,
}

impl Name {
    /// The name of nothing, where the estate file leaves one out: no text is one.
    pub(crate) fn unset() -> Self {
        Self(String::new())
    }

    /// Whether it was left out and not filled in.
    pub(crate) fn is_unset(&self) -> bool {
        self.0.is_empty()
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let reason = if text.is_empty() {
            "it is empty"
        } else if text.len() > 63 {
            "it has more than 63 characters"
        } else if !text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
            "only lower-case letters, digits and '-' are allowed"
        } else if !edge(text.chars().next()) || !edge(text.chars().last()) {
            "it must begin and end with a letter or digit"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(InvalidName { text: text.to_owned(), reason })
    }
}

impl TryFrom<String> for Name {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
