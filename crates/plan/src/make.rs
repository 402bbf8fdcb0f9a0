//! From what was found to a plan.

use crate::action::{Action, AwaitAgents, Fence, StartManager, SwitchDns};
use crate::hand::ByHand;
use crate::steps::{BUMP, Onto};
use crate::{Plan, Step};
use estate::{Distribution, Estate, Failover, Kind, Name, Point, Stand, Standing};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What was found before the plan is made.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The highest standing that the voters know.
    pub standing: Standing,
    /// Whether its holder has ever started the cluster by it. A takeover that was given up before that is made anew.
    pub started: bool,
    /// The copy to recover from.
    pub chosen: Chosen,
    /// etcd's membership on the standby host.
    pub member: Member,
    /// Whether nobody asked for it.
    pub automatic: bool,
    /// What is known of the loss.
    pub loss: Loss,
    /// The grounds: a verdict's reasons, or that a person asked.
    pub because: Vec<String>,
}

/// The copy to recover from.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Its manifest.
    pub point: Point,
    /// Why it is not to be trusted, if nobody who is has signed it: a person accepts that.
    pub unsigned: Option<String>,
}

/// An etcd member, as its host's own settings have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// `--name`.
    pub name: String,
    /// `--initial-advertise-peer-urls`.
    pub peer_url: String,
    /// `--data-dir`.
    pub data_dir: String,
}

/// What is known of a loss.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Loss {
    /// When the site was last seen alive, by the clock of whoever observed it.
    pub last_seen: Option<Timestamp>,
    /// The newest revision of etcd that anybody outside the site knows of.
    pub last_revision: Option<i64>,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlan {
    /// The estate has no such cluster, or hosts that it does not name.
    #[error("the estate does not say where {0} can serve")]
    Estate(Name),
    /// The standby serves already.
    #[error("{cluster} is served by {holder} already, since epoch {epoch}")]
    AlreadyThere {
        /// The cluster.
        cluster: Name,
        /// The site.
        holder: Name,
        /// Its epoch.
        epoch: u64,
    },
    /// A site serves that the estate does not name for this cluster.
    #[error("{cluster} is served by {holder}, which the estate does not name for it")]
    Stranger {
        /// The cluster.
        cluster: Name,
        /// The site.
        holder: Name,
    },
    /// The host is at a site that may not serve.
    #[error("{host} is at a site that may not serve {cluster}: {holder} does")]
    ServesElsewhere {
        /// The cluster.
        cluster: Name,
        /// The site that serves it.
        holder: Name,
        /// The host.
        host: Name,
    },
    /// Lifeboat cannot stop and start what was installed like this.
    #[error("{cluster} is of {distribution}, whose control plane cannot be stopped and started by Lifeboat")]
    Distribution {
        /// The cluster.
        cluster: Name,
        /// How it was installed.
        distribution: Distribution,
    },
    /// The copy is not one of this cluster, or lacks what is needed.
    #[error("copy {point} cannot be recovered from: {reason}")]
    Copy {
        /// The point.
        point: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl NoPlan {
    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Estate(_) | Self::Stranger { .. } => Kind::Invalid,
            Self::Distribution { .. } => Kind::Invalid,
            Self::AlreadyThere { .. } | Self::ServesElsewhere { .. } => Kind::Conflict,
            Self::Copy { .. } => Kind::Damaged,
        }
    }
}

/// Makes the plan of a failover of `cluster` to its standby.
///
/// # Errors
/// [`NoPlan`]: there is nothing to fail over to, or nothing to recover from.
pub fn make(estate: &Estate, cluster: &Name, facts: Facts, now: Timestamp) -> Result<Plan, NoPlan> {
    let unknown = || NoPlan::Estate(cluster.clone());
    let of = estate.failover().filter(|of| of.name == cluster).ok_or_else(unknown)?;
    let from = estate.site_of(of.primary).ok_or_else(unknown)?;
    let to = estate.site_of(of.standby).ok_or_else(unknown)?;
    let holder = &facts.standing.holder;
    if holder == to && facts.started {
        return Err(NoPlan::AlreadyThere {
            cluster: cluster.clone(),
            holder: holder.clone(),
            epoch: facts.standing.epoch.0,
        });
    }
    if holder != from && holder != to {
        return Err(NoPlan::Stranger { cluster: cluster.clone(), holder: holder.clone() });
    }
    let point = &facts.chosen.point;
    if point.part("files").is_none() {
        let reason = "it has no part \"files\"".to_owned();
        return Err(NoPlan::Copy { point: point.id.to_string(), reason });
    }
    if let (true, Some(reason)) = (facts.automatic, &facts.chosen.unsigned) {
        let reason = format!("it is not to be trusted, and nobody accepts that: {reason}");
        return Err(NoPlan::Copy { point: point.id.to_string(), reason });
    }
    let standing = Standing { epoch: facts.standing.epoch.next(), holder: to.clone() };
    let context = Context {
        estate,
        cluster,
        of,
        stand: of.standby,
        standing: &standing,
        automatic: facts.automatic,
    };
    Ok(Plan {
        estate: estate.name.clone(),
        cluster: cluster.clone(),
        from: from.clone(),
        to: to.clone(),
        epoch: Some(standing.epoch),
        onto: Vec::new(),
        made: now,
        because: facts.because.clone(),
        point: point.id.clone(),
        unsigned: facts.chosen.unsigned.clone(),
        point_begun: point.begun,
        point_revision: point.revision,
        loss: facts.loss.clone(),
        steps: context.steps(&facts.chosen, &facts.member, from),
    })
}

struct Context<'a> {
    estate: &'a Estate,
    cluster: &'a Name,
    of: Failover<'a>,
    stand: &'a Stand,
    standing: &'a Standing,
    automatic: bool,
}

impl Context<'_> {
    fn steps(&self, chosen: &Chosen, member: &Member, former: &Name) -> Vec<Step> {
        let (of, cluster) = (self.of, self.cluster);
        let host = || (*self.stand.host).clone();
        let at = &self.stand.host;
        let name = of.manager.name.trim_end_matches('.').to_owned();
        let (address, dns) = (self.stand.address, of.dns);
        let onto = Onto {
            cluster,
            repository: &of.of.repository,
            distribution: of.of.distribution(),
            host: at,
            suffix: String::new(),
            directory: format!("/var/lib/lifeboat/takeover-{:06}", self.standing.epoch.0),
            label: self.standing.epoch.to_string(),
            member,
            initial_cluster: format!("{}={}", member.name, member.peer_url),
            kubeadm_config: &self.stand.kubeadm_config,
            alone: false,
            bump: BUMP,
        };
        vec![
            onto.fetch(chosen, None, false),
            self.fence(former),
            onto.stop(Some(&of.manager.stop)),
            onto.etcd(),
            onto.files(),
            onto.certificates(),
            onto.start(Some(self.standing)),
            Step {
                id: "manager".to_owned(),
                what: format!(
                    "Start the manager on {at} and see that {address} answers as {name}, with the certificate that agents pin."
                ),
                by_hand: ByHand::on(at, [of.manager.start.clone()]),
                check: format!("curl --resolve {name}:{}:{address} https://{name}/ping says pong", of.manager.port),
                undo: of.manager.stop.clone(),
                timeout_s: 180,
                attempts: 2,
                action: Action::StartManager(StartManager {
                    cluster: cluster.clone(),
                    host: host(),
                    start: of.manager.start.clone(),
                    name: name.clone(),
                    address,
                }),
            },
            Step {
                id: "dns".to_owned(),
                what: format!(
                    "Let {name} lead to {address}, and see the new answer at the name server and through a resolver."
                ),
                by_hand: ByHand::here([format!(
                    "printf 'server {} {}\\nupdate delete {name} A\\nupdate add {name} {} A {address}\\nsend\\n' | nsupdate -k KEY",
                    dns.server.ip(),
                    dns.server.port(),
                    dns.ttl
                )]),
                check: format!("dig +short {name} says {address}"),
                undo: format!("let {name} lead to {} again", of.primary.address),
                timeout_s: 60 + u64::from(dns.ttl),
                attempts: 3,
                action: Action::SwitchDns(SwitchDns {
                    name: name.clone(),
                    zone: dns.zone.trim_end_matches('.').to_owned(),
                    server: dns.server,
                    to: address,
                    ttl: dns.ttl,
                    secondaries: dns.secondaries.clone(),
                    resolvers: dns.resolvers.clone(),
                }),
            },
            Step {
                id: "agents".to_owned(),
                what: "See every downstream cluster back: its own API server answers through the manager's tunnel."
                    .to_owned(),
                by_hand: ByHand::here([format!(
                    "curl -H 'Authorization: Bearer TOKEN' https://{name}/k8s/clusters/ID/version"
                )])
                .then(ByHand::act("Once for each cluster.")),
                check: "each answers with its version".to_owned(),
                undo: "none is needed: nothing is changed".to_owned(),
                timeout_s: of.manager.agents_within.as_secs(),
                attempts: 1,
                action: Action::AwaitAgents(AwaitAgents { cluster: cluster.clone(), host: host(), name, address }),
            },
        ]
    }

    fn fence(&self, former: &Name) -> Step {
        let (to, voters) = (&self.standing.holder, self.estate.sites.keys().cloned().collect::<Vec<Name>>());
        Step {
            id: "fence".to_owned(),
            what: format!(
                "Take epoch {} for {to} and wait until {former} cannot serve any more: two managers at once would part the estate.",
                self.standing.epoch
            ),
            by_hand: ByHand::act(format!(
                "Make sure that {former} is off, or cut off: switch off its power, or block its address."
            )),
            check: format!("two of {} have promised the epoch, and the lease of {former} is over", list(&voters)),
            undo: "none: whoever has promised an epoch refuses older ones for ever".to_owned(),
            timeout_s: 180,
            attempts: 3,
            action: Action::Fence(Fence {
                cluster: self.cluster.clone(),
                standing: self.standing.clone(),
                former: former.clone(),
                voters,
                unless_alive: self.automatic,
            }),
        }
    }
}

/// `a, b and c`.
pub(crate) fn list(names: &[Name]) -> String {
    let words: Vec<&str> = names.iter().map(Name::as_str).collect();
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => (*only).to_owned(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
    }
}
