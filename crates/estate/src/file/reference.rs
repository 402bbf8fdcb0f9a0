//! Values with a form of their own: where a secret is found, and how long something takes.

use super::place::Placed;
use serde::{Deserialize, Deserializer, de};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where a secret is found. The file never holds the secret itself.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// `file:PATH`: the file's text, without white space around it.
    File(PathBuf),
    /// `${VARIABLE}`: the environment's.
    Env(String),
}

impl SecretRef {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("file:") {
            return (!path.is_empty()).then(|| Self::File(PathBuf::from(path)));
        }
        let name = text.strip_prefix("${")?.strip_suffix('}')?;
        let good = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        good.then(|| Self::Env(name.to_owned()))
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Env(name) => write!(f, "${{{name}}}"),
        }
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // Never the text itself: it may well be the secret.
        Self::parse(&text).ok_or_else(|| de::Error::custom(NO_SECRETS))
    }
}

/// Also tells the error's rendering that no excerpt may be shown.
pub(super) const NO_SECRETS: &str = "a secret is written as file:PATH or ${VARIABLE}, never as itself";

/// Reads `15s`, `1m 30s`, `500ms`, `2h`.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Placed<Duration>, D::Error> {
    struct Span(Duration);

    impl<'de> Deserialize<'de> for Span {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            let positive = parsed(&text).filter(|d| !d.is_zero());
            positive.map(Span).ok_or_else(|| no_length(&text))
        }
    }

    Ok(Placed::<Span>::deserialize(deserializer)?.map(|span| span.0))
}

/// Reads the same, where it may be left out.
pub(super) fn optional_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Placed<Duration>>, D::Error> {
    duration(deserializer).map(Some)
}

/// Reads the same, and `0s`.
pub(super) fn length<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parsed(&text).ok_or_else(|| no_length(&text))
}

fn parsed(text: &str) -> Option<Duration> {
    let signed: jiff::SignedDuration = text.parse().ok()?;
    Duration::try_from(signed).ok()
}

fn no_length<E: de::Error>(text: &str) -> E {
    E::custom(format!("{text:?} is not a length of time: write 15s, 500ms or 1m 30s"))
}
