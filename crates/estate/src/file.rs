//! The estate file, `lifeboat.yaml`: its types are what the rest of Lifeboat knows of the estate.
//!
//! Start at [`Estate::parse`]. `place` keeps where a value stands in the text, `check` holds the rules between values, and
//! `error` shows what is wrong with line, column and an excerpt.

mod check;
mod cluster;
mod dns;
mod error;
mod keep;
mod notify;
mod place;
mod playbook;
mod reference;
mod referred;
mod schema;
mod snapshots;
mod store;

pub use cluster::{Cluster, EtcdAccess, Failover, Objectives, Protect, ProtectEtcd, ProtectFiles, Stand};
pub use dns::{AzureDns, BigIp, Cloudflare, Dns, DnsProvider, GoogleDns, Route53, TsigAlgorithm, TsigKey};
pub use error::{FileError, nearest};
pub use keep::Keep;
pub use notify::{Channel, Email, Form, MailTls, Severity, Webhook, WebhookUrl, is_safe_to_call};
pub use place::{Place, Placed};
pub use playbook::{KINDS, OnFailure, Parameter, ParameterType, Playbook, PlaybookStep};
pub use reference::SecretRef;
pub use referred::{Referred, What};
pub use schema::json_schema;
pub use snapshots::SnapshotPlace;
pub use store::{InvalidStoreUrl, StoreUrl};

use crate::{LockMode, Name, Role};
use reference::duration;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Everything protected, and how it is recovered. Paths in it are relative to the file's own directory.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Estate {
    /// What people call it.
    pub name: Name,
    /// The places that fail as a whole. A cluster with a standby needs three of them, each with a voter.
    pub sites: BTreeMap<Name, Site>,
    /// How the Lifeboats of the sites know each other. Needed where a cluster has a standby.
    pub peers: Option<Peers>,
    /// The machines that Lifeboat works on.
    #[serde(default)]
    pub hosts: BTreeMap<Name, Host>,
    /// Where copies live.
    pub repositories: BTreeMap<Name, Repository>,
    /// What is protected.
    pub clusters: BTreeMap<Name, Cluster>,
    /// What is asked of every cluster's protection, unless the cluster says otherwise.
    #[serde(default)]
    pub objectives: Objectives,
    /// The names that move, and who is told. Needed where a cluster has a standby.
    pub dns: Option<Dns>,
    /// What is watched, and when a site counts as lost.
    #[serde(default)]
    pub monitor: Monitor,
    /// Who is called on such a day, by name: people who decide, who know, who have keys.
    #[serde(default)]
    pub contacts: BTreeMap<Name, Contact>,
    /// What people and Lifeboat do on the day, by name.
    #[serde(default)]
    pub playbooks: BTreeMap<Name, Placed<Playbook>>,
    /// What is sealed into the repository besides the copies.
    #[serde(default)]
    pub kit: KitSettings,
    /// Who is told when nobody looks, by channel.
    #[serde(default)]
    pub notify: BTreeMap<Name, Placed<Channel>>,
}

/// Somebody who is called.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Contact {
    /// What for: "decides", "has the keys of the safe".
    pub what: String,
    /// A telephone number.
    pub phone: Option<String>,
    /// Another way: an address, a channel.
    pub at: Option<String>,
}

/// A place that fails as a whole.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Site {
    /// The host on which `lifeboat serve` of this site runs that votes. Where a cluster has a standby, three sites have one; further sites,
    /// at which other clusters stand, have none.
    pub host: Option<Placed<Name>>,
    /// Where it listens to the other sites: an address of that host, with a port. Never a name: a recovery needs no DNS.
    pub serve: Option<Placed<SocketAddr>>,
}

/// What the Lifeboats of the sites share with each other.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Peers {
    /// The key that signs what they say to each other: 32 random bytes or more, base64.
    pub key: SecretRef,
}

/// A machine.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Host {
    /// The site that it stands in.
    pub site: Placed<Name>,
    /// Its address.
    pub address: IpAddr,
    /// How others enter it. Without this only a Lifeboat on the host itself can work there.
    pub ssh: Option<Ssh>,
}

/// How a host is entered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ssh {
    /// The user. It must be root, or what is done there must be allowed to it.
    #[serde(default = "default_user")]
    pub user: String,
    /// The port.
    #[serde(default = "default_ssh_port")]
    pub port: u16,
    /// The private key; without it OpenSSH's own settings decide.
    pub identity: Option<PathBuf>,
    /// The file of known host keys; without it OpenSSH's own.
    pub known_hosts: Option<PathBuf>,
}

/// Where copies live.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Repository {
    /// The site that it is lost with.
    pub site: Placed<Name>,
    /// Where it is: a directory or a bucket.
    pub url: Placed<StoreUrl>,
    /// The URL of the server, `http://` or `https://`; without it the cloud's own.
    pub endpoint: Option<Placed<String>>,
    /// The region of an S3 bucket; without it the environment's, or else `us-east-1`.
    pub region: Option<Placed<String>>,
    /// The id of an S3 access key. Without credentials here they are the environment's, or else the cloud's own.
    pub access_key: Option<Placed<SecretRef>>,
    /// The secret of that key.
    pub secret_key: Option<Placed<SecretRef>>,
    /// The key file of a Google service account, JSON.
    pub service_account: Option<Placed<SecretRef>>,
    /// The storage account of an Azure container; without it the environment's.
    pub account: Option<Placed<String>>,
    /// A key of that account.
    pub account_key: Option<Placed<SecretRef>>,
    /// How what is stored is locked, where the bucket has object lock; without this Lifeboat locks nothing.
    pub lock: Option<Placed<LockMode>>,
    /// The repository that this one is a copy of. The Lifeboat of this one's site keeps it, all the time.
    pub copy_of: Option<Placed<Name>>,
    /// Time from the end of one round of copying to the beginning of the next.
    #[serde(default = "default_copy_every", deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub copy_every: Placed<Duration>,
    /// Who can open what is kept there: public keys of age or ssh, or the word `passphrase`. Two of everything at least, since a
    /// lost key is a lost estate. Those of a copy are those of what it is a copy of.
    #[serde(default)]
    pub recipients: Vec<KeyHolder>,
    /// Whose signatures count there: public signing keys.
    #[serde(default)]
    pub writers: Vec<KeyHolder>,
    /// The file of this host's identity: of age, or an ssh private key.
    pub identity: SecretRef,
    /// The file of the key with which this host signs what it writes there.
    pub signer: Option<SecretRef>,
    /// The public key of who decides whose signatures count. Pinned here, the store cannot replace it.
    pub root: Option<Placed<String>>,
}

/// Somebody with a key: a host, or a person.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyHolder {
    /// What people call it.
    pub name: Name,
    /// The public key.
    pub key: Placed<String>,
    /// The clusters that it is for; without this everything, what the clusters share included.
    pub clusters: Option<Vec<Placed<Name>>>,
}

/// The recovery kit: what is sealed into the repository besides the copies.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KitSettings {
    /// What is not: the places in this file, such as `dns.key.secret`.
    pub leave_out: Vec<Placed<String>>,
}

/// The manager, and how it is started, stopped and asked.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manager {
    /// The name that agents and people dial.
    pub name: Placed<String>,
    /// The port there.
    #[serde(default = "default_https_port")]
    pub port: u16,
    /// Where it listens on its host, if that is another port, as behind a load balancer: a site that may not serve is cut off there.
    #[serde(default)]
    pub listens: Vec<u16>,
    /// The CA of its certificate, PEM. The certificate comes back with the copy, so it is the same at both sites.
    pub ca: PathBuf,
    /// An API token of it.
    pub token: SecretRef,
    /// How long a failover waits for the agents of the downstream clusters. They notice a silent death after 60 s.
    #[serde(default = "default_agents_within", deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub agents_within: Placed<Duration>,
    /// What starts it on a control plane's host, for `sh`. Must do no harm when it runs already.
    pub start: String,
    /// What stops it there, for `sh`, and returns when it has. Must do no harm when it does not run.
    pub stop: String,
}

/// What is watched, and when a site counts as lost.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Monitor {
    /// What is asked at the primary. The site counts as lost only while all of them fail.
    pub probes: Vec<Probe>,
    /// Time from one round of probes to the next.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub every: Placed<Duration>,
    /// How long all observers must have seen nothing but failure before a site is declared lost.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub declare_after: Placed<Duration>,
    /// How long the site that serves may go on after the last time that another site confirmed it.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub lease: Placed<Duration>,
    /// How much the newest proven copy may lack, up to the site's last sign of life, for a failover that no person asked for.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub maximum_loss: Placed<Duration>,
    /// Who declares.
    pub mode: Mode,
    /// Whether the kernel of the host that serves lets nobody through once nobody has confirmed it for 90 % of a lease, even if
    /// `lifeboat serve` hangs there or was killed. Without it, such a site serves on until its power or its ways are cut.
    pub watchdog: bool,
}

/// Something that is asked at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Probe {
    /// `/ping` of the manager, at the site's own address under the public name.
    Manager,
    /// `/readyz` of the control plane's API server.
    Api,
}

/// Who declares a failover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Lifeboat proposes, a person declares.
    #[default]
    Propose,
    /// Lifeboat declares when the evidence is there.
    Automatic,
}

impl Default for Monitor {
    fn default() -> Self {
        let seconds = |n| Placed::nowhere(Duration::from_secs(n));
        Self {
            probes: vec![Probe::Manager, Probe::Api],
            every: seconds(1),
            declare_after: seconds(10),
            lease: seconds(10),
            maximum_loss: seconds(60),
            mode: Mode::default(),
            watchdog: true,
        }
    }
}

impl Estate {
    /// Reads an estate file. `name` is what errors call it.
    ///
    /// # Errors
    /// [`FileError`] with the place of the first thing that is wrong: YAML, an unknown key, a wrong type, a reference to
    /// nothing, an impossible combination.
    pub fn parse(name: &str, text: &str) -> Result<Self, FileError> {
        let mut estate: Self = serde_saphyr::from_str(text).map_err(|error| FileError::of_yaml(name, text, &error))?;
        estate.fill();
        estate.check().map_err(|wrong| FileError::of_rule(name, text, wrong))?;
        Ok(estate)
    }

    /// The cluster that Rancher runs in. There is one at most.
    pub fn management(&self) -> Option<(&Name, &Cluster)> {
        self.clusters.iter().find(|(_, cluster)| *cluster.role == Role::Management)
    }

    /// The cluster that has a standby, and what its failover needs. There is one at most, and then [`Estate::parse`] has seen that all
    /// of it is there.
    pub fn failover(&self) -> Option<Failover<'_>> {
        self.clusters.iter().find_map(|(name, of)| {
            Some(Failover {
                name,
                of,
                primary: of.primary.as_ref()?,
                standby: of.standby.as_ref()?,
                manager: of.manager.as_ref()?,
                dns: self.dns.as_ref()?,
                peers: self.peers.as_ref()?,
            })
        })
    }

    /// What the repository called `name` is a copy of; itself, if it is none.
    pub fn original<'a>(&'a self, name: &'a Name) -> &'a Name {
        let copy_of = self.repositories.get(name).and_then(|of| of.copy_of.as_deref());
        copy_of.unwrap_or(name)
    }

    /// The site of a stand.
    pub fn site_of(&self, stand: &Stand) -> Option<&Name> {
        self.site_of_host(&stand.host)
    }

    /// The site of a host.
    pub fn site_of_host(&self, host: &Name) -> Option<&Name> {
        self.hosts.get(host).map(|host| &*host.site)
    }

    /// Where a cluster stands on an ordinary day, as far as the estate says.
    pub fn home_of<'a>(&'a self, cluster: &'a Cluster) -> Option<&'a Name> {
        let of_host = || self.site_of_host(cluster.hosts.first()?);
        cluster.site.as_deref().or_else(of_host)
    }

    /// The sites that vote on who serves: those at which a `serve` listens to the others.
    pub fn voters(&self) -> impl Iterator<Item = &Name> {
        let voting = self.sites.iter().filter(|(_, site)| site.serve.is_some());
        voting.map(|(name, _)| name)
    }

    /// The site whose `serve` runs on the host called `host`.
    pub fn site_on(&self, host: &str) -> Option<&Name> {
        let here = |site: &Site| site.host.as_ref().is_some_and(|at| at.as_str() == host);
        self.sites.iter().find(|(_, site)| here(site)).map(|(name, _)| name)
    }

    /// The clusters that `lifeboat serve` on the host `here` protects: those that name it, and those that name nobody.
    pub fn protected_on<'a>(&'a self, here: Option<&'a Name>) -> impl Iterator<Item = (&'a Name, &'a Cluster)> {
        self.clusters.iter().filter(move |(_, cluster)| {
            let by = cluster.protectors();
            by.is_empty() || here.is_some_and(|here| by.iter().any(|host| **host == *here))
        })
    }

    /// Whether `lifeboat serve` on the host `here` keeps the newest state of a cluster's etcd ready: at its standby, and where it says so.
    pub fn follows(&self, cluster: &Name, here: &Name) -> bool {
        self.clusters.get(cluster).is_some_and(|of| {
            let is_standby = of.standby.as_ref().is_some_and(|stand| *stand.host == *here);
            is_standby || of.protect.follow.iter().any(|host| **host == *here)
        })
    }

    /// What a cluster's protection is asked for: its own objectives, and where it names none, those of the estate.
    pub fn objectives_of(&self, cluster: &Cluster) -> Objectives {
        let own = &cluster.objectives;
        Objectives {
            rpo: own.rpo.or(self.objectives.rpo),
            rto: own.rto.or(self.objectives.rto),
        }
    }

    /// What is not said is filled in where only one thing can be meant.
    fn fill(&mut self) {
        let mut originals = self
            .repositories
            .iter()
            .filter(|(_, of)| of.copy_of.is_none())
            .map(|(name, _)| name);
        let only = originals.next().cloned().filter(|_| originals.next().is_none());
        for cluster in self.clusters.values_mut() {
            cluster.fill(only.as_ref());
        }
    }
}

fn default_copy_every() -> Placed<Duration> {
    Placed::nowhere(Duration::from_secs(60))
}

fn default_user() -> String {
    "root".to_owned()
}

fn default_ssh_port() -> u16 {
    22
}

fn default_agents_within() -> Placed<Duration> {
    Placed::nowhere(Duration::from_secs(240))
}

fn default_https_port() -> u16 {
    443
}

#[cfg(test)]
mod tests;
