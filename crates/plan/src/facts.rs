//! What is found before a plan is made, and why there may be none. Start at [`Facts`].

use crate::action::{Moment, Snapshot, Word};
use crate::playbook::Lint;
use estate::{Distribution, Kind, Name, Point, Standing};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What was found before a plan is made. A playbook needs of it what its steps need.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// How the cluster was installed.
    pub distribution: Option<Distribution>,
    /// The copy to recover from.
    pub chosen: Option<Chosen>,
    /// The state of etcd, where it is another than the copy's own.
    pub etcd: Option<State>,
    /// Everything written before this, by the source's clock, is in it; without this, what the copy says.
    pub begun: Option<Timestamp>,
    /// The hosts that the cluster comes up on. The first that has an API server is the one that is asked.
    pub targets: Vec<Target>,
    /// Whether the newest state is wanted, and what is followed on the hosts that the cluster comes up on may be it.
    pub follows: bool,
    /// The other hosts of its control plane: nothing of the former cluster may run there.
    pub stopped: Vec<Name>,
    /// The highest standing that the voters know, where sites vote on that.
    pub standing: Option<Standing>,
    /// Whether its holder has ever started the cluster by it. A takeover that was given up before that is made anew.
    pub started: bool,
    /// Whether nobody asked for it.
    pub automatic: bool,
    /// What is known of the loss.
    pub loss: Loss,
    /// The highest revision that its etcd is known to have had, after an earlier restore, too.
    pub highest: Option<u64>,
    /// The grounds: a verdict's reasons, or that a person asked.
    pub because: Vec<String>,
    /// How a person moves the manager's name to the site that it comes up at, and back, where that depends on who moves names.
    pub names_by_hand: Option<(Vec<String>, Vec<String>)>,
    /// The playbook's parameters that were given.
    pub parameters: Map<String, Value>,
    /// How long each step took in earlier runs, in milliseconds, by its id.
    pub took_ms: BTreeMap<String, u64>,
}

/// The copy to recover from.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Its manifest.
    pub point: Point,
    /// Why it is not to be trusted, if nobody who is has signed it: a person accepts that.
    pub unsigned: Option<String>,
}

/// A state of etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// A moment of its history.
    Moment(Moment),
    /// A snapshot that others made.
    Snapshot(Snapshot),
}

impl State {
    pub(crate) fn revision(&self) -> u64 {
        match self {
            Self::Moment(moment) => moment.revision,
            Self::Snapshot(snapshot) => snapshot.revision,
        }
    }
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

/// A host that a cluster comes up on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name in the estate.
    pub host: Name,
    /// The name of its node.
    pub node: String,
    /// Its member of etcd; of k3s and RKE2 only the data directory counts, which is their own.
    pub member: Member,
    /// kubeadm's configuration there.
    pub kubeadm_config: String,
    /// Whether it has a member of etcd and nothing else.
    pub alone: bool,
    /// What has to be put there first, where there is no control plane.
    pub prepare: Option<Prepare>,
}

/// The files of a copied host, for another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepare {
    /// The copied host.
    pub from: String,
    /// The name of its node.
    pub node: String,
    /// What its settings call by another name or address here.
    pub words: Vec<Word>,
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
    /// The playbook, or what it was given, makes no sense.
    #[error("{0}")]
    Playbook(Box<Lint>),
    /// A step needs what is not there.
    #[error("step {step} ({kind}) needs {what}")]
    Lacks {
        /// The step's id.
        step: String,
        /// Its kind.
        kind: String,
        /// What.
        what: String,
    },
}

impl NoPlan {
    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Estate(_) | Self::Stranger { .. } | Self::Distribution { .. } => Kind::Invalid,
            Self::Playbook(_) | Self::Lacks { .. } => Kind::Invalid,
            Self::AlreadyThere { .. } | Self::ServesElsewhere { .. } => Kind::Conflict,
            Self::Copy { .. } => Kind::Damaged,
        }
    }
}
