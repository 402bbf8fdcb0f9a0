//! One line of what was looked at. Start at [`Finding`].

use crate::Trouble;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What was looked at, how it is, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How it is.
    pub state: State,
    /// What was looked at, as in `etcd of shop`.
    pub what: String,
    /// What was found.
    pub found: String,
    /// The code of its page, where something is wrong that has one.
    pub code: Option<String>,
    /// What to do about it; nothing where nothing is to be done.
    pub next: Option<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// As it must be.
    Ok,
    /// It works, and somebody should know of something.
    Warn,
    /// A person has to do something.
    Fail,
    /// It could not be found out from here.
    Unknown,
}

impl Finding {
    /// It is as it must be.
    pub fn ok(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(State::Ok, what, found, None)
    }

    /// It works, and somebody should do something before long.
    pub fn warn(what: impl Into<String>, found: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(State::Warn, what, found, Some(next.into()))
    }

    /// A person has to do something now.
    pub fn fail(what: impl Into<String>, found: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(State::Fail, what, found, Some(next.into()))
    }

    /// It could not be found out from here.
    pub fn unknown(what: impl Into<String>, found: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(State::Unknown, what, found, Some(next.into()))
    }

    /// Something went wrong.
    pub fn trouble(state: State, what: impl Into<String>, trouble: &Trouble) -> Self {
        let causes: String = trouble.causes.iter().map(|cause| format!(": {cause}")).collect();
        // The next command is hardly the one that found it.
        let next = trouble.hint.clone().filter(|hint| !hint.starts_with("lifeboat check"));
        let next = next.unwrap_or_else(|| format!("lifeboat explain {}", trouble.code));
        Self {
            code: Some(trouble.code.to_string()),
            ..Self::new(state, what, format!("{}{causes}", trouble.message), Some(next))
        }
    }

    fn new(state: State, what: impl Into<String>, found: impl Into<String>, next: Option<String>) -> Self {
        Self {
            state,
            what: what.into(),
            found: found.into(),
            code: None,
            next,
        }
    }

    /// The same with a code.
    #[must_use]
    pub fn coded(self, code: &str) -> Self {
        Self { code: Some(code.to_owned()), ..self }
    }
}

/// As a table's cell.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
        })
    }
}
