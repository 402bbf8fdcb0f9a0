//! How far each component of a recovery has come: the ladder from 0 (nothing) to 3 (automatic), computed from what is known.
//!
//! Start at [`readiness`]. A level is what facts show, and no more: a cell whose facts could not be gathered, or that nothing can gather
//! yet, is [`Rung::Unknown`]. [`missed_rpo`] says whether the objective of a cluster is missed. `ladder` has a function a component.

mod ladder;

use estate::{Estate, Lag, Name};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// A fact, or why it could not be had.
pub type Gathered<T> = Result<T, String>;

/// What was found out about the protection of one cluster.
#[derive(Clone, Debug)]
pub struct ReadinessFacts {
    /// How old the oldest change is that is not stored.
    pub at_risk: AtRisk,
    /// Whether the store of its repository answers.
    pub store: Gathered<()>,
    /// The newest point; `None` where there is none.
    pub newest: Gathered<Option<Newest>>,
    /// How long ago the history was proven by etcd's own hash; `None`: never.
    pub proven: Gathered<Option<Duration>>,
    /// What the recovery set lacks.
    pub lacks: Gathered<Vec<String>>,
    /// The state that is kept ready, by the host that keeps it.
    pub followers: BTreeMap<Name, Gathered<Follower>>,
    /// How far copies of its repository are behind, by their names.
    pub copies: BTreeMap<Name, Gathered<Lag>>,
    /// What stands in the way of its standby taking over.
    pub unfit: Gathered<Vec<String>>,
    /// Whether the estate is sealed into its repository.
    pub kit: Gathered<bool>,
}

/// The newest point of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newest {
    /// How old what is in it is.
    pub age: Duration,
    /// Whether files of its hosts are in it; `None` where it could not be opened.
    pub files: Option<bool>,
}

/// A state that is kept ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Follower {
    /// How many revisions it lacks; `None` where that is not known.
    pub behind: Option<u64>,
}

/// How much would be lost now, in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "atRisk")]
pub enum AtRisk {
    /// So much: whoever captures it says so.
    Known {
        /// The age of the oldest change that is not stored, in milliseconds.
        ms: u64,
        /// For how long etcd has been silent, which it was not meant to be: what it changed meanwhile nobody knows.
        silent_ms: Option<u64>,
    },
    /// Nobody who captures it was heard; by what is stored, it is no more than this.
    AtMost {
        /// The time since the source was last seen, in milliseconds.
        ms: u64,
    },
    /// Nothing is known.
    Unknown,
}

/// etcd is asked for its progress every second; one that is heard at least as often as this is not silent.
const SILENCE_MS: u64 = 5000;

impl AtRisk {
    /// As whoever captures it says: how old the oldest change is that is not stored, and for how long etcd has not been heard, both in
    /// milliseconds.
    pub fn heard(at_risk_ms: Option<u64>, silent_ms: Option<u64>) -> Self {
        let silent_ms = silent_ms.filter(|silent| *silent > SILENCE_MS);
        at_risk_ms.map_or(Self::Unknown, |ms| Self::Known { ms, silent_ms })
    }

    /// The time that might be lost, as far as it is known.
    pub fn most_ms(self) -> Option<u64> {
        match self {
            Self::Known { ms, silent_ms } => Some(ms.max(silent_ms.unwrap_or(0))),
            Self::AtMost { ms } => Some(ms),
            Self::Unknown => None,
        }
    }
}

/// One component of one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cell {
    /// What a recovery needs.
    pub component: &'static str,
    /// How far it has come.
    pub level: Rung,
    /// Why it is there.
    pub why: String,
    /// What is missing for the next level; empty at the top, and where nobody can say.
    pub next: String,
}

/// A level of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase", tag = "is", content = "level")]
pub enum Rung {
    /// This cluster has no such thing.
    NotNeeded,
    /// Nobody can say.
    Unknown,
    /// 0: nothing; 1: by hand; 2: scripted; 3: automatic.
    Level(u8),
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNeeded => f.write_str("-"),
            Self::Unknown => f.write_str("unknown"),
            Self::Level(level) => write!(f, "{level}"),
        }
    }
}

/// The ladder of `cluster`, in the order in which a recovery needs its components; empty where the estate has no such cluster.
#[must_use]
pub fn readiness(estate: &Estate, cluster: &Name, facts: &ReadinessFacts) -> Vec<Cell> {
    let Some(of) = estate.clusters.get(cluster) else {
        return Vec::new();
    };
    ladder::Ladder::new(estate, cluster, of, facts).cells()
}

/// Why the RPO of `cluster` is missed; `None` where it is met, where there is none, and where nothing is known.
#[must_use]
pub fn missed_rpo(estate: &Estate, cluster: &Name, at_risk: AtRisk) -> Option<String> {
    let of = estate.clusters.get(cluster)?;
    let rpo = **estate.objectives_of(of).rpo.as_ref()?;
    let ms = at_risk.most_ms()?;
    if u128::from(ms) <= rpo.as_millis() {
        return None;
    }
    let (had, asked) = (seconds(Duration::from_millis(ms)), seconds(rpo));
    Some(match at_risk {
        AtRisk::Known { ms: waiting, .. } if waiting == ms => {
            format!("RPO: a change has been waiting for {had} to be stored, and {asked} may be lost")
        }
        AtRisk::Known { .. } => {
            format!(
                "RPO: etcd has been silent for {had}, so that nobody knows what it changed, and {asked} may be lost"
            )
        }
        _ => format!("RPO: nothing newer than {had} is known to be stored, and {asked} may be lost"),
    })
}

/// A time in words: whole seconds, minutes, hours or days.
pub(crate) fn seconds(time: Duration) -> String {
    match time.as_secs() {
        s @ ..120 => format!("{s} s"),
        s @ 120..7200 => format!("{} min", s / 60),
        s @ 7200..172_800 => format!("{} h", s / 3600),
        s => format!("{} d", s / 86_400),
    }
}

#[cfg(test)]
mod tests;
