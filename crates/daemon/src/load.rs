//! What `lifeboat serve` asks of a repository, by its own intervals: from it comes what that will cost.

use crate::guard::TIDY;
use crate::{deciding, looking, sealing, telling};
use estate::Cluster;
use etcd::capture::Options;
use etcd::merge::Policy;
use repository::{HistoryLoad, Load};
use std::time::Duration;

/// Bytes that a history stores, which nobody knows beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// A base.
    pub base_bytes: u64,
    /// The segments of a day.
    pub day_bytes: u64,
}

/// What is asked of the repository of `cluster` for it, by all sites, with parts of these lengths, in bytes, and a history of this
/// size; `locked` says whether what is stored is locked.
pub fn load(cluster: &Cluster, parts: Vec<u64>, stored: Stored, locked: bool) -> Load {
    let policy = Policy::default();
    let history = HistoryLoad {
        segment_every: Options::new("").limits.every,
        day_bytes: stored.day_bytes,
        base_bytes: stored.base_bytes,
        base_every: Duration::from_millis(policy.base_every_ms),
        window: *cluster.protect.etcd.window,
        settle: Duration::from_millis(policy.settle_ms),
        levels: policy.levels_ms.iter().copied().map(Duration::from_millis).collect(),
    };
    let every = *cluster.protect.every;
    Load {
        every,
        parts,
        keep: *cluster.protect.keep,
        looks: looking::calm(every),
        prunes: TIDY,
        journals: deciding::RUNS,
        kits: sealing::SEAL,
        tellings: every.clamp(telling::SOONEST, telling::LATEST),
        locked,
        history: Some(history),
    }
}
