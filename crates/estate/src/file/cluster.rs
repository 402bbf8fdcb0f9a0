//! A protected cluster, as the estate file has it: what it is, how it is reached, how it is copied, and where it comes back.
//!
//! Start at [`Cluster`]. With its role and one of its control plane's hosts, or on such a host with its role alone, it is protected.

use super::reference::{duration, optional_duration};
use super::{Dns, Keep, Manager, Peers, Placed, SnapshotPlace};
use crate::{Distribution, Name, Role};
use schemars::JsonSchema;
use serde::Deserialize;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// From one point to the next where a standby waits for each, and elsewhere, where nothing is recovered but by a person.
const EVERY: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(60));

/// A protected cluster.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cluster {
    /// What it is for.
    pub role: Placed<Role>,
    /// How it was installed; without this, as is found on its host.
    pub distribution: Option<Placed<Distribution>>,
    /// The site that it stands at; without this, that of its hosts.
    pub site: Option<Placed<Name>>,
    /// The hosts of its control plane.
    #[serde(default)]
    pub hosts: Vec<Placed<Name>>,
    /// How its etcd is reached; without this, as is found on its hosts.
    pub etcd: Option<EtcdAccess>,
    /// A kubeconfig that may read everything.
    pub kubeconfig: Option<PathBuf>,
    /// Where its copies go; without this, to the only repository that there is.
    #[serde(default = "unset")]
    pub repository: Placed<Name>,
    /// Where it serves on an ordinary day. It goes with `standby`.
    pub primary: Option<Stand>,
    /// Where it comes back when that site is gone.
    pub standby: Option<Stand>,
    /// How it is copied.
    #[serde(default)]
    pub protect: Protect,
    /// What is asked of its protection.
    #[serde(default)]
    pub objectives: Objectives,
    /// Where snapshots of its etcd lie that others made.
    #[serde(default)]
    pub snapshots: Vec<SnapshotPlace>,
    /// The manager, Rancher, that runs in it. It goes with `standby`.
    pub manager: Option<Manager>,
}

/// Where a cluster can serve.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stand {
    /// The host of its control plane; the site is the host's.
    pub host: Placed<Name>,
    /// The address at which the manager is reached there, mostly a load balancer's: the name resolves to it.
    pub address: IpAddr,
    /// kubeadm's configuration on that host: from it, certificates are issued anew.
    #[serde(default = "default_kubeadm_config")]
    pub kubeadm_config: String,
}

/// How an etcd is reached that is not found on its hosts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EtcdAccess {
    /// Each member, `https://HOST:2379`.
    pub endpoints: Vec<Placed<String>>,
    /// The CA of its servers, PEM.
    pub ca: Option<PathBuf>,
    /// A client's certificate, PEM.
    pub cert: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
}

/// How a cluster is copied.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Protect {
    /// The hosts whose `lifeboat serve` protects it: one does, and the others take over within seconds. Without this, those of its
    /// control plane; without any, every one.
    pub by: Vec<Placed<Name>>,
    /// Time from the beginning of one point to the beginning of the next: 15s where it has a standby, else 60s.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub every: Placed<Duration>,
    /// Which points are kept.
    pub keep: Placed<Keep>,
    /// Hosts at other sites whose `lifeboat serve` keeps its newest state ready.
    pub follow: Vec<Placed<Name>>,
    /// How its etcd is copied.
    pub etcd: ProtectEtcd,
    /// How its hosts' files are copied.
    pub files: ProtectFiles,
}

/// How a cluster's etcd is copied.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ProtectEtcd {
    /// For how long back every revision can be rebuilt; before it only what is kept.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub window: Placed<Duration>,
    /// Time from one proof, by etcd's own hash of each member in turn, to the next.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub prove: Placed<Duration>,
}

/// How a cluster's hosts' files are copied.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ProtectFiles {
    /// What is copied besides what its distribution is known to need: absolute paths of files and directories, `*` allowed.
    pub paths: Vec<Placed<String>>,
    /// kubeadm's configuration on its hosts.
    pub kubeadm_config: String,
}

/// What is asked of a protection: how much may be lost, and how long a recovery may take. Each run and drill measures both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Objectives {
    /// RPO: how much may be lost, in time.
    #[serde(deserialize_with = "optional_duration")]
    #[schemars(with = "Option<String>")]
    pub rpo: Option<Placed<Duration>>,
    /// RTO: how long a recovery may take.
    #[serde(deserialize_with = "optional_duration")]
    #[schemars(with = "Option<String>")]
    pub rto: Option<Placed<Duration>>,
}

/// A cluster that has a standby, with all that its failover needs.
#[derive(Clone, Copy, Debug)]
pub struct Failover<'a> {
    /// Its name.
    pub name: &'a Name,
    /// The cluster.
    pub of: &'a Cluster,
    /// Where it serves on an ordinary day.
    pub primary: &'a Stand,
    /// Where it comes back.
    pub standby: &'a Stand,
    /// What runs in it.
    pub manager: &'a Manager,
    /// The names that move.
    pub dns: &'a Dns,
    /// How the sites know each other.
    pub peers: &'a Peers,
}

impl Cluster {
    /// How it was installed, as far as the estate says: [`Distribution::Other`] where it is to be found on the host.
    pub fn distribution(&self) -> Distribution {
        self.distribution.as_deref().copied().unwrap_or(Distribution::Other)
    }

    /// The hosts whose `lifeboat serve` protects it; every one's, if this is empty.
    pub fn protectors(&self) -> Vec<&Name> {
        let stands = || [&self.primary, &self.standby].into_iter().flatten().map(|stand| &*stand.host);
        match (self.protect.by.is_empty(), self.standby.is_some()) {
            (false, _) => self.protect.by.iter().map(|host| &**host).collect(),
            // Who serves it takes its copies.
            (true, true) => stands().collect(),
            (true, false) => self.hosts.iter().map(|host| &**host).collect(),
        }
    }

    pub(super) fn fill(&mut self, only_repository: Option<&Name>) {
        if let (true, Some(only)) = (self.repository.is_unset(), only_repository) {
            self.repository = Placed::nowhere(only.clone());
        }
        if let (true, Some(primary)) = (self.hosts.is_empty(), &self.primary) {
            self.hosts.push(primary.host.clone());
        }
        if self.protect.every.is_zero() {
            let every = if self.standby.is_some() { EVERY.0 } else { EVERY.1 };
            self.protect.every = Placed::nowhere(every);
        }
    }
}

impl Default for Protect {
    fn default() -> Self {
        Self {
            by: Vec::new(),
            // Filled in when the whole cluster is known.
            every: Placed::nowhere(Duration::ZERO),
            keep: Placed::nowhere(Keep::default()),
            follow: Vec::new(),
            etcd: ProtectEtcd::default(),
            files: ProtectFiles::default(),
        }
    }
}

impl Default for ProtectEtcd {
    fn default() -> Self {
        Self {
            window: Placed::nowhere(Duration::from_hours(7 * 24)),
            prove: Placed::nowhere(Duration::from_mins(10)),
        }
    }
}

impl Default for ProtectFiles {
    fn default() -> Self {
        Self { paths: Vec::new(), kubeadm_config: default_kubeadm_config() }
    }
}

fn unset() -> Placed<Name> {
    Placed::nowhere(Name::unset())
}

fn default_kubeadm_config() -> String {
    "/etc/kubernetes/kubeadm.yaml".to_owned()
}
