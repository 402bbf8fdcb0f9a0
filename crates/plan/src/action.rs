//! What a step does, with all that it needs to know. The names of the kinds are those of the playbooks' steps.

use estate::{Distribution, Epoch, Name, Part, PointId, Standing};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// What a step does. One kind, one file in `recovery`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the structs say it")]
pub enum Action {
    #[serde(rename = "copy.fetch")]
    FetchCopy(FetchCopy),
    #[serde(rename = "fence")]
    Fence(Fence),
    #[serde(rename = "controlplane.stop")]
    StopControlPlane(StopControlPlane),
    #[serde(rename = "etcd.restore")]
    RestoreEtcd(RestoreEtcd),
    #[serde(rename = "files.restore")]
    RestoreFiles(RestoreFiles),
    #[serde(rename = "certificates.issue")]
    IssueCertificates(IssueCertificates),
    #[serde(rename = "controlplane.start")]
    StartControlPlane(StartControlPlane),
    #[serde(rename = "manager.start")]
    StartManager(StartManager),
    #[serde(rename = "dns.switch")]
    SwitchDns(SwitchDns),
    #[serde(rename = "agents.await")]
    AwaitAgents(AwaitAgents),
}

impl Action {
    /// The kind's name, as playbooks have it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::FetchCopy(_) => "copy.fetch",
            Self::Fence(_) => "fence",
            Self::StopControlPlane(_) => "controlplane.stop",
            Self::RestoreEtcd(_) => "etcd.restore",
            Self::RestoreFiles(_) => "files.restore",
            Self::IssueCertificates(_) => "certificates.issue",
            Self::StartControlPlane(_) => "controlplane.start",
            Self::StartManager(_) => "manager.start",
            Self::SwitchDns(_) => "dns.switch",
            Self::AwaitAgents(_) => "agents.await",
        }
    }
}

/// Opens the copy, checks all of it, and lays it ready on the host. Changes nothing that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FetchCopy {
    /// The cluster whose copy it is.
    pub cluster: Name,
    /// The repository.
    pub repository: Name,
    /// The point.
    pub point: PointId,
    /// Whether it is recovered from though nobody who is trusted has signed it: a person accepts that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accept_unsigned: bool,
    /// Its parts, as its manifest named them when the plan was made.
    pub parts: Vec<Part>,
    /// The host to lay it ready on.
    pub host: Name,
    /// Where, on that host: a directory of this takeover alone.
    pub directory: String,
    /// What later steps need there: the data directory that etcd will start on.
    pub data_dir: String,
    /// And kubeadm's configuration.
    pub kubeadm_config: String,
}

/// Makes sure that the former site cannot serve any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fence {
    /// The cluster.
    pub cluster: Name,
    /// The epoch to be promised, and to whom.
    pub standing: Standing,
    /// The site that must not serve any more.
    pub former: Name,
    /// Everyone who votes.
    pub voters: Vec<Name>,
    /// Not if somebody reaches the former site again. True for a failover that no person asked for: a site that has come back
    /// since must not be taken down by a run that waited.
    pub unless_alive: bool,
}

/// Stops the control plane that the standby host runs of its own, if any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StopControlPlane {
    /// The host.
    pub host: Name,
    /// How it was installed.
    pub distribution: Distribution,
    /// What stops the manager there first.
    pub manager_stop: String,
}

/// Builds etcd's data directory from the copy, beside the one in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestoreEtcd {
    /// The host.
    pub host: Name,
    /// Where the copy lies there.
    pub directory: String,
    /// The member's name.
    pub member: String,
    /// Its URL for other members.
    pub peer_url: String,
    /// The data directory that etcd will start on.
    pub data_dir: String,
    /// How much higher than in the copy revisions go on, so that no client has seen one that now means something else.
    pub bump: u64,
}

/// Puts the restored data directory and the copied keys in place; what was there is kept aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestoreFiles {
    /// The host.
    pub host: Name,
    /// How it was installed.
    pub distribution: Distribution,
    /// Where the copy lies there.
    pub directory: String,
    /// The data directory that etcd will start on.
    pub data_dir: String,
    /// The epoch: what is replaced is kept aside under its number.
    pub epoch: Epoch,
}

/// Issues the certificates and kubeconfigs of the new host from the restored CA.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssueCertificates {
    /// The host.
    pub host: Name,
    /// kubeadm's configuration there.
    pub config: String,
}

/// Starts the control plane and sees that it works: a controller acts on something written now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartControlPlane {
    /// The cluster.
    pub cluster: Name,
    /// The host.
    pub host: Name,
    /// How it was installed.
    pub distribution: Distribution,
    /// The right by which it starts: without it, nothing does.
    pub standing: Standing,
    /// Everyone who votes.
    pub voters: Vec<Name>,
}

/// Starts the manager and sees that it answers under its own name with its own certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartManager {
    /// The cluster.
    pub cluster: Name,
    /// The host.
    pub host: Name,
    /// What starts it there.
    pub start: String,
    /// The name that agents dial.
    pub name: String,
    /// Where it is reached at this site.
    pub address: IpAddr,
}

/// Moves the name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SwitchDns {
    /// The name.
    pub name: String,
    /// Its zone.
    pub zone: String,
    /// The primary name server.
    pub server: SocketAddr,
    /// Where the name leads afterwards.
    pub to: IpAddr,
    /// For how long others may keep the answer, in seconds.
    pub ttl: u32,
    /// The zone's other name servers: those that answer must have the new address before a resolver is asked.
    pub secondaries: Vec<SocketAddr>,
    /// Who has to give the new answer.
    pub resolvers: Vec<SocketAddr>,
}

/// Sees every downstream cluster back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AwaitAgents {
    /// The management cluster.
    pub cluster: Name,
    /// The host of its control plane, which knows what clusters there are.
    pub host: Name,
    /// The manager's name.
    pub name: String,
    /// Where it is reached at this site.
    pub address: IpAddr,
}
