//! What the observers saw: what a verdict is decided from. All ages are milliseconds by the clock of whoever measured them,
//! at the moment of the report; the reader adds what has passed since it arrived, by its own clock.

use crate::{Epoch, HashProof, Name, PointId, Probe, Standing};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the Lifeboat of one site reports of itself and of what it sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Report {
    /// The site that reports.
    pub site: Name,
    /// Lifeboat's version there.
    pub version: String,
    /// The reporter's wall clock, to compare clocks with.
    pub now: Timestamp,
    /// The highest epoch that its voter knows.
    pub standing: Option<Standing>,
    /// Whether the site itself serves.
    pub serving: Serving,
    /// The probes of the primary.
    pub probes: Vec<Seen>,
    /// When this voter last confirmed the holder's right to serve.
    pub renewed: Option<LastRenewal>,
    /// The newest copy that this site has opened and found sound, where it can.
    pub proven: Option<Proven>,
    /// The newest copy that this site has taken, where the cluster serves here.
    #[serde(default)]
    pub copied: Option<PointId>,
    /// The repositories that this site keeps as copies of others.
    #[serde(default)]
    pub copies: Vec<Copying>,
    /// What is done here for the protection of clusters.
    #[serde(default)]
    pub protections: Vec<Protection>,
    /// What stands in the way of this site taking over; empty where it could, `None` where it is not meant to.
    pub unfit: Option<Vec<String>>,
    /// What went wrong lately, in words for people: copies that could not be taken, a repository that does not answer.
    pub troubles: Vec<String>,
}

/// The answers to one probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Seen {
    /// What was asked.
    pub probe: Probe,
    /// Whether the last answer was good.
    pub good: bool,
    /// For how long it has been so without interruption.
    pub for_ms: u64,
    /// How long ago it was asked last.
    pub asked_ms: u64,
    /// What came instead of a good answer.
    pub reason: String,
}

/// The last confirmation that a voter gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LastRenewal {
    /// Whose right it confirmed.
    pub standing: Standing,
    /// How long ago.
    pub ago_ms: u64,
    /// How long the confirmation lasts in all.
    pub lease_ms: u64,
    /// The newest revision of etcd that the holder had seen then.
    pub revision: Option<i64>,
}

/// A copy that was opened and found sound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Proven {
    /// The point.
    pub id: PointId,
    /// Everything written before this moment, by the source's clock, is in it.
    pub begun: Timestamp,
    /// The revision that it holds at least.
    pub revision: i64,
    /// How long ago it was proven.
    pub ago_ms: u64,
}

/// What a site does for the cluster, as its own keeper says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum Serving {
    /// It has nothing to serve with: the witness.
    Never,
    /// It stands by: the cluster has not been started here.
    Standby,
    /// A run is bringing the cluster up here.
    TakingOver {
        /// The epoch promised to it.
        epoch: Epoch,
    },
    /// It serves, confirmed by a majority.
    Serving {
        /// The epoch that it holds.
        epoch: Epoch,
        /// How much longer it may without another confirmation.
        left_ms: u64,
    },
    /// It has stopped because no majority confirms it; it starts again when one does.
    Alone {
        /// The epoch that it held.
        epoch: Epoch,
    },
    /// It has stopped for good: another site holds a newer epoch.
    Fenced {
        /// Who.
        standing: Standing,
    },
    /// It does not know yet: it has just started.
    Unknown,
}

/// A repository that a site keeps as a copy of another one, all the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Copying {
    /// The copy.
    pub repository: Name,
    /// What it is a copy of.
    pub of: Name,
    /// How far it was behind; `None` until that was found out.
    pub lag: Option<Lag>,
    /// How long ago that was.
    pub ago_ms: u64,
}

/// How far a copy of a repository is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lag {
    /// The age of the oldest object that is not copied yet, in seconds, by when the store of what is copied says that it was
    /// written; 0 when none is waiting.
    pub seconds: u64,
    /// How many bytes are not copied yet.
    pub bytes: u64,
    /// How many objects.
    pub objects: u64,
}

/// What one Lifeboat does for the protection of one cluster, and how far that is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Protection {
    /// The cluster.
    pub cluster: Name,
    /// What it does.
    pub duty: Duty,
    /// How old the oldest change is that is not stored yet, in milliseconds; `None` where that is not known.
    pub at_risk_ms: Option<u64>,
    /// For how long etcd has been silent: what it changed since then nobody here knows.
    pub silent_ms: Option<u64>,
    /// How many changes are known and not stored.
    pub waiting_revisions: u64,
    /// How often storing has failed since it last succeeded.
    pub failures: u32,
    /// The timeline that is written.
    pub timeline: u32,
    /// Up to which revision it is stored.
    pub stored: Option<u64>,
    /// The newest point that was made here.
    pub newest: Option<Made>,
    /// The newest proof, by etcd's own hash.
    pub proof: Option<HashProof>,
    /// When the recovery set was judged last.
    pub judged: Option<Timestamp>,
    /// What it lacked then.
    pub lacks: Vec<String>,
    /// What of it could not be tested.
    pub untested: Vec<String>,
    /// What will be wrong with it soon.
    pub warnings: Vec<String>,
    /// The state that is kept ready here.
    pub following: Option<Following>,
    /// What goes wrong, by what it is about.
    pub troubles: BTreeMap<String, Told>,
}

/// What a Lifeboat does for a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "duty")]
pub enum Duty {
    /// It captures.
    Captures,
    /// Somebody else does, or nobody can.
    StandsBy {
        /// Why, for people.
        why: String,
    },
    /// It has only just begun.
    Begins,
    /// It only follows.
    Follows,
}

/// A point that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Made {
    /// It.
    pub id: PointId,
    /// When it was begun.
    pub begun: Timestamp,
    /// The revision of its etcd.
    pub revision: i64,
}

/// A state of a cluster's etcd that is kept ready, as new as its history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Following {
    /// The timeline.
    pub timeline: u32,
    /// The revision.
    pub revision: u64,
    /// How many revisions it lacks of what the history had at the last look; `None` where that is not known.
    pub behind: Option<u64>,
    /// When the source was last seen to be at that revision, by the clock of who captured it.
    pub seen: Option<Timestamp>,
}

/// A channel by which people are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChannelState {
    /// Its name.
    pub name: Name,
    /// How many messages wait for it.
    pub waiting: u64,
    /// Why the last one was not taken.
    pub trouble: Option<String>,
}

/// Something that is wrong, as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Told {
    /// The code of its page.
    pub code: String,
    /// The object and the reason.
    pub text: String,
    /// The next command, where there is one.
    pub next: Option<String>,
}
