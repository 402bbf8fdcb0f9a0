//! What a lab consists of: from a few [`Options`] to every site, host, address and cluster, decided purely.
//!
//! Start at [`Topology::new`]. Nothing here touches the machine; what is built from it is in `parts`, `network`, `host`.

mod options;

pub use options::{EtcdLine, Options, Subnet};

use crate::error::{Error, Result};
use estate::{Distribution, Name, Role};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// The zone that every lab's names are in.
pub const ZONE: &str = "lab.test";
/// The name that agents dial, and that moves at a failover.
pub const MANAGER_NAME: &str = "rancher.lab.test";

/// Everything in a lab, with nothing left to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Topology {
    /// What was asked for.
    pub options: Options,
    /// The address range of the whole lab.
    pub subnet: Subnet,
    /// The places that fail as a whole, and the backbone between them.
    pub sites: Vec<Site>,
    /// Every host, in the order of their addresses.
    pub hosts: Vec<Host>,
    /// Every cluster.
    pub clusters: Vec<Cluster>,
}

/// A place that fails as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Site {
    /// Its name.
    pub name: Name,
    /// Its number: the third octet of its addresses.
    pub index: u8,
}

/// A machine of the lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Host {
    /// Its host name; in DNS it is followed by [`ZONE`].
    pub name: Name,
    /// The site that it stands in.
    pub site: Name,
    /// Its address.
    pub address: Ipv4Addr,
    /// What runs on it.
    pub parts: Vec<Part>,
}

/// What a host runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// etcd, API server, controller-manager and scheduler of a cluster.
    ControlPlane(Name),
    /// A further etcd member of a cluster.
    EtcdMember(Name),
    /// The management application; started at boot only where it serves first.
    Manager {
        /// Whether it is started at boot.
        serving: bool,
    },
    /// The agent of a downstream cluster.
    Agent(Name),
    /// The primary name server of the zone.
    PrimaryNameserver,
    /// A secondary name server of the zone.
    SecondaryNameserver,
    /// A caching resolver for the hosts of its site.
    Resolver,
    /// S3.
    ObjectStore,
    /// A container registry.
    Registry,
    /// HAProxy in front of the site's manager.
    LoadBalancer,
    /// An empty machine, made while the lab runs: a distribution's programs, and no cluster.
    Spare,
}

/// A Kubernetes cluster of the lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cluster {
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub role: Role,
    /// Where its files lie on its hosts.
    pub distribution: Distribution,
    /// Its hosts: the first has the control plane, all have an etcd member.
    pub hosts: Vec<Name>,
    /// The id under which the manager knows it, for downstream clusters.
    pub id: Option<String>,
}

impl Topology {
    /// Lays out the lab that `options` ask for, in `subnet`.
    ///
    /// # Errors
    /// [`Error::Topology`] where an option is out of its range.
    pub fn new(options: Options, subnet: Subnet) -> Result<Self> {
        options.check()?;
        let mut plan = Planner { subnet, sites: Vec::new(), hosts: Vec::new() };
        let (main, standby) = (name("main")?, name("standby")?);
        let mut clusters = Vec::new();
        for (site, cluster, serving) in [(main, "rancher", true), (standby, "rancher-standby", false)] {
            plan.site(&site);
            let cluster = name(cluster)?;
            let first =
                plan.host(&format!("{site}-1"), vec![Part::ControlPlane(cluster.clone()), Part::Manager { serving }])?;
            let mut hosts = vec![first];
            for member in 2..=options.etcd_members {
                hosts.push(plan.host(&format!("{site}-{member}"), vec![Part::EtcdMember(cluster.clone())])?);
            }
            plan.host(
                &format!("{site}-svc"),
                vec![
                    Part::SecondaryNameserver,
                    Part::Resolver,
                    Part::ObjectStore,
                    Part::Registry,
                    Part::LoadBalancer,
                ],
            )?;
            clusters.push(Cluster {
                name: cluster,
                role: Role::Management,
                distribution: options.layout,
                hosts,
                id: None,
            });
        }
        plan.site(&name("witness")?);
        plan.host("witness", Vec::new())?;
        plan.site(&name("edge")?);
        for number in 1..=options.edges {
            let cluster = name(&format!("edge-{number}"))?;
            let host = plan.host(
                &format!("edge-{number}"),
                vec![Part::ControlPlane(cluster.clone()), Part::Agent(cluster.clone())],
            )?;
            clusters.push(Cluster {
                id: Some(format!("c-edge{number}")),
                name: cluster,
                role: Role::Downstream,
                distribution: options.layout,
                hosts: vec![host],
            });
        }
        plan.host("edge-svc", vec![Part::Resolver])?;
        plan.site(&name("backbone")?);
        plan.host("backbone", vec![Part::PrimaryNameserver])?;
        Ok(Self {
            options,
            subnet,
            sites: plan.sites,
            hosts: plan.hosts,
            clusters,
        })
    }

    /// The lab's name.
    pub fn name(&self) -> &Name {
        &self.options.name
    }

    /// The host called `name`.
    pub fn host(&self, name: &str) -> Result<&Host> {
        self.hosts
            .iter()
            .find(|h| h.name.as_str() == name)
            .ok_or_else(|| self.no_such("host", name, self.hosts.iter().map(|h| &h.name)))
    }

    /// The site called `name`.
    pub fn site(&self, name: &str) -> Result<&Site> {
        self.sites
            .iter()
            .find(|s| s.name.as_str() == name)
            .ok_or_else(|| self.no_such("site", name, self.sites.iter().map(|s| &s.name)))
    }

    /// The cluster called `name`.
    pub fn cluster(&self, name: &str) -> Result<&Cluster> {
        self.clusters
            .iter()
            .find(|c| c.name.as_str() == name)
            .ok_or_else(|| self.no_such("cluster", name, self.clusters.iter().map(|c| &c.name)))
    }

    /// The hosts of a site.
    pub fn hosts_of<'a>(&'a self, site: &'a Name) -> impl Iterator<Item = &'a Host> {
        self.hosts.iter().filter(move |h| &h.site == site)
    }

    /// The hosts that run a part for which `wanted` says yes.
    pub fn hosts_with<'a>(&'a self, wanted: impl Fn(&Part) -> bool + 'a) -> impl Iterator<Item = &'a Host> {
        self.hosts.iter().filter(move |h| h.parts.iter().any(&wanted))
    }

    /// The host with the control plane of `cluster`.
    pub fn control_plane(&self, cluster: &Cluster) -> Result<&Host> {
        let first = cluster.hosts.first().map_or("", |n| n.as_str());
        self.host(first)
    }

    /// The address of the site's load balancer, in front of its manager.
    pub fn load_balancer(&self, site: &str) -> Result<Ipv4Addr> {
        self.hosts_with(|p| *p == Part::LoadBalancer)
            .find(|h| h.site.as_str() == site)
            .map(|h| h.address)
            .ok_or_else(|| self.no_such("load balancer at site", site, self.sites.iter().map(|s| &s.name)))
    }

    /// Adds an empty machine, and says which: the one that is there already, if it is the same.
    ///
    /// # Errors
    /// [`Error::Topology`] where its name or address is another's, or the site has no room for it.
    pub(crate) fn add(&mut self, name: &Name, site: &Name, address: Option<Ipv4Addr>) -> Result<Host> {
        let wrong = |reason: String| Err(Error::Topology { object: format!("host {name}"), reason });
        let index = self.site(site.as_str())?.index;
        if let Some(known) = self.hosts.iter().find(|host| host.name == *name) {
            return match known.site == *site
                && address.is_none_or(|it| it == known.address)
                && known.parts == [Part::Spare]
            {
                true => Ok(known.clone()),
                false => wrong(format!("the lab has one of this name, at {} with {}", known.site, known.address)),
            };
        }
        let taken: Vec<Ipv4Addr> = self.hosts.iter().flat_map(|host| crate::parts::addresses(self, host)).collect();
        let mut free = (10..250)
            .map(|last| self.subnet.address(index, last))
            .filter(|it| !taken.contains(it));
        let address = match address {
            None => free.next(),
            Some(address) => free.find(|it| *it == address),
        };
        let Some(address) = address else {
            let own = self.subnet.address(index, 0);
            return wrong(format!("its address is taken, or none of {own}/24 from .10 to .249"));
        };
        let host = Host {
            name: name.clone(),
            site: site.clone(),
            address,
            parts: vec![Part::Spare],
        };
        self.hosts.push(host.clone());
        Ok(host)
    }

    /// The resolver that `host` uses: its site's own, or the edges' where its site has none.
    pub fn resolver_for(&self, host: &Host) -> Option<Ipv4Addr> {
        let resolvers = || self.hosts_with(|p| *p == Part::Resolver);
        resolvers()
            .find(|r| r.site == host.site)
            .or_else(|| resolvers().find(|r| r.site.as_str() == "edge"))
            .map(|r| r.address)
    }

    /// The primary name server's address.
    pub fn primary_nameserver(&self) -> Option<Ipv4Addr> {
        self.hosts_with(|p| *p == Part::PrimaryNameserver).map(|h| h.address).next()
    }

    fn no_such<'a>(&self, what: &'static str, name: &str, known: impl Iterator<Item = &'a Name>) -> Error {
        let known: Vec<&str> = known.map(Name::as_str).collect();
        Error::NoSuch {
            lab: self.name().to_string(),
            what,
            name: name.to_owned(),
            known: known.join(", "),
        }
    }
}

struct Planner {
    subnet: Subnet,
    sites: Vec<Site>,
    hosts: Vec<Host>,
}

impl Planner {
    fn site(&mut self, name: &Name) {
        let index = u8::try_from(self.sites.len() + 1).unwrap_or(u8::MAX);
        self.sites.push(Site { name: name.clone(), index });
    }

    fn host(&mut self, host: &str, parts: Vec<Part>) -> Result<Name> {
        let host = name(host)?;
        if let Some(site) = self.sites.last() {
            // .1 is the site's router; hosts count from .10.
            let there = self.hosts.iter().filter(|h| h.site == site.name).count();
            let last = u8::try_from(10 + there).unwrap_or(u8::MAX);
            self.hosts.push(Host {
                name: host.clone(),
                site: site.name.clone(),
                address: self.subnet.address(site.index, last),
                parts,
            });
        }
        Ok(host)
    }
}

fn name(text: &str) -> Result<Name> {
    text.parse()
        .map_err(|e: estate::InvalidName| Error::Topology { object: format!("name {text:?}"), reason: e.to_string() })
}

#[cfg(test)]
mod tests;
