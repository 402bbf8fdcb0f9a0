//! What a step does, with all that it needs to know. The names of the kinds are those of the playbooks' steps.

use estate::{Distribution, Name, Part, PointId, Severity, Standing};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

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
    #[serde(rename = "host.await")]
    AwaitHost(AwaitHost),
    #[serde(rename = "host.prepare")]
    PrepareHost(PrepareHost),
    #[serde(rename = "etcd.handover")]
    HandOverEtcd(HandOverEtcd),
    #[serde(rename = "etcd.promote")]
    PromoteEtcd(PromoteEtcd),
    #[serde(rename = "etcd.restore")]
    RestoreEtcd(RestoreEtcd),
    #[serde(rename = "etcd.reset")]
    ResetEtcd(ResetEtcd),
    #[serde(rename = "files.restore")]
    RestoreFiles(RestoreFiles),
    #[serde(rename = "certificates.issue")]
    IssueCertificates(IssueCertificates),
    #[serde(rename = "controlplane.start")]
    StartControlPlane(StartControlPlane),
    #[serde(rename = "nodes.join")]
    JoinNodes(JoinNodes),
    #[serde(rename = "manager.start")]
    StartManager(StartManager),
    #[serde(rename = "dns.lower")]
    LowerDns(LowerDns),
    #[serde(rename = "dns.switch")]
    SwitchDns(SwitchDns),
    #[serde(rename = "agents.await")]
    AwaitAgents(AwaitAgents),
    #[serde(rename = "manual")]
    Manual(Manual),
    #[serde(rename = "approve")]
    Approve(Approve),
    #[serde(rename = "script")]
    Script(Script),
    #[serde(rename = "probe")]
    Probe(Probe),
    #[serde(rename = "wait")]
    Wait(Wait),
    #[serde(rename = "notify")]
    Notify(Notify),
    #[serde(rename = "service")]
    Service(Service),
    #[serde(rename = "loadbalancer.switch")]
    SwitchLoadBalancer(SwitchLoadBalancer),
    #[serde(rename = "manifests.apply")]
    ApplyManifests(ApplyManifests),
    #[serde(rename = "helm.install")]
    InstallHelm(InstallHelm),
    #[serde(rename = "infra.apply")]
    ApplyInfra(ApplyInfra),
}

impl Action {
    /// The kind's name, as playbooks have it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::FetchCopy(_) => "copy.fetch",
            Self::Fence(_) => "fence",
            Self::StopControlPlane(_) => "controlplane.stop",
            Self::AwaitHost(_) => "host.await",
            Self::PrepareHost(_) => "host.prepare",
            Self::HandOverEtcd(_) => "etcd.handover",
            Self::PromoteEtcd(_) => "etcd.promote",
            Self::RestoreEtcd(_) => "etcd.restore",
            Self::ResetEtcd(_) => "etcd.reset",
            Self::RestoreFiles(_) => "files.restore",
            Self::IssueCertificates(_) => "certificates.issue",
            Self::StartControlPlane(_) => "controlplane.start",
            Self::JoinNodes(_) => "nodes.join",
            Self::StartManager(_) => "manager.start",
            Self::LowerDns(_) => "dns.lower",
            Self::SwitchDns(_) => "dns.switch",
            Self::AwaitAgents(_) => "agents.await",
            Self::Manual(_) => "manual",
            Self::Approve(_) => "approve",
            Self::Script(_) => "script",
            Self::Probe(_) => "probe",
            Self::Wait(_) => "wait",
            Self::Notify(_) => "notify",
            Self::Service(_) => "service",
            Self::SwitchLoadBalancer(_) => "loadbalancer.switch",
            Self::ApplyManifests(_) => "manifests.apply",
            Self::InstallHelm(_) => "helm.install",
            Self::ApplyInfra(_) => "infra.apply",
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
    /// What of it is laid ready.
    #[serde(default, skip_serializing_if = "CopyPart::is_all")]
    pub part: CopyPart,
    /// What is to become etcd's data instead of its own part, which is laid ready only if that could not be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub followed: Option<Box<PromoteEtcd>>,
    /// Whether etcd's newest moment is taken that is stored, and not the copy's own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub newest: bool,
    /// The moment of etcd that is taken, where it is another than the copy's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moment: Option<Moment>,
    /// The step that handed etcd over: its last moment is taken, whichever that turned out to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handover: Option<String>,
    /// The snapshot of etcd that others made, and that is taken instead of the copy's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// How much higher revisions go on, where the tool that restores it cannot do that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bump: Option<u64>,
    /// The host to lay it ready on.
    pub host: Name,
    /// Where, on that host: a directory of this run alone.
    pub directory: String,
    /// What later steps need there: the data directory that etcd will start on.
    pub data_dir: String,
    /// Programs that they call.
    pub programs: Vec<String>,
    /// Files that they read.
    pub files: Vec<String>,
    /// Whether the keys in the copy go into a control plane that is there, and have to fit it.
    pub fits: bool,
}

/// What of a copy is laid ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CopyPart {
    /// All of it.
    #[default]
    All,
    /// The state of etcd: the files are there already.
    Etcd,
}

impl CopyPart {
    fn is_all(&self) -> bool {
        *self == Self::All
    }
}

/// A moment of a cluster's etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Moment {
    /// The timeline of its history.
    pub timeline: u32,
    /// The revision.
    pub revision: u64,
}

/// A snapshot of etcd that others made: all hosts of a cluster get the same, though its name may be given to another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot {
    /// Its name among the points.
    pub name: String,
    /// Where it lies: a directory of a host, or a bucket, and below it.
    pub place: String,
    /// Its size there, in bytes.
    pub bytes: u64,
    /// Its newest revision.
    pub revision: u64,
}

/// Stops all who write, sees etcd's last change in the history and its hash equal, and stops etcd: nothing is lost then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandOverEtcd {
    /// The cluster whose history it is.
    pub cluster: Name,
    /// The host that serves, on which etcd is asked.
    pub host: Name,
    /// All hosts of its control plane at that site.
    pub hosts: Vec<Name>,
    /// How it was installed.
    pub distribution: Distribution,
    /// The command that stops the manager there.
    pub manager_stop: String,
    /// The command that starts it, to undo.
    pub manager_start: String,
}

/// Waits until a host can be entered, and sees that it is the one that the plan was made for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AwaitHost {
    /// The host.
    pub host: Name,
    /// How it must call itself, since its node will be called so.
    pub node: String,
}

/// Puts the files of a copied host onto one that has no control plane, or one of k3s's or RKE2's; what is replaced is kept aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrepareHost {
    /// The host.
    pub host: Name,
    /// How the cluster was installed.
    pub distribution: Distribution,
    /// Where the copy lies there.
    pub directory: String,
    /// The copied host.
    pub from: String,
    /// What stands for another name or address in its settings here.
    pub words: Vec<Word>,
    /// kubeadm's configuration.
    pub kubeadm_config: String,
    /// Where what is replaced is kept.
    pub aside: String,
}

/// A name or an address of the copied host, and what it is on the new one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Word {
    /// As it was.
    pub from: String,
    /// As it is.
    pub to: String,
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
    /// What stops the manager there first, if that is not of the control plane itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager_stop: Option<String>,
    /// A directory of this run there, in which it is noted whether anything ran: what stood still before is not started to undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noted: Option<String>,
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
    /// All that the restored cluster begins with, `NAME=URL` and commas between them.
    pub initial_cluster: String,
    /// The data directory that etcd will start on.
    pub data_dir: String,
    /// How much higher than in the copy revisions go on, so that no client has seen one that now means something else.
    pub bump: u64,
}

/// Lets what is followed on the host become etcd's data, beside the data in use: the newest change that was stored, and no restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PromoteEtcd {
    /// The cluster whose history is followed.
    pub cluster: Name,
    /// The host.
    pub host: Name,
    /// The copy whose files it goes with.
    pub point: PointId,
    /// Its moment, which has to be in it.
    pub least: Moment,
    /// The id of the etcd that the copy is of, 0 if that is not known.
    pub etcd_cluster_id: u64,
    /// The member's name.
    pub member: String,
    /// All that the cluster begins with: `NAME=URL`, commas between them.
    pub initial_cluster: String,
    /// The data directory that etcd will start on.
    pub data_dir: String,
    /// How much higher than in what is followed revisions go on, so that no client has seen one that now means something else.
    pub bump: u64,
}

impl PromoteEtcd {
    /// What `lifeboat` is given on the host, so that the data lies in `into`.
    fn words(&self, into: &str) -> Vec<String> {
        let mut members: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, url) in self.initial_cluster.split(',').filter_map(|it| it.split_once('=')) {
            members.entry(name).or_default().push(url);
        }
        let fixed = [
            "etcd",
            "promote",
            "--followed",
            self.cluster.as_str(),
            "--into",
            into,
            "--name",
            &self.member,
        ];
        let mut words: Vec<String> = fixed.map(str::to_owned).into();
        for (name, urls) in members {
            words.extend(["--member".to_owned(), format!("{name}={}", urls.join(","))]);
        }
        words.extend(["--bump".to_owned(), self.bump.to_string()]);
        words
    }

    /// The same by a run: it knows the moment of the copy, and reads it from nowhere.
    pub fn words_of_a_run(&self, into: &str) -> Vec<String> {
        let Moment { timeline, revision } = self.least;
        let (timeline, revision) = (timeline.to_string(), revision.to_string());
        let mut words = self.words(into);
        words.extend(["--timeline".to_owned(), timeline, "--at-least".to_owned(), revision]);
        if self.etcd_cluster_id != 0 {
            words.extend(["--cluster-id".to_owned(), format!("{:x}", self.etcd_cluster_id)]);
        }
        words
    }

    /// The same by a person, who may read it long after it was written.
    pub(crate) fn typed(&self, into: &str) -> String {
        format!("lifeboat {} --copy {}", self.words(into).join(" "), self.point)
    }
}

/// Has k3s or RKE2 reset its etcd to the snapshot, as its own manual has it: `server --cluster-reset`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResetEtcd {
    /// The host.
    pub host: Name,
    /// Which of the two.
    pub distribution: Distribution,
    /// Where the copy lies there.
    pub directory: String,
    /// Its data directory; its own usual one when there is none.
    pub data_dir: String,
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
    /// What is replaced is kept aside under this name.
    pub label: String,
    /// Whether the host has a member of etcd and nothing else: then of the keys only etcd's CA is put there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
}

/// Issues the certificates and kubeconfigs of the new host from the restored CA.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssueCertificates {
    /// The host.
    pub host: Name,
    /// kubeadm's configuration there.
    pub config: String,
    /// Whether the host has a member of etcd and nothing else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
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
    /// The right by which it starts, where sites vote on that: without it, nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// Whether the host has a member of etcd and nothing else: nobody waits for an API server there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
}

/// Sees the nodes of the hosts in the restored cluster; one that has another name gets the labels and taints of the one that it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinNodes {
    /// The host whose API server is asked.
    pub host: Name,
    /// How it was installed.
    pub distribution: Distribution,
    /// Each node, and the one that it stands for.
    pub nodes: Vec<Word>,
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
    /// The name server that takes changes, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<SocketAddr>,
    /// Where the name leads afterwards.
    pub to: IpAddr,
    /// Where it leads on an ordinary day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<IpAddr>,
    /// For how long others may keep the answer, in seconds.
    pub ttl: u32,
    /// The zone's other name servers: those that answer must have the new address before a resolver is asked.
    pub secondaries: Vec<SocketAddr>,
    /// Who has to give the new answer.
    pub resolvers: Vec<SocketAddr>,
}

/// Shortens how long others keep where a name leads, ahead of planned work, and waits until nobody keeps it for longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LowerDns {
    /// The name.
    pub name: String,
    /// The TTL, in seconds.
    pub ttl: u32,
    /// That on an ordinary day, to undo where nobody wrote down what there was.
    pub usual: u32,
}

/// Sees every downstream cluster back, or one of them.
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
    /// Where it may serve as well: it is asked there, if it does not answer here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<Elsewhere>,
    /// The one cluster that is awaited, by its name or id at the manager, whether it was connected before or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
}

/// Another place at which a manager may serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Elsewhere {
    /// The host of its control plane there.
    pub host: Name,
    /// Where it is reached there.
    pub address: IpAddr,
}

/// Waits until a person says that it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manual {}

/// Waits until enough people agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approve {
    /// Whose word counts; everybody's, if this is empty.
    pub by: Vec<String>,
    /// How many have to agree.
    pub people: u32,
    /// Whether it stops an automatic run too.
    pub always: bool,
}

/// Runs a shell script.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Script {
    /// The host; none: where the run is carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Name>,
    /// The script, for `sh -eu`.
    pub run: String,
    /// What it is given: each as the variable `INPUT_NAME`, and all as JSON in the file that `LIFEBOAT_INPUTS` names.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    /// A script that succeeds when it worked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// A script that undoes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
}

impl Eq for Script {}

/// Sees whether something answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Probe {
    /// What is asked.
    pub probed: Probed,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Probed {
    /// A web server.
    Http {
        /// `http://` or `https://`.
        url: String,
        /// The address that is asked, whatever DNS says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<IpAddr>,
        /// A file with the CA that its certificate must be of; without it those of the system.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca: Option<PathBuf>,
        /// The SHA-256 of that file, hexadecimal, as Rancher's agents pin it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca_sha256: Option<String>,
        /// The status that is wanted.
        status: u16,
        /// What the answer has to contain.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        contains: Option<String>,
    },
    /// A port that takes connections.
    Tcp {
        /// It.
        address: SocketAddr,
    },
    /// Resolvers that lead a name to just these addresses.
    Dns {
        /// The name.
        name: String,
        /// The addresses.
        to: Vec<IpAddr>,
        /// Who is asked, all of them.
        resolvers: Vec<SocketAddr>,
    },
    /// An API server that is ready.
    Ready {
        /// Its host.
        host: Name,
        /// How it was installed.
        distribution: Distribution,
    },
    /// A command that ends without an error.
    Command {
        /// The host; none: where the run is carried out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on: Option<Name>,
        /// It, for `sh -eu`.
        run: String,
    },
}

/// Lets time pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wait {
    /// How long, in seconds.
    pub seconds: u64,
}

/// Tells people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Notify {
    /// By which channels of the estate.
    pub channels: Vec<Name>,
    /// What, in one line.
    pub title: String,
    /// And more of it.
    pub text: String,
    /// How bad it is.
    pub severity: Severity,
}

/// Starts or stops a service of a host, by whatever starts services there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    /// The host.
    pub host: Name,
    /// Its name there.
    pub service: String,
    /// What becomes of it.
    pub act: ServiceAct,
}

/// What becomes of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the words say it")]
pub enum ServiceAct {
    Start,
    Stop,
    Restart,
}

impl ServiceAct {
    /// As it is typed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Start => "Start",
            Self::Stop => "Stop",
            Self::Restart => "Restart",
        }
    }

    /// What undoes it.
    pub(crate) fn back(self) -> Option<Self> {
        match self {
            Self::Start => Some(Self::Stop),
            Self::Stop => Some(Self::Start),
            Self::Restart => None,
        }
    }
}

/// Lets HAProxy lead to some servers of a backend, and to none of the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SwitchLoadBalancer {
    /// The host that it runs on.
    pub host: Name,
    /// The socket of its runtime API.
    pub socket: String,
    /// Its configuration, which is changed too, so that a restart forgets nothing; none where something else keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// The backend.
    pub backend: String,
    /// The servers that it leads to afterwards.
    pub to: Vec<String>,
}

/// Applies manifests on the server, takes away what an earlier version of them had, and waits until what they make is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplyManifests {
    /// The host whose API server is asked.
    pub host: Name,
    /// How it was installed.
    pub distribution: Distribution,
    /// Files and directories of YAML or JSON, relative to the estate's.
    pub files: Vec<PathBuf>,
    /// Whether objects that this step applied before, and that are no longer among them, are deleted.
    pub prune: bool,
    /// Whether it waits until workloads are ready.
    pub wait: bool,
}

/// Installs or upgrades a release, by the real Helm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstallHelm {
    /// The host whose API server is asked.
    pub host: Name,
    /// How it was installed.
    pub distribution: Distribution,
    /// The release.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// The chart: a directory or archive, relative to the estate's, or what else Helm takes.
    pub chart: String,
    /// The chart's version, where it is not a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Values.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub values: Map<String, Value>,
    /// A file of values, relative to the estate's; `values` win over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values_file: Option<PathBuf>,
}

impl Eq for InstallHelm {}

/// Makes infrastructure, by the real OpenTofu.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplyInfra {
    /// The directory of the module, relative to the estate's; its state is kept there, unless it says otherwise.
    pub directory: PathBuf,
    /// Its variables.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub variables: Map<String, Value>,
    /// Whether undoing destroys what it made.
    pub destroy: bool,
}

impl Eq for ApplyInfra {}
