//! What was found of the set, as people and points keep it. Start at [`Complete`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What was found of each pair, in a fixed order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complete {
    /// One or more of each pair that the distribution has.
    pub findings: Vec<Finding>,
}

/// What was found of one pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which pair.
    pub pair: Pair,
    /// What came out.
    pub outcome: Outcome,
    /// The object, and what was compared with what. No secret is in it.
    pub why: String,
    /// What to do; empty where nothing is to be done.
    pub next: String,
}

/// Two things of a recovery set that have to belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pair {
    /// The values that are encrypted at rest, and the EncryptionConfiguration.
    EncryptionAtRest,
    /// k3s' and RKE2's bootstrap data, and the token.
    JoinToken,
    /// A CA's certificate, and its key.
    AuthorityKey,
    /// A CA, and the certificates that it is said to have signed.
    AuthorityCertificates,
    /// A CA, and what objects say of it.
    AuthorityObjects,
    /// The key that signs tokens of service accounts, and such tokens.
    ServiceAccountKey,
    /// Certificates, and the time.
    Expiry,
    /// State, configuration and files of all hosts.
    Generation,
}

/// What came out of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Outcome {
    /// They belong together.
    Matches,
    /// They do not.
    Mismatch,
    /// One of them is not there.
    Missing,
    /// It is good, but not for long.
    Expiring {
        /// Until when.
        at: Timestamp,
    },
    /// It is not good any more.
    Expired {
        /// Since when.
        at: Timestamp,
        /// Whether a recovery issues it anew: then no recovery fails by it, and only what runs now does.
        #[serde(default)]
        anew: bool,
    },
    /// It cannot be tested. Never to be shown as protected without saying so.
    Unknown,
}

impl Complete {
    /// Whether nothing is missing, nothing contradicts, and nothing is out of date. What could not be tested is not counted: ask
    /// [`Complete::unknown`] too before calling something protected.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failing().next().is_none()
    }

    /// What makes the set incomplete.
    pub fn failing(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|it| it.outcome.fails())
    }

    /// What could not be tested.
    pub fn unknown(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|it| it.outcome == Outcome::Unknown)
    }

    /// What will fail before long, or fails already and not in a recovery.
    pub fn expiring(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|it| it.outcome.warns())
    }
}

impl Outcome {
    /// Whether a recovery fails by it.
    #[must_use]
    pub fn fails(self) -> bool {
        matches!(self, Self::Mismatch | Self::Missing | Self::Expired { anew: false, .. })
    }

    /// Whether it is to be put right, and no recovery fails by it yet.
    #[must_use]
    pub fn warns(self) -> bool {
        matches!(self, Self::Expiring { .. } | Self::Expired { anew: true, .. })
    }
}

/// As a table's cell.
impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::EncryptionAtRest => "encryption at rest",
            Self::JoinToken => "join token",
            Self::AuthorityKey => "CA and key",
            Self::AuthorityCertificates => "CA and certificates",
            Self::AuthorityObjects => "CA and objects",
            Self::ServiceAccountKey => "service account key",
            Self::Expiry => "expiry",
            Self::Generation => "generation",
        })
    }
}

/// As a table's cell.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Matches => "matches",
            Self::Mismatch => "mismatch",
            Self::Missing => "missing",
            Self::Expiring { .. } => "expiring",
            Self::Expired { .. } => "expired",
            Self::Unknown => "unknown",
        })
    }
}

/// As one line of a log or a table: what, and why.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.pair, self.outcome, self.why)
    }
}

/// How a file of a host that was right before is had again; for the ends of hints.
pub(super) const BACK: &str = "lifeboat restore files CLUSTER --at 1h-ago --dry-run shows what an older point has";

/// Where findings are gathered.
#[derive(Default)]
pub(super) struct Found(Vec<Finding>);

impl Found {
    pub(super) fn matches(&mut self, pair: Pair, why: impl Into<String>) {
        self.put(pair, Outcome::Matches, why, "");
    }

    pub(super) fn mismatch(&mut self, pair: Pair, why: impl Into<String>, next: impl Into<String>) {
        self.put(pair, Outcome::Mismatch, why, next);
    }

    pub(super) fn missing(&mut self, pair: Pair, why: impl Into<String>, next: impl Into<String>) {
        self.put(pair, Outcome::Missing, why, next);
    }

    pub(super) fn unknown(&mut self, pair: Pair, why: impl Into<String>, next: impl Into<String>) {
        self.put(pair, Outcome::Unknown, why, next);
    }

    pub(super) fn put(&mut self, pair: Pair, outcome: Outcome, why: impl Into<String>, next: impl Into<String>) {
        let (why, next) = (why.into(), next.into());
        self.0.push(Finding { pair, outcome, why, next });
    }

    /// Whether there is anything of a pair yet.
    pub(super) fn has(&self, pair: Pair) -> bool {
        self.0.iter().any(|it| it.pair == pair)
    }

    pub(super) fn complete(mut self) -> Complete {
        self.0.sort_by_key(|it| it.pair);
        Complete { findings: self.0 }
    }
}

/// `1 value`, `2 values`.
pub(super) fn counted(number: usize, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {one}{plural}")
}

/// The first few names, and how many more there are.
pub(super) fn some(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
