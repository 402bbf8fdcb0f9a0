//! From what was found to a plan.

use crate::action::{
    Action, AwaitAgents, Fence, FetchCopy, IssueCertificates, RestoreEtcd, RestoreFiles, StartControlPlane,
    StartManager, StopControlPlane, SwitchDns,
};
use crate::{Plan, Step};
use estate::{Estate, Failover, Kind, Name, Point, Stand, Standing};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far revisions are bumped. More than any cluster writes between a copy and its site's end.
const BUMP: u64 = 1_000_000_000;

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
            Self::AlreadyThere { .. } => Kind::Conflict,
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
        epoch: standing.epoch,
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
        let point = &chosen.point;
        let (signed, flag) = match &chosen.unsigned {
            None => ("", ""),
            Some(_) => (", which nobody who is trusted has signed,", " --accept-unsigned"),
        };
        let (of, cluster) = (self.of, self.cluster);
        let host = || (*self.stand.host).clone();
        let (at, to) = (&self.stand.host, &self.standing.holder);
        let directory = format!("/var/lib/lifeboat/takeover-{:06}", self.standing.epoch.0);
        let voters: Vec<Name> = self.estate.sites.keys().cloned().collect();
        let name = of.manager.name.trim_end_matches('.').to_owned();
        let (address, dns) = (self.stand.address, of.dns);
        vec![
            Step {
                id: "fetch".to_owned(),
                what: format!("Open copy {}{signed} and lay it ready on {at}: a damaged copy is found before anything is changed.", point.id),
                by_hand: format!("lifeboat copies fetch {} --into DIRECTORY{flag}, then copy it to {at}:{directory}", point.id),
                check: format!("{directory} holds etcd and files, with the SHA-256 of the manifest"),
                undo: format!("rm -r {directory} on {at}"),
                timeout_s: 300,
                attempts: 3,
                action: Action::FetchCopy(FetchCopy {
                    cluster: cluster.clone(),
                    repository: (*of.of.repository).clone(),
                    point: point.id.clone(),
                    accept_unsigned: chosen.unsigned.is_some(),
                    parts: point.parts.clone(),
                    host: host(),
                    directory: directory.clone(),
                    data_dir: member.data_dir.clone(),
                    kubeadm_config: self.stand.kubeadm_config.clone(),
                }),
            },
            Step {
                id: "fence".to_owned(),
                what: format!(
                    "Take epoch {} for {to} and wait until {former} cannot serve any more: two managers at once would part the estate.",
                    self.standing.epoch
                ),
                by_hand: format!("make sure that {former} is off, or cut off: switch off its power, or block its address"),
                check: format!("two of {} have promised the epoch, and the lease of {former} is over", list(&voters)),
                undo: "none: whoever has promised an epoch refuses older ones for ever".to_owned(),
                timeout_s: 180,
                attempts: 3,
                action: Action::Fence(Fence {
                    cluster: cluster.clone(),
                    standing: self.standing.clone(),
                    former: former.clone(),
                    voters: voters.clone(),
                    unless_alive: self.automatic,
                }),
            },
            Step {
                id: "stop".to_owned(),
                what: format!("Stop the control plane that {at} runs of its own, so that nothing holds the files that are replaced."),
                by_hand: format!("on {at}: mkdir -p /etc/kubernetes/lifeboat-parked && mv /etc/kubernetes/manifests/*.yaml /etc/kubernetes/lifeboat-parked/"),
                check: "no etcd and no kube-apiserver runs there".to_owned(),
                undo: "move the manifests back".to_owned(),
                timeout_s: 90,
                attempts: 3,
                action: Action::StopControlPlane(StopControlPlane {
                    host: host(),
                    distribution: of.of.distribution(),
                    manager_stop: of.manager.stop.clone(),
                }),
            },
            Step {
                id: "etcd".to_owned(),
                what: format!("Build etcd's data from the copy, beside the data in use, with revisions {BUMP} higher: no client has seen those."),
                by_hand: format!(
                    "on {at}: etcdutl snapshot restore {directory}/etcd --data-dir {}/lifeboat-restored --name {} --initial-cluster {}={} --initial-advertise-peer-urls {} --bump-revision {BUMP} --mark-compacted",
                    member.data_dir, member.name, member.name, member.peer_url, member.peer_url
                ),
                check: format!("{}/lifeboat-restored is there", member.data_dir),
                undo: format!("rm -r {}/lifeboat-restored", member.data_dir),
                timeout_s: 300,
                attempts: 2,
                action: Action::RestoreEtcd(RestoreEtcd {
                    host: host(),
                    directory: directory.clone(),
                    member: member.name.clone(),
                    peer_url: member.peer_url.clone(),
                    data_dir: member.data_dir.clone(),
                    bump: BUMP,
                }),
            },
            Step {
                id: "files".to_owned(),
                what: "Put etcd's data, the CAs, the service-account keys and the encryption configuration in place; what was there is kept aside.".to_owned(),
                by_hand: format!("on {at}: move {0}/member and /etc/kubernetes/pki aside, move {0}/lifeboat-restored/member to {0}, take the keys of etc/kubernetes/pki out of {directory}/files (zstd -dc files | tar -x)", member.data_dir),
                check: "the CA in /etc/kubernetes/pki is the copy's".to_owned(),
                undo: format!("move back what lies in /etc/kubernetes/lifeboat-replaced-{0} and {1}/lifeboat-replaced-{0}", self.standing.epoch, member.data_dir),
                timeout_s: 60,
                attempts: 2,
                action: Action::RestoreFiles(RestoreFiles {
                    host: host(),
                    distribution: of.of.distribution(),
                    directory,
                    data_dir: member.data_dir.clone(),
                    epoch: self.standing.epoch,
                }),
            },
            Step {
                id: "certificates".to_owned(),
                what: format!("Issue serving certificates and kubeconfigs for {at} from the restored CA."),
                by_hand: format!("on {at}: kubeadm init phase certs all --config {0} && kubeadm init phase kubeconfig all --config {0}", self.stand.kubeadm_config),
                check: "kubeadm certs check-expiration".to_owned(),
                undo: "none is needed: they are issued anew each time".to_owned(),
                timeout_s: 60,
                attempts: 2,
                action: Action::IssueCertificates(IssueCertificates { host: host(), config: self.stand.kubeadm_config.clone() }),
            },
            Step {
                id: "control-plane".to_owned(),
                what: format!("Start the control plane on {at} and see that a controller acts on something written now."),
                by_hand: format!("on {at}: mv /etc/kubernetes/lifeboat-parked/*.yaml /etc/kubernetes/manifests/"),
                check: "kubectl get --raw /readyz; a new namespace gets its default service account".to_owned(),
                undo: "move the manifests away again".to_owned(),
                timeout_s: 180,
                attempts: 2,
                action: Action::StartControlPlane(StartControlPlane {
                    cluster: cluster.clone(),
                    host: host(),
                    distribution: of.of.distribution(),
                    standing: self.standing.clone(),
                    voters,
                }),
            },
            Step {
                id: "manager".to_owned(),
                what: format!("Start the manager on {at} and see that {address} answers as {name}, with the certificate that agents pin."),
                by_hand: format!("on {at}: {}", of.manager.start),
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
                what: format!("Let {name} lead to {address}, and see the new answer at the name server and through a resolver."),
                by_hand: format!("nsupdate -k KEY: server {}; update delete {name} A; update add {name} {} A {address}; send", dns.server.ip(), dns.ttl),
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
                what: "See every downstream cluster back: its own API server answers through the manager's tunnel.".to_owned(),
                by_hand: format!("curl -H 'Authorization: Bearer TOKEN' https://{name}/k8s/clusters/ID/version for each cluster"),
                check: "each answers with its version".to_owned(),
                undo: "none is needed: nothing is changed".to_owned(),
                timeout_s: of.manager.agents_within.as_secs(),
                attempts: 1,
                action: Action::AwaitAgents(AwaitAgents { cluster: cluster.clone(), host: host(), name, address }),
            },
        ]
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
