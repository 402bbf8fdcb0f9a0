//! What was tested of a point, and what came out.

use crate::complete::{Complete, Finding};
use serde::Serialize;
use std::fmt;

/// What is tested, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Test {
    /// Files of the hosts: there, whole, and an archive.
    Files,
    /// The moment of the history: all that it is made of was read.
    History,
    /// A database made of it: opened, and hashed.
    Database,
    /// What a member of the live etcd said of the history.
    Proof,
    /// Whether files and etcd belong together.
    RecoverySet,
    /// A real etcd on a copy.
    Etcd,
}

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It is so.
    Shown,
    /// Nobody knows: it could not be tested.
    NotShown,
    /// It is not so.
    Failed,
}

/// One test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tested {
    /// What was tested.
    pub test: Test,
    /// What came out.
    pub outcome: Outcome,
    /// What was seen, or why it was not; of a recovery set, a line for each pair that does not match.
    pub text: String,
}

/// All that was tested.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// Each test once, in order.
    pub tests: Vec<Tested>,
    /// HashKV of what a recovery would start with, at its revision, compacted there.
    pub hash_kv: Option<u32>,
    /// How files and etcd were judged; none where they were not.
    pub complete: Option<Complete>,
}

impl Verified {
    /// Notes a test; the first word about it counts.
    pub(super) fn put(&mut self, test: Test, outcome: Outcome, text: impl Into<String>) {
        if self.tests.iter().all(|it| it.test != test) {
            let text = text.into();
            let lines: Vec<String> = text.lines().map(shown).collect();
            self.tests.push(Tested { test, outcome, text: lines.join("\n") });
            self.tests.sort_by_key(|it| it.test);
        }
    }

    /// Whether a test was made, and went well.
    pub fn was_shown(&self, test: Test) -> bool {
        self.tests.iter().any(|it| it.test == test && it.outcome == Outcome::Shown)
    }

    /// Notes how the set was judged.
    pub(super) fn judged(&mut self, complete: Complete) {
        let of = |findings: &mut dyn Iterator<Item = &Finding>| -> Vec<String> {
            findings.map(ToString::to_string).collect()
        };
        let (failing, unknown) = (of(&mut complete.failing()), of(&mut complete.unknown()));
        let expiring = of(&mut complete.expiring());
        let tested = complete.findings.len() - failing.len() - unknown.len();
        let mut text = vec![format!("{tested} of {} pairs belong together", complete.findings.len())];
        let outcome = match (failing.is_empty(), unknown.is_empty()) {
            (false, _) => Outcome::Failed,
            (true, false) => Outcome::NotShown,
            (true, true) => Outcome::Shown,
        };
        text.extend(failing.into_iter().chain(unknown).chain(expiring));
        self.put(Test::RecoverySet, outcome, text.join("\n"));
        self.complete = Some(complete);
    }

    /// What makes the point one that cannot be recovered from as it is.
    pub fn damaged(&self) -> impl Iterator<Item = &Tested> {
        let failed = self.tests.iter().filter(|it| it.outcome == Outcome::Failed);
        failed.filter(|it| it.test != Test::RecoverySet)
    }

    /// What is wrong with the set, if it does not belong together.
    pub fn incomplete(&self) -> Option<&Tested> {
        let mut failed = self.tests.iter().filter(|it| it.outcome == Outcome::Failed);
        failed.find(|it| it.test == Test::RecoverySet)
    }
}

/// On one line.
pub(super) fn shown(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `12.3 MB`.
pub(super) fn size(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// As a table's cell.
impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Files => "files",
            Self::History => "history",
            Self::Database => "database",
            Self::Proof => "proof",
            Self::RecoverySet => "recovery set",
            Self::Etcd => "etcd",
        })
    }
}

/// As a table's cell.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Shown => "shown",
            Self::NotShown => "not shown",
            Self::Failed => "FAILED",
        })
    }
}
