//! What a site's Lifeboat knows at one moment, as far as others may ask for it. What is not known is absent, never a guess.

use estate::{Name, Role};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a site's Lifeboat knows at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Which Lifeboat this is: its version.
    pub version: String,
    /// The estate.
    pub estate: Name,
    /// The site.
    pub site: Name,
    /// Why it is not ready, in words without secrets; empty when it is.
    pub not_ready: Vec<String>,
    /// What it knows of each cluster.
    pub clusters: BTreeMap<Name, Cluster>,
    /// What it knows of each repository.
    pub repositories: BTreeMap<Name, Repository>,
    /// What it knows of each channel to people.
    pub channels: BTreeMap<Name, Channel>,
}

/// What is known of a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// What it is for.
    pub role: Role,
    /// How old the oldest change is that is in no repository yet; zero when none waits.
    pub at_risk: Option<Duration>,
    /// The moment of the newest point, by the source's clock.
    pub newest_point: Option<Timestamp>,
    /// The moment of the newest point that is proven, by the source's clock.
    pub newest_proven_point: Option<Timestamp>,
    /// Whether the newest proof succeeded.
    pub is_proven: Option<bool>,
    /// Whether all that a recovery needs is there and fits together.
    pub is_complete: Option<bool>,
    /// How far the follower of this site is behind; absent where none is kept.
    pub follower_lag: Option<Duration>,
    /// The newest revision of its etcd that is stored.
    pub captured_revision: Option<i64>,
    /// Whether its changes are being followed from here; absent where that is not this site's to do.
    pub is_captured: Option<bool>,
    /// Whether each objective that the estate sets is missed now.
    pub missed: BTreeMap<Objective, bool>,
    /// Whether this process holds the lease of its capture.
    pub holds_lease: Option<bool>,
    /// How many troubles there are, by the code of their page.
    pub troubles: BTreeMap<String, u64>,
}

impl Cluster {
    /// A cluster of which nothing is known yet.
    pub fn unknown(role: Role) -> Self {
        Self {
            role,
            at_risk: None,
            newest_point: None,
            newest_proven_point: None,
            is_proven: None,
            is_complete: None,
            follower_lag: None,
            captured_revision: None,
            is_captured: None,
            missed: BTreeMap::new(),
            holds_lease: None,
            troubles: BTreeMap::new(),
        }
    }
}

/// What an estate can demand of a cluster's protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Objective {
    /// How much may be lost.
    Rpo,
}

/// What is known of a repository.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Repository {
    /// Whether it answered when it was asked last.
    pub is_up: Option<bool>,
    /// What it is a copy of, if of anything.
    pub copy_of: Option<Name>,
    /// How far it is behind that.
    pub lag: Option<Duration>,
}

/// What is known of a channel to people.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Channel {
    /// Whether it took the last message; absent until there was one.
    pub is_up: Option<bool>,
    /// How many messages wait for it.
    pub waiting: u64,
}
