//! What a transplant can do, and which of it is done when. Start at [`Profile`].

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Something that a transplant does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// Addresses and identities of the old API servers go.
    ApiServers,
    /// Leases of leaders that are gone go: nobody waits until they are over.
    LeaderLeases,
    /// Nodes, their leases and what their storage drivers said go.
    Nodes,
    /// Passwords of nodes of k3s and RKE2 go: new nodes of old names are let in.
    NodeSecrets,
    /// Addresses of servers that k3s and RKE2 remember go.
    K3sAddresses,
    /// Pods on nodes that are gone go, if somebody makes them again.
    Pods,
    /// Pods without an owner are scheduled anew.
    BarePods,
    /// What is made of Services goes.
    Endpoints,
    /// Events go.
    Events,
    /// Attachments of volumes to nodes that are gone go.
    VolumeAttachments,
    /// What network plugins keep of nodes goes.
    Network,
    /// Where an address of an API server stands that nodes will call is told.
    Addresses,
    /// Volumes whose data is not at the other site by itself are told.
    Volumes,
    /// Webhooks with backends in the cluster turn nothing away.
    Webhooks,
    /// Addresses of load balancers go.
    LoadBalancers,
    /// Cron jobs are suspended.
    CronJobs,
    /// The agents that tie the cluster to its Rancher do not start.
    Agents,
}

/// All of them, with their names.
const NAMES: [(Item, &str); 17] = [
    (Item::ApiServers, "api-servers"),
    (Item::LeaderLeases, "leader-leases"),
    (Item::Nodes, "nodes"),
    (Item::NodeSecrets, "node-secrets"),
    (Item::K3sAddresses, "k3s-addresses"),
    (Item::Pods, "pods"),
    (Item::BarePods, "bare-pods"),
    (Item::Endpoints, "endpoints"),
    (Item::Events, "events"),
    (Item::VolumeAttachments, "volume-attachments"),
    (Item::Network, "network"),
    (Item::Addresses, "addresses"),
    (Item::Volumes, "volumes"),
    (Item::Webhooks, "webhooks"),
    (Item::LoadBalancers, "load-balancers"),
    (Item::CronJobs, "cron-jobs"),
    (Item::Agents, "agents"),
];

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name(&NAMES, *self))
    }
}

impl FromStr for Item {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        named(&NAMES, "item", text)
    }
}

/// The name that one of a table has.
fn name<T: PartialEq + Copy>(table: &[(T, &'static str)], one: T) -> &'static str {
    table.iter().find(|(it, _)| *it == one).map_or("", |(_, name)| name)
}

/// The one of a table that has a name.
fn named<T: Copy>(table: &[(T, &str)], what: &str, text: &str) -> Result<T, String> {
    let names = || table.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ");
    let found = table.iter().find(|(_, name)| *name == text);
    found
        .map(|(it, _)| *it)
        .ok_or_else(|| format!("there is no such {what}; there are {}", names()))
}

/// Where a cluster goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Back to the hosts that it was on.
    SameNodes,
    /// To other hosts at the same site.
    NewNodes,
    /// To the other site, which takes over.
    DrSite,
    /// Beside the one that goes on: it must not act on what is the other's.
    Clone,
}

const PROFILES: [(Profile, &str); 4] = [
    (Profile::SameNodes, "same-nodes"),
    (Profile::NewNodes, "new-nodes"),
    (Profile::DrSite, "dr-site"),
    (Profile::Clone, "clone"),
];

impl Profile {
    /// What is done then.
    pub fn items(self) -> BTreeSet<Item> {
        use Item::{
            Addresses, Agents, ApiServers, BarePods, CronJobs, Endpoints, Events, K3sAddresses, LeaderLeases,
            LoadBalancers, Network, NodeSecrets, Nodes, Pods, VolumeAttachments, Volumes, Webhooks,
        };
        let same = [ApiServers, LeaderLeases];
        let new = [
            Nodes,
            NodeSecrets,
            K3sAddresses,
            Pods,
            BarePods,
            Endpoints,
            VolumeAttachments,
            Network,
            Addresses,
        ];
        let site = [Events, Volumes, Webhooks, LoadBalancers];
        let clone = [CronJobs, Agents];
        let groups: &[&[Item]] = match self {
            Self::SameNodes => &[&same],
            Self::NewNodes => &[&same, &new],
            Self::DrSite => &[&same, &new, &site],
            Self::Clone => &[&same, &new, &site, &clone],
        };
        groups.concat().into_iter().collect()
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name(&PROFILES, *self))
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        named(&PROFILES, "profile", text)
    }
}
