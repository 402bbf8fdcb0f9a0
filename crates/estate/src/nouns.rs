//! Small nouns: what a cluster is for, how it was installed, and how its copies are locked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a cluster is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Rancher runs in it.
    Management,
    /// Rancher manages it, through a tunnel that the cluster's agent keeps.
    Downstream,
}

/// How a cluster's control plane was installed, and so where its files lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Distribution {
    /// RKE2: `/etc/rancher/rke2`, `/var/lib/rancher/rke2`.
    Rke2,
    /// k3s with embedded etcd: as RKE2, with another name.
    K3s,
    /// kubeadm: `/etc/kubernetes`, `/var/lib/etcd`.
    Kubeadm,
    /// RKE1: `/etc/kubernetes/ssl` and containers; its state file lies with whoever ran `rke up`.
    Rke1,
    /// Anything else with an etcd that can be asked: its files are only those that the estate names.
    Other,
}

/// Who may remove a locked object before its time, where a bucket has object lock. The later one is the stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LockMode {
    /// Who has a right of its own for that.
    Governance,
    /// Nobody.
    Compliance,
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Governance => "governance",
            Self::Compliance => "compliance",
        })
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rke2 => "rke2",
            Self::K3s => "k3s",
            Self::Kubeadm => "kubeadm",
            Self::Rke1 => "rke1",
            Self::Other => "other",
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
