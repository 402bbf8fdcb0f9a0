//! What `lifeboat serve` asks of a repository, by its own intervals: from it comes what that will cost.

use crate::guard::TIDY;
use crate::{deciding, looking, sealing, telling};
use estate::Cluster;
use repository::Load;

/// What is asked of the repository of `cluster` for it, by all sites, with parts of these lengths, in bytes; `locked` says
/// whether what is stored is locked.
pub fn load(cluster: &Cluster, parts: Vec<u64>, locked: bool) -> Load {
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
        history: None,
    }
}
