//! What a key is the name of.

use super::{Known, Scope, known};
use estate::Name;
use object_store::path::Path;
use serde::Serialize;
use std::fmt;

/// What an object is, told by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// The marker of the repository.
    Marker,
    /// A keyring.
    Keys,
    /// A list of trusted writers.
    Writers,
    /// A recovery kit.
    Kit,
    /// The manifest of a point.
    Points,
    /// A part of a point.
    Parts,
    /// A record of who held a point.
    Holds,
    /// A base or a segment of a history.
    History,
    /// An object of a restic repository.
    Files,
    /// An entry of a run's journal.
    Runs,
    /// What a writer has seen.
    Evidence,
    /// A record of a lease.
    Leases,
    /// What a probe of the store has written.
    Probe,
    /// No part of the repository.
    Strange,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Marker => "marker",
            Self::Keys => "keys",
            Self::Writers => "writers",
            Self::Kit => "kits",
            Self::Points => "points",
            Self::Parts => "parts",
            Self::Holds => "holds",
            Self::History => "history",
            Self::Files => "files",
            Self::Runs => "runs",
            Self::Evidence => "evidence",
            Self::Leases => "leases",
            Self::Probe => "probes",
            Self::Strange => "strange",
        })
    }
}

/// What the object under `key` is, and whose: of no scope are the marker, probes, and what is strange.
pub(crate) fn kind_of(key: &Path) -> (Option<Scope>, Kind) {
    let of_cluster = |cluster: Name| Some(Scope::Cluster(cluster));
    match known(key) {
        None => (None, Kind::Strange),
        Some(Known::Marker) => (None, Kind::Marker),
        Some(Known::Probe) => (None, Kind::Probe),
        Some(Known::Keyring(scope, _)) => (Some(scope), Kind::Keys),
        Some(Known::Evidence(scope, ..)) => (Some(scope), Kind::Evidence),
        Some(Known::Lease(scope, ..)) => (Some(scope), Kind::Leases),
        Some(Known::Writers(_)) => (Some(Scope::Shared), Kind::Writers),
        Some(Known::Kit(_)) => (Some(Scope::Shared), Kind::Kit),
        Some(Known::Entry { .. }) => (Some(Scope::Shared), Kind::Runs),
        Some(Known::Manifest(cluster, _)) => (of_cluster(cluster), Kind::Points),
        Some(Known::Part(cluster, ..)) => (of_cluster(cluster), Kind::Parts),
        Some(Known::Hold(cluster, ..)) => (of_cluster(cluster), Kind::Holds),
        Some(Known::History(cluster, _)) => (of_cluster(cluster), Kind::History),
        Some(Known::Files(cluster, _)) => (of_cluster(cluster), Kind::Files),
    }
}
