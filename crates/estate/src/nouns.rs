//! Small nouns: what a cluster is for, and how it was installed.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a cluster is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Rancher runs in it.
    Management,
    /// Rancher manages it, through a tunnel that the cluster's agent keeps.
    Downstream,
}

/// How a cluster's control plane was installed, and so where its files lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Distribution {
    /// kubeadm: `/etc/kubernetes`, `/var/lib/etcd`.
    Kubeadm,
    /// RKE2 (and, one directory along, k3s): `/etc/rancher/rke2`, `/var/lib/rancher/rke2`.
    Rke2,
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kubeadm => "kubeadm",
            Self::Rke2 => "rke2",
        })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Management => "management",
            Self::Downstream => "downstream",
        })
    }
}
