//! A recovery point: a moment at which all parts of a cluster fit together.

use crate::{Distribution, Epoch, Name};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The identity of a point, as in `000001-20261122T220102.123Z-k7xq`: the epoch in which it was taken, the moment by the
/// source's clock, and four letters against two writers. Sorts by epoch, then time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PointId(String);

/// Why a text is not a [`PointId`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the id of a recovery point, like 000001-20261122T220102.123Z-k7xq")]
pub struct InvalidPointId(String);

impl PointId {
    /// The id of a point that is begun at `at` in `epoch`; `salt` is four letters or digits of chance.
    ///
    /// # Errors
    /// The salt is not of that form, or the epoch has more than six digits.
    pub fn new(epoch: Epoch, at: Timestamp, salt: &str) -> Result<Self, InvalidPointId> {
        format!("{:06}-{}-{salt}", epoch.0, at.strftime("%Y%m%dT%H%M%S.%3fZ")).parse()
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The epoch in which the point was taken.
    pub fn epoch(&self) -> Epoch {
        // Six digits, as the form of an id demands.
        Epoch(
            self.0
                .bytes()
                .take(6)
                .fold(0, |number, digit| number * 10 + u64::from(digit - b'0')),
        )
    }

    /// The moment at which the point was begun, by the source's clock; `None` when its digits are no date.
    pub fn at(&self) -> Option<Timestamp> {
        self.0.get(7..27)?.parse().ok()
    }
}

impl FromStr for PointId {
    type Err = InvalidPointId;

    fn from_str(text: &str) -> Result<Self, InvalidPointId> {
        let pattern = "dddddd-ddddddddTdddddd.dddZ-xxxx";
        let fits = |(c, p): (u8, u8)| match p {
            b'd' => c.is_ascii_digit(),
            b'x' => c.is_ascii_lowercase() || c.is_ascii_digit(),
            _ => c == p,
        };
        if text.len() == pattern.len() && text.bytes().zip(pattern.bytes()).all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPointId(text.chars().take(60).collect()))
        }
    }
}

impl TryFrom<String> for PointId {
    type Error = InvalidPointId;

    fn try_from(text: String) -> Result<Self, InvalidPointId> {
        text.parse()
    }
}

impl From<PointId> for String {
    fn from(id: PointId) -> Self {
        id.0
    }
}

impl fmt::Display for PointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What was copied, as its manifest in the repository says. All times are the source's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Point {
    /// Its identity.
    pub id: PointId,
    /// The cluster.
    pub cluster: Name,
    /// How that was installed.
    pub distribution: Distribution,
    /// The epoch that its site held.
    pub epoch: Epoch,
    /// The site at which it was taken.
    pub site: Name,
    /// The host at which it was taken.
    pub host: Name,
    /// Everything written before this moment is in it.
    pub begun: Timestamp,
    /// When the last part was stored.
    pub stored: Timestamp,
    /// The timeline of the cluster's history that its etcd is in.
    pub timeline: u32,
    /// etcd's revision when it was begun: that of the history which it is.
    pub revision: i64,
    /// etcd's own name of the cluster.
    pub etcd_cluster_id: u64,
    /// The version of that etcd.
    pub etcd_version: String,
    /// The newest proof of that history that there was.
    pub proof: Option<HashProof>,
    /// What a recovery from it lacks, in words; empty when the set is complete and fits together, and `None` when nobody has looked.
    pub lacks: Option<Vec<String>>,
    /// What of that could not be tested, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untested: Vec<String>,
    /// Why it was made, where somebody asked for it.
    pub reason: Option<String>,
    /// The parts, by name, besides the history.
    pub parts: Vec<Part>,
}

/// A member of a live etcd that was found to hold what the history holds, by its own `HashKV`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HashProof {
    /// The member's name.
    pub member: String,
    /// When it was asked.
    pub at: Timestamp,
    /// The timeline.
    pub timeline: u32,
    /// Up to which revision.
    pub revision: u64,
    /// The member's compaction at that time.
    pub compaction: u64,
    /// Its answer, CRC-32C.
    pub hash: u32,
}

/// One object of a point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Part {
    /// What it is: `files`.
    pub name: String,
    /// Its length before sealing, in bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes before sealing, in lower-case hexadecimal digits.
    pub sha256: String,
}

impl HashProof {
    /// Whether it says that a moment of the history is the cluster's: of the same timeline, and no later.
    pub fn covers(&self, timeline: u32, revision: i64) -> bool {
        self.timeline == timeline && u64::try_from(revision).is_ok_and(|revision| revision <= self.revision)
    }
}

impl Point {
    /// The part called `name`.
    pub fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }
}
