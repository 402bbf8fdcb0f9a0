//! Kinds of problem, by what the operator must do.

use serde::Serialize;

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
