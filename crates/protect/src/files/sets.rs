//! What a recovery needs of a host's files, by distribution: facts, and nothing else. Start at [`facts`].
//!
//! By the sources of the installers: k3s `pkg/daemons/control/deps/deps.go` and `install.sh`, RKE2 `bundle/lib/systemd/system`,
//! RKE1 `pki/constants.go` and `cluster/encryption.go`, kubeadm `cmd/kubeadm/app/constants`. `{data}` stands for the data
//! directory of k3s and RKE2. etcd's data, images and programs are no files of this kind, and neither is what is made anew at
//! each start (`agent/etc`, RKE2's static pods) nor where RKE1 lays certificates while it hands them out (`/etc/kubernetes/.tmp`).

use super::{KEYS, PKI};
use crate::manifest::{MANIFESTS, PARKED};
use estate::Distribution;
use std::borrow::Cow;

/// Whether something may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Without it there is no recovery.
    Required,
    /// It is copied where it is there.
    Optional,
}

/// What of a host is to be copied: a file, or a directory with all that is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its path, or a glob.
    pub path: Cow<'static, str>,
    /// What it is needed for, in a few words.
    pub why: Cow<'static, str>,
    /// Whether it may be missing.
    pub need: Need,
    /// Whether its content must not be shown.
    pub secret: bool,
}

/// What is known of one kind of path.
pub(super) struct Fact(&'static str, &'static str, Need, bool);

use Need::{Optional, Required};

const SECRET: bool = true;
const SHOWN: bool = false;

/// k3s and RKE2 alike.
const RANCHER: &[Fact] = &[
    Fact(
        "/etc/rancher/node",
        "by the password in it, the servers know the node again",
        Optional,
        SECRET,
    ),
    Fact(
        "{data}/server/token",
        "it decrypts the CAs in etcd and every snapshot, and nodes join by it",
        Required,
        SECRET,
    ),
    Fact("{data}/server/node-token", "where nodes are told to find the token", Optional, SECRET),
    Fact("{data}/server/agent-token", "nodes join by it, where it is another one", Optional, SECRET),
    Fact("{data}/server/tls", "CAs, keys and certificates of the control plane", Required, SECRET),
    Fact("{data}/server/tls/server-ca.crt", "nodes and kubeconfigs trust it", Required, SHOWN),
    Fact("{data}/server/tls/server-ca.key", "it signs the servers' certificates", Required, SECRET),
    Fact("{data}/server/tls/client-ca.crt", "the API server trusts it", Required, SHOWN),
    Fact("{data}/server/tls/client-ca.key", "it signs the nodes' certificates", Required, SECRET),
    Fact(
        "{data}/server/tls/request-header-ca.crt",
        "extension API servers trust it",
        Required,
        SHOWN,
    ),
    Fact(
        "{data}/server/tls/request-header-ca.key",
        "it signs the aggregator's certificate",
        Required,
        SECRET,
    ),
    Fact(
        "{data}/server/tls/service.key",
        "it signs the tokens of service accounts",
        Required,
        SECRET,
    ),
    Fact("{data}/server/tls/etcd/server-ca.crt", "etcd's clients trust it", Required, SHOWN),
    Fact("{data}/server/tls/etcd/server-ca.key", "it signs etcd's certificates", Required, SECRET),
    Fact("{data}/server/tls/etcd/peer-ca.crt", "etcd's members trust it", Required, SHOWN),
    Fact(
        "{data}/server/tls/etcd/peer-ca.key",
        "it signs the members' certificates",
        Required,
        SECRET,
    ),
    Fact(
        "{data}/server/cred",
        "kubeconfigs, passwords, and how Secrets are encrypted at rest",
        Required,
        SECRET,
    ),
    Fact("{data}/server/cred/passwd", "the tokens that servers and nodes join by", Required, SECRET),
    Fact("{data}/server/manifests", "what the servers deploy by themselves", Optional, SHOWN),
    Fact(
        "{data}/agent/etc/containerd/*.tmpl",
        "how containerd is set up, where that was changed",
        Optional,
        SHOWN,
    ),
];

const K3S: &[Fact] = &[
    Fact(
        "/etc/rancher/k3s",
        "settings, registries, policies, the administrator's kubeconfig",
        Optional,
        SECRET,
    ),
    Fact("/etc/rancher/k3s/config.yaml", "how the server is started", Optional, SHOWN),
    Fact("/etc/rancher/k3s/config.yaml.d/*.yaml", "how the server is started", Optional, SHOWN),
    Fact("/etc/rancher/k3s/registries.yaml", "where images come from", Optional, SHOWN),
    Fact(
        "/etc/systemd/system/k3s.service",
        "it has the flags that k3s was installed with",
        Optional,
        SHOWN,
    ),
    Fact(
        "/etc/systemd/system/k3s.service.env",
        "variables by which the server is started",
        Optional,
        SECRET,
    ),
    Fact("/etc/systemd/system/k3s.service.d", "changes to the service", Optional, SHOWN),
    Fact("/etc/default/k3s", "variables by which the server is started", Optional, SECRET),
    Fact("/etc/sysconfig/k3s", "variables by which the server is started", Optional, SECRET),
    Fact("/etc/init.d/k3s", "how OpenRC starts the server", Optional, SHOWN),
];

const RKE2: &[Fact] = &[
    Fact(
        "/etc/rancher/rke2",
        "settings, registries, policies, the administrator's kubeconfig",
        Optional,
        SECRET,
    ),
    Fact("/etc/rancher/rke2/config.yaml", "how the server is started", Optional, SHOWN),
    Fact("/etc/rancher/rke2/config.yaml.d/*.yaml", "how the server is started", Optional, SHOWN),
    Fact("/etc/rancher/rke2/registries.yaml", "where images come from", Optional, SHOWN),
    Fact("/etc/rancher/rke2/*pss.yaml", "what pods may do", Optional, SHOWN),
    Fact(
        "/etc/rancher/rke2/audit-policy.yaml",
        "what is written into the audit log",
        Optional,
        SHOWN,
    ),
    Fact("/etc/systemd/system/rke2-server.service.d", "changes to the service", Optional, SHOWN),
    Fact("/etc/default/rke2-server", "variables by which the server is started", Optional, SECRET),
    Fact("/etc/sysconfig/rke2-server", "variables by which the server is started", Optional, SECRET),
    Fact(
        "/usr/local/lib/systemd/system/rke2-server.env",
        "variables by which the server is started",
        Optional,
        SECRET,
    ),
    Fact(
        "/usr/lib/systemd/system/rke2-server.env",
        "variables by which the server is started",
        Optional,
        SECRET,
    ),
];

const RKE1: &[Fact] = &[
    Fact(
        "/etc/kubernetes/ssl",
        "CAs, keys, certificates, and how Secrets are encrypted at rest",
        Required,
        SECRET,
    ),
    Fact("/etc/kubernetes/ssl/kube-ca.pem", "all of the cluster trusts it", Required, SHOWN),
    Fact("/etc/kubernetes/audit-policy.yaml", "what is written into the audit log", Optional, SHOWN),
    Fact("/etc/kubernetes/admission.yaml", "how admission is set up", Optional, SHOWN),
    Fact("/etc/kubernetes/cloud-config", "how the cloud is reached", Optional, SECRET),
    Fact(
        "/etc/kubernetes/kube-api-authn-webhook.yaml",
        "how Rancher's users are known",
        Optional,
        SECRET,
    ),
];

const KUBEADM: &[Fact] = &[
    Fact(
        "/etc/kubernetes/*.conf",
        "kubeconfigs of administrators and of the control plane",
        Optional,
        SECRET,
    ),
    Fact("/var/lib/kubelet/config.yaml", "how the kubelet is set up", Optional, SHOWN),
    Fact("/var/lib/kubelet/kubeadm-flags.env", "how the kubelet is started", Optional, SHOWN),
    Fact(
        "/var/lib/kubelet/instance-config.yaml",
        "how the kubelet of this node is set up",
        Optional,
        SHOWN,
    ),
    Fact("/var/lib/kubelet/pki", "the kubelet's certificates", Optional, SECRET),
    Fact("/etc/default/kubelet", "how the kubelet is started", Optional, SHOWN),
    Fact("/etc/sysconfig/kubelet", "how the kubelet is started", Optional, SHOWN),
    Fact("/etc/systemd/system/kubelet.service.d", "how the kubelet is started", Optional, SHOWN),
    Fact("/usr/lib/systemd/system/kubelet.service.d", "how the kubelet is started", Optional, SHOWN),
];

/// What the host's own settings add to the facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The data directory of k3s or RKE2, where it is another than the usual one.
    pub data_dir: Option<String>,
    /// Files that settings or flags name, with what they name them for: without them, the control plane does not start.
    pub named: Vec<(String, String)>,
    /// kubeadm's own settings.
    pub kubeadm_config: String,
    /// Whether a host of kubeadm's has a member of etcd and nothing else.
    pub member_alone: bool,
}

/// What a recovery of a host needs, where the host keeps its files at `places`.
pub fn facts(distribution: Distribution, places: &Places) -> Vec<Item> {
    let known: &[&[Fact]] = match distribution {
        Distribution::K3s => &[RANCHER, K3S],
        Distribution::Rke2 => &[RANCHER, RKE2],
        Distribution::Rke1 => &[RKE1],
        Distribution::Kubeadm => &[KUBEADM],
        Distribution::Other => &[],
    };
    let usual = format!("/var/lib/rancher/{distribution}");
    let data_dir = places.data_dir.as_deref().unwrap_or(&usual).trim_end_matches('/');
    let mut items = Vec::new();
    for Fact(path, why, need, secret) in known.iter().copied().flatten() {
        let path = match path.strip_prefix("{data}") {
            Some(below) => Cow::Owned(format!("{data_dir}{below}")),
            None => Cow::Borrowed(*path),
        };
        items.push(Item { path, why: Cow::Borrowed(why), need: *need, secret: *secret });
    }
    if distribution == Distribution::Kubeadm {
        items.extend(of_kubeadm(places));
    }
    let named = places.named.iter().map(|(path, by)| Item {
        path: Cow::Owned(path.clone()),
        why: Cow::Owned(format!("{by} names it")),
        need: Required,
        secret: true,
    });
    items.extend(named);
    items
}

fn of_kubeadm(places: &Places) -> Vec<Item> {
    let item =
        |path: String, why: &'static str, need, secret| Item { path: path.into(), why: why.into(), need, secret };
    let mut items = vec![
        item(PKI.to_owned(), "CAs, keys and certificates of the control plane", Required, SECRET),
        item(MANIFESTS.to_owned(), "how the control plane is started", Optional, SHOWN),
        item(PARKED.to_owned(), "the control plane that Lifeboat has stopped", Optional, SHOWN),
        item(places.kubeadm_config.clone(), "kubeadm's own settings", Optional, SHOWN),
    ];
    let needed = KEYS.iter().filter(|key| !places.member_alone || key.starts_with("etcd/"));
    let keys = needed.map(|key| {
        let why = "without it a copy of etcd cannot be used";
        item(format!("{PKI}/{key}"), why, Required, !key.ends_with(".crt"))
    });
    items.extend(keys);
    items
}
