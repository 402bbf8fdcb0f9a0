//! Snapshots of etcd that others have made: k3s and RKE2, RKE1, `etcdctl`. They are found, judged and made ready for a recovery,
//! and never written to, so that a team can start with what it has.
//!
//! Start at [`look`], which lists a [`Place`]; [`recognise`] decides there what is a snapshot, purely, by names. [`open`] fetches
//! one, unpacks it, checks it to its last record and gives a file that `etcd` rebuilds from; [`newest_sound`] does so until one
//! is sound. [`lacks`] says what a snapshot alone is not enough for, and [`rows`] is all of it for people.

mod damage;
mod default;
mod lacks;
mod learn;
mod look;
mod name;
mod open;
mod recognise;
mod row;
mod verify;

pub use damage::Error;
pub use default::default_directory;
pub use lacks::{Lack, lacks};
pub use learn::Learned;
pub use look::{Listing, Place, look};
pub use open::{OnFetch, Opened, Search, newest_sound, open};
pub use recognise::{Cluster, Entry, FoundSnapshot, Recognised, TimeFrom, recognise};
pub use row::{Judged, Row, State, rows};
pub use verify::{Verified, verify_file};

use serde::Serialize;
use std::fmt;

/// What made a snapshot, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Maker {
    /// k3s.
    K3s,
    /// RKE2.
    Rke2,
    /// One of the two: they name alike.
    K3sOrRke2,
    /// RKE1, or Rancher for a cluster of it.
    Rke1,
    /// `etcdctl snapshot save`, or whatever names as people do who call it.
    Etcdctl,
}

impl fmt::Display for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::K3s => "k3s",
            Self::Rke2 => "RKE2",
            Self::K3sOrRke2 => "k3s or RKE2",
            Self::Rke1 => "RKE1",
            Self::Etcdctl => "etcdctl",
        })
    }
}

#[cfg(test)]
mod tests;
