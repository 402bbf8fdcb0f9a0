//! What a lab looks like now: hosts and their processes, clusters, agents, names, faults.
//!
//! Start at [`take`]. Host by host this is read from the machine's own /proc, so that it tells the truth about a host that
//! no packet reaches; clusters and names are asked over the lab's network, from the machine.

mod agents;
mod names;
mod processes;

use crate::error::Result;
use crate::lab::Lab;
use crate::record::Phase;
use crate::topology::{Cluster, Host};
use estate::{Distribution, Name, Role};
use futures::future::join_all;
use serde::Serialize;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

/// How long a cluster gets to answer.
const ANSWER: Duration = Duration::from_secs(2);

/// Everything about a lab at one moment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The lab's name.
    pub name: Name,
    /// How far it has come.
    pub phase: Phase,
    /// Where its kubeconfigs, SSH key and logs are.
    pub directory: PathBuf,
    /// Its address range.
    pub subnet: String,
    /// Memory of all its processes, shared pages counted once, in MiB.
    pub memory_mib: u64,
    /// Its hosts.
    pub hosts: Vec<HostStatus>,
    /// Its clusters.
    pub clusters: Vec<ClusterStatus>,
    /// The agents of its downstream clusters.
    pub agents: Vec<AgentStatus>,
    /// What its name servers and resolvers answer.
    pub names: Vec<NameStatus>,
    /// The faults in force.
    pub faults: Vec<FaultStatus>,
}

/// A host.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostStatus {
    /// Its name.
    pub name: Name,
    /// Its site.
    pub site: Name,
    /// Its address.
    pub address: Ipv4Addr,
    /// Whether it runs.
    pub on: bool,
    /// Its init, as the machine numbers it.
    pub pid: Option<i32>,
    /// Memory of its processes in MiB.
    pub memory_mib: u64,
    /// What its supervisors know.
    pub processes: Vec<ProcessStatus>,
}

/// A process of a host.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessStatus {
    /// Its name.
    pub name: String,
    /// Its number on its host; none where it does not run.
    pub pid: Option<i32>,
    /// Whether it should run.
    pub wanted: bool,
    /// Whether it runs, is not paused, and listens where it should.
    pub healthy: bool,
    /// Why it is not healthy; empty where it is.
    pub reason: String,
}

/// A cluster.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub role: Role,
    /// Whose file layout it has.
    pub distribution: Distribution,
    /// Its hosts.
    pub hosts: Vec<Name>,
    /// Its API.
    pub server: String,
    /// Its administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// Whether its API server says that it is ready.
    pub ready: bool,
    /// Why it is not; empty where it is.
    pub reason: String,
}

/// The agent of a downstream cluster.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentStatus {
    /// The cluster.
    pub cluster: Name,
    /// The cluster's id at the manager.
    pub id: String,
    /// Whether the agent holds a tunnel and the manager says so too, where it can be asked.
    pub connected: bool,
    /// Since when the agent is in its state, RFC 3339.
    pub since: String,
    /// What the agent gives as the reason of its state.
    pub reason: String,
    /// The condition `Connected` at the manager; none where it cannot be asked.
    pub condition: Option<String>,
}

/// The manager's name, as one server answers it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NameStatus {
    /// The name that was asked for.
    pub name: String,
    /// The host that was asked.
    pub server: Name,
    /// Its address for names.
    pub address: Ipv4Addr,
    /// What it answered; empty where it did not.
    pub answer: String,
}

/// A fault in force.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultStatus {
    /// Its number.
    pub id: u32,
    /// What is broken.
    pub what: String,
}

pub(crate) async fn take(lab: &Lab) -> Result<Status> {
    let topology = lab.topology();
    let (clusters, agents, names) = futures::join!(
        join_all(topology.clusters.iter().map(|c| cluster(lab, c))),
        agents::take(lab),
        names::take(topology),
    );
    let mut hosts = hosts(lab);
    for host in &mut hosts {
        host.memory_mib = host.pid.map_or(0, processes::memory);
    }
    Ok(Status {
        name: topology.name().clone(),
        phase: lab.record.phase,
        directory: lab.place.directory.clone(),
        subnet: topology.subnet.to_string(),
        memory_mib: hosts.iter().map(|h| h.memory_mib).sum(),
        hosts,
        clusters: clusters.into_iter().collect::<Result<_>>()?,
        agents,
        names: names?,
        faults: lab
            .faults()
            .iter()
            .map(|f| FaultStatus { id: f.id, what: f.what.to_string() })
            .collect(),
    })
}

/// The hosts alone, without the cost of their memory and of the rest.
pub(crate) fn hosts(lab: &Lab) -> Vec<HostStatus> {
    lab.topology().hosts.iter().map(|h| host(lab, h)).collect()
}

fn host(lab: &Lab, host: &Host) -> HostStatus {
    let init = crate::host::init(&lab.place, host);
    HostStatus {
        name: host.name.clone(),
        site: host.site.clone(),
        address: host.address,
        on: init.is_some(),
        pid: init.map(|p| p.pid),
        memory_mib: 0,
        processes: init.map(|init| processes::take(lab, host, init.pid)).unwrap_or_default(),
    }
}

async fn cluster(lab: &Lab, cluster: &Cluster) -> Result<ClusterStatus> {
    let host = lab.topology().control_plane(cluster)?;
    let reason = match lab.client(cluster.name.as_str()).await {
        Err(reason) => reason.to_string(),
        Ok(client) => match tokio::time::timeout(ANSWER, client.ready()).await {
            Ok(Ok(())) => String::new(),
            Ok(Err(reason)) => reason.to_string(),
            Err(_elapsed) => format!("no answer in {} s", ANSWER.as_secs()),
        },
    };
    Ok(ClusterStatus {
        name: cluster.name.clone(),
        role: cluster.role,
        distribution: cluster.distribution,
        hosts: cluster.hosts.clone(),
        server: format!("https://{}:6443", host.address),
        kubeconfig: lab.kubeconfig(cluster.name.as_str()),
        ready: reason.is_empty(),
        reason,
    })
}
