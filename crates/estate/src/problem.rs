//! Kinds of problem, by what the operator must do.

use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// What kind of problem an error is: what the person or program that meets it must do. Every crate's error maps onto these,
/// and the command line maps these onto exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something did not answer, or answered that it cannot now: try again, then look at it.
    Unreachable,
    /// Somebody else acts on the same thing: wait for them, or make them stop.
    Conflict,
    /// A newer epoch exists: stop, do not try again.
    Fenced,
    /// The input is wrong: mend it.
    Invalid,
    /// A person has to do or decide something first.
    Person,
    /// Data is not what it must be.
    Damaged,
    /// Lifeboat itself is wrong: report it.
    Bug,
}

const NAMES: [(Kind, &str); 7] = [
    (Kind::Unreachable, "unreachable"),
    (Kind::Conflict, "conflict"),
    (Kind::Fenced, "fenced"),
    (Kind::Invalid, "invalid"),
    (Kind::Person, "person"),
    (Kind::Damaged, "damaged"),
    (Kind::Bug, "bug"),
];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(kind, _)| kind == self);
        f.write_str(name.map_or("bug", |(_, name)| name))
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let found = NAMES.iter().find(|(_, name)| *name == text);
        found.map(|(kind, _)| *kind).ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// A text that names no [`Kind`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no kind of problem")]
pub struct UnknownKind(String);
