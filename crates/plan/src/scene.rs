//! Estate and facts side by side: what the kinds of steps look at, and what expressions in playbooks may name. Start at [`Scene::new`].

use crate::action::Moment;
use crate::facts::{Chosen, Facts, NoPlan, Target};
use crate::kinds::onto::{BUMP, Onto};
use crate::playbook::expression::Scope;
use estate::{Cluster, Distribution, Epoch, Estate, Failover, Name, Stand, Standing};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a plan is made on.
pub(crate) struct Scene<'a> {
    pub(crate) estate: &'a Estate,
    pub(crate) cluster: &'a Name,
    pub(crate) of: &'a Cluster,
    pub(crate) distribution: Distribution,
    pub(crate) facts: &'a Facts,
    /// The right that the new site will have, of a failover.
    pub(crate) takeover: Option<Takeover<'a>>,
    /// The site that the copy is of, and the one that the cluster comes up at.
    pub(crate) from: Name,
    pub(crate) to: Name,
    /// Everything that is replaced is kept aside under this name.
    label: String,
    /// Where copies lie ready on hosts.
    directory: String,
    bump: u64,
    initial_cluster: String,
}

/// How a host is entered.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    options: String,
    port: Option<u16>,
    /// `USER@ADDRESS`.
    pub(crate) at: String,
}

impl Way {
    /// `ssh`, with its options.
    pub(crate) fn ssh(&self) -> String {
        let port = self.port.map(|port| format!(" -p {port}")).unwrap_or_default();
        format!("ssh{}{port}", self.options)
    }

    /// `scp`, with its options.
    pub(crate) fn scp(&self) -> String {
        let port = self.port.map(|port| format!(" -P {port}")).unwrap_or_default();
        format!("scp{}{port}", self.options)
    }
}

/// Which of its two sites a cluster moves to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Toward {
    /// To where it comes back when the other is gone.
    #[default]
    Standby,
    /// Back to where it serves on an ordinary day.
    Primary,
}

/// A cluster moves from one site to another.
pub(crate) struct Takeover<'a> {
    pub(crate) of: Failover<'a>,
    pub(crate) toward: Toward,
    pub(crate) stand: &'a Stand,
    /// Where it served.
    pub(crate) former_stand: &'a Stand,
    pub(crate) standing: Standing,
}

impl<'a> Scene<'a> {
    /// `moves`: whereto, where the playbook takes the right to serve, so that the cluster comes up at another site.
    pub(crate) fn new(
        estate: &'a Estate,
        cluster: &'a Name,
        facts: &'a Facts,
        moves: Option<Toward>,
        now: Timestamp,
    ) -> Result<Self, NoPlan> {
        let unknown = || NoPlan::Estate(cluster.clone());
        let of = estate.clusters.get(cluster).ok_or_else(unknown)?;
        let distribution = facts.distribution.unwrap_or_else(|| of.distribution());
        let takeover = match moves {
            Some(toward) => Some(takeover(estate, cluster, facts, toward)?),
            None => None,
        };
        let home = estate.home_of(of).or_else(|| estate.sites.keys().next()).ok_or_else(unknown)?;
        let serving = facts.targets.iter().find(|target| !target.alone);
        let at = serving.and_then(|target| estate.site_of_host(&target.host));
        let to = match &takeover {
            Some(takeover) => takeover.standing.holder.clone(),
            None => at.unwrap_or(home).clone(),
        };
        if let (None, Some(standing), Some(target)) = (&takeover, &facts.standing, serving)
            && standing.holder != to
        {
            return Err(NoPlan::ServesElsewhere {
                cluster: cluster.clone(),
                holder: standing.holder.clone(),
                host: target.host.clone(),
            });
        }
        let from = match (&takeover, &facts.chosen) {
            (Some(takeover), _) => estate.site_of(takeover.former_stand).ok_or_else(unknown)?.clone(),
            (None, Some(chosen)) => chosen.point.site.clone(),
            (None, None) => home.clone(),
        };
        let (label, directory) = match &takeover {
            Some(Takeover { standing, .. }) => {
                (standing.epoch.to_string(), format!("/var/lib/lifeboat/takeover-{:06}", standing.epoch.0))
            }
            None => {
                // Nothing of an earlier restore is taken for this one's.
                let label = now.strftime("%Y%m%dT%H%M%SZ").to_string();
                let directory = format!("/var/lib/lifeboat/restore-{label}");
                (label, directory)
            }
        };
        // Watchers that have seen higher ones would take new revisions for what they know.
        let bump = match &facts.etcd {
            Some(etcd) => facts.highest.unwrap_or(0).saturating_sub(etcd.revision()).saturating_add(BUMP),
            None => BUMP,
        };
        let members = facts
            .targets
            .iter()
            .map(|it| format!("{}={}", it.member.name, it.member.peer_url));
        let initial_cluster = members.collect::<Vec<_>>().join(",");
        Ok(Self {
            estate,
            cluster,
            of,
            distribution,
            facts,
            takeover,
            from,
            to,
            label,
            directory,
            bump,
            initial_cluster,
        })
    }

    /// The copy, if it has what is needed.
    pub(crate) fn chosen(&self) -> Result<Option<&'a Chosen>, NoPlan> {
        let Some(chosen) = &self.facts.chosen else {
            return Ok(None);
        };
        let bad = |reason: String| Err(NoPlan::Copy { point: chosen.point.id.to_string(), reason });
        if chosen.point.part("files").is_none() {
            return bad("it has no part \"files\"".to_owned());
        }
        if let (true, Some(reason)) = (self.facts.automatic, &chosen.unsigned) {
            return bad(format!("it is not to be trusted, and nobody accepts that: {reason}"));
        }
        Ok(Some(chosen))
    }

    /// Whether ids need the host's name behind them.
    pub(crate) fn has_several(&self) -> bool {
        self.facts.targets.len() + self.facts.stopped.len() > 1
    }

    /// How a host is entered without DNS, which may be lost: the options of ssh, and `USER@ADDRESS`; those of scp differ in the port alone.
    pub(crate) fn way(&self, host: &Name) -> Way {
        let Some(known) = self.estate.hosts.get(host) else {
            return Way {
                options: String::new(),
                port: None,
                at: format!("root@{host}"),
            };
        };
        let ssh = known.ssh.as_ref();
        let identity = ssh
            .and_then(|ssh| ssh.identity.as_ref())
            .map(|path| format!(" -i {}", path.display()));
        let known_hosts = ssh.and_then(|ssh| ssh.known_hosts.as_ref());
        let known_hosts = known_hosts.map(|path| format!(" -o UserKnownHostsFile={}", path.display()));
        Way {
            options: format!("{}{}", identity.unwrap_or_default(), known_hosts.unwrap_or_default()),
            port: ssh.map(|ssh| ssh.port).filter(|port| *port != 22),
            at: format!("{}@{}", ssh.map_or("root", |ssh| ssh.user.as_str()), known.address),
        }
    }

    /// The id of a step on one of the hosts.
    pub(crate) fn id_on(&self, id: &str, host: &Name) -> String {
        match self.has_several() {
            true => format!("{id}-{host}"),
            false => id.to_owned(),
        }
    }

    /// A host that the cluster comes up on, for the step called `id`.
    pub(crate) fn onto<'b>(&'b self, target: &'b Target, id: &str) -> Onto<'b> {
        Onto {
            cluster: self.cluster,
            repository: &self.of.repository,
            distribution: self.distribution,
            host: &target.host,
            way: self.way(&target.host),
            id: self.id_on(id, &target.host),
            suffix: self.id_on("", &target.host),
            directory: self.directory.clone(),
            label: self.label.clone(),
            member: &target.member,
            initial_cluster: self.initial_cluster.clone(),
            kubeadm_config: &target.kubeadm_config,
            alone: target.alone,
            bump: self.bump,
        }
    }

    /// What expressions may name: the estate, the cluster, the copy.
    pub(crate) fn scope(&self) -> Scope {
        let estate = self.estate;
        let hosts: BTreeMap<&str, Value> = estate
            .hosts
            .iter()
            .map(|(name, host)| (name.as_str(), json!({ "site": host.site.as_str(), "address": host.address })))
            .collect();
        let clusters: BTreeMap<&str, Value> = estate
            .clusters
            .iter()
            .map(|(name, of)| (name.as_str(), self.told(name, of)))
            .collect();
        let sites: Vec<&str> = estate.sites.keys().map(Name::as_str).collect();
        let manager = estate.failover().map(|of| of.manager.name.trim_end_matches('.'));
        let mut cluster = self.told(self.cluster, self.of);
        cluster["distribution"] = json!(self.distribution);
        let mut scope = Scope::new();
        scope.insert(
            "estate".to_owned(),
            json!({ "name": estate.name.as_str(), "sites": sites, "hosts": hosts, "clusters": clusters, "manager": manager }),
        );
        scope.insert("cluster".to_owned(), cluster);
        scope.insert("from".to_owned(), json!(self.from.as_str()));
        scope.insert("to".to_owned(), json!(self.to.as_str()));
        scope.insert("automatic".to_owned(), json!(self.facts.automatic));
        scope.insert("follows".to_owned(), json!(self.facts.follows));
        let copy = self.facts.chosen.as_ref().map(|chosen| {
            let moment = match &self.facts.etcd {
                Some(crate::State::Moment(Moment { revision, .. })) => i64::try_from(*revision).unwrap_or(i64::MAX),
                _ => chosen.point.revision,
            };
            json!({ "id": chosen.point.id.to_string(), "begun": chosen.point.begun, "revision": moment })
        });
        scope.insert("copy".to_owned(), copy.unwrap_or(Value::Null));
        scope
    }

    /// What expressions may name besides on one of the hosts that the cluster comes up on.
    pub(crate) fn scope_on(&self, scope: &Scope, target: &Target) -> Scope {
        let mut scope = scope.clone();
        let host = self.estate.hosts.get(&target.host);
        scope.insert(
            "host".to_owned(),
            json!({
                "name": target.host.as_str(),
                "node": target.node,
                "site": host.map(|host| host.site.as_str()),
                "address": host.map(|host| host.address),
                "alone": target.alone,
                "empty": target.prepare.is_some(),
            }),
        );
        scope
    }

    fn told(&self, name: &Name, of: &Cluster) -> Value {
        let hosts: Vec<&str> = of.hosts.iter().map(|host| host.as_str()).collect();
        json!({
            "name": name.as_str(),
            "role": *of.role,
            "distribution": of.distribution(),
            "hosts": hosts,
            "site": self.estate.home_of(of).map(Name::as_str),
            "manager": of.manager.as_ref().map(|manager| manager.name.trim_end_matches('.')),
        })
    }
}

/// Who takes over from whom.
fn takeover<'a>(estate: &'a Estate, cluster: &Name, facts: &Facts, toward: Toward) -> Result<Takeover<'a>, NoPlan> {
    let unknown = || NoPlan::Estate(cluster.clone());
    let of = estate.failover().filter(|of| of.name == cluster).ok_or_else(unknown)?;
    let known = facts.standing.as_ref().ok_or_else(unknown)?;
    let (former_stand, stand) = match toward {
        Toward::Standby => (of.primary, of.standby),
        Toward::Primary => (of.standby, of.primary),
    };
    let (from, to) = (
        estate.site_of(former_stand).ok_or_else(unknown)?,
        estate.site_of(stand).ok_or_else(unknown)?,
    );
    if known.holder == *to && facts.started {
        let Epoch(epoch) = known.epoch;
        return Err(NoPlan::AlreadyThere { cluster: cluster.clone(), holder: to.clone(), epoch });
    }
    if known.holder != *from && known.holder != *to {
        return Err(NoPlan::Stranger { cluster: cluster.clone(), holder: known.holder.clone() });
    }
    let standing = Standing { epoch: known.epoch.next(), holder: to.clone() };
    Ok(Takeover { of, toward, stand, former_stand, standing })
}
