//! Reading what is on this host: who installed a control plane, its files, kubeconfigs. Start at [`look`].
//!
//! Only names of files and what is no secret in them is taken over: contexts and servers of kubeconfigs, directories of settings.

use super::Args;
use crate::estate::machine;
use crate::failure::Failure;
use estate::{Context, Distribution, Found, FoundCluster, Kind, Name};
use etcd::hosts;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::{Path, PathBuf};

/// Settings and kubeconfigs are a few KiB.
const BYTES_MAX: u64 = 4 << 20;
/// More contexts than these, nobody reads.
const CONTEXTS_MAX: usize = 50;

/// Signs of Rancher's agents: `rancher-system-agent` of RKE2 and k3s (rancher/system-agent `install.sh`), and the settings that Rancher
/// writes for them (rancher `pkg/capr/planner`).
const AGENTS: [&str; 4] = [
    "/etc/rancher/agent",
    "/var/lib/rancher/agent",
    "/etc/rancher/rke2/config.yaml.d/50-rancher.yaml",
    "/etc/rancher/k3s/config.yaml.d/50-rancher.yaml",
];

/// Where administrators' kubeconfigs are, by distribution.
const ADMINISTRATORS: [(Distribution, &str); 4] = [
    (Distribution::Rke2, "/etc/rancher/rke2/rke2.yaml"),
    (Distribution::K3s, "/etc/rancher/k3s/k3s.yaml"),
    (Distribution::Kubeadm, "/etc/kubernetes/admin.conf"),
    (Distribution::Rke1, "/opt/rke/kube_config_cluster.yml"),
];

/// Where kubeadm's configuration mostly is, best first.
const KUBEADM: [&str; 4] = [
    "/etc/kubernetes/kubeadm.yaml",
    "/etc/kubernetes/kubeadm-config.yaml",
    "/etc/kubeadm/kubeadm.yaml",
    "/etc/kubeadm/kubeadm-config.yaml",
];

/// What RKE1 keeps where `rke` is given its commands, which mostly is another machine.
const RKE1: [&str; 4] = [
    "/opt/rke/cluster.yml",
    "/opt/rke/cluster.rkestate",
    "/etc/rke/cluster.yml",
    "/etc/rke/cluster.rkestate",
];

/// Where people put snapshots that they make with `etcdctl`.
const SNAPSHOTS: [&str; 3] = ["/var/lib/etcd-backup", "/var/backups/etcd", "/backup/etcd"];

/// Everything.
///
/// # Errors
/// A kubeconfig that was named cannot be read.
pub(super) fn look(args: &Args) -> Result<Found, Failure> {
    let root = &args.root;
    let mut found = Found {
        host: args.host.clone().or_else(|| name(root)),
        address: args.address.or_else(|| if is_whole(root) { address() } else { None }),
        ..Found::default()
    };
    match hosts::found(root) {
        Ok(etcd) => found.cluster = Some(cluster(root, &etcd)),
        Err(missing) => {
            let looked_at: Vec<String> = missing.looked_at.iter().map(|path| seen(root, path)).collect();
            found.notes.push(format!(
                "no control plane with an etcd was found on this host: there is no {}",
                looked_at.join(", no ")
            ));
        }
    }
    found.notes.extend(notes(root, found.cluster.as_ref()));
    for path in &args.kubeconfigs {
        let read = contexts(path).ok_or_else(|| {
            let message = format!("{} cannot be read as a kubeconfig", path.display());
            Failure::new("LB0203", Kind::Person, message)
                .hint(format!("kubectl --kubeconfig {} config get-contexts", path.display()))
        })?;
        found.contexts.extend(read);
    }
    if args.kubeconfigs.is_empty() && is_whole(root) {
        found
            .contexts
            .extend(usual().iter().filter_map(|path| contexts(path)).flatten());
    }
    let own = found.cluster.as_ref().and_then(|cluster| cluster.kubeconfig.clone());
    found.contexts.retain(|context| Some(&context.path) != own.as_ref());
    let more = found.contexts.len().saturating_sub(CONTEXTS_MAX);
    if more > 0 {
        found.contexts.truncate(CONTEXTS_MAX);
        found.notes.push(format!("{more} more contexts of kubeconfigs are left out"));
    }
    Ok(found)
}

/// Whether it is this machine itself that is looked at.
fn is_whole(root: &Path) -> bool {
    root == Path::new("/")
}

fn name(root: &Path) -> Option<Name> {
    let text = match is_whole(root) {
        true => machine(),
        false => std::fs::read_to_string(root.join("etc/hostname")).ok()?,
    };
    text.trim().split('.').next()?.to_lowercase().parse().ok()
}

/// The address that this host's own way out begins with. No packet is sent for it: addresses of documentation (RFC 5737, RFC 3849) are
/// only looked up in the routes.
fn address() -> Option<IpAddr> {
    let from = |own: IpAddr, to: IpAddr| {
        let socket = UdpSocket::bind((own, 0)).ok()?;
        socket.connect((to, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip()).filter(|it| !it.is_loopback() && !it.is_unspecified())
    };
    from(Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into())
        .or_else(|| from(Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()))
}

fn cluster(root: &Path, etcd: &hosts::Found) -> FoundCluster {
    let there = |path: &str| below(root, path).exists();
    let first = |paths: &[&str]| paths.iter().find(|path| there(path)).map(|path| (*path).to_owned());
    let kubeconfig = ADMINISTRATORS.iter().find(|(of, path)| *of == etcd.distribution && there(path));
    let certificate = etcd.connection.cert_file.as_ref().map(|path| seen(root, path));
    let is = |distribution| etcd.distribution == distribution;
    let snapshots = match etcd.distribution {
        Distribution::K3s | Distribution::Rke2 => snapshots(root, etcd),
        Distribution::Rke1 => first(&["/opt/rke/etcd-snapshots"]),
        Distribution::Kubeadm | Distribution::Other => first(&SNAPSHOTS),
    };
    let more = RKE1.iter().filter(|path| is(Distribution::Rke1) && there(path));
    FoundCluster {
        distribution: etcd.distribution,
        managed: AGENTS.iter().any(|path| there(path)),
        etcd: certificate.map(|certificate| (etcd.connection.endpoint.clone(), certificate)),
        kubeconfig: kubeconfig.map(|(_, path)| (*path).to_owned()),
        snapshots,
        configuration: first(&KUBEADM).filter(|_| is(Distribution::Kubeadm)),
        more: more.map(|path| (*path).to_owned()).collect(),
    }
}

/// Where k3s and RKE2 keep them: as their settings say, or beside the database.
fn snapshots(root: &Path, etcd: &hosts::Found) -> Option<String> {
    let settings = below(root, &format!("/etc/rancher/{}/config.yaml", etcd.distribution));
    let named = yaml(&settings).and_then(|it| it.get("etcd-snapshot-dir")?.as_str().map(str::to_owned));
    let beside = etcd.data_dir.parent().map(|db| seen(root, &db.join("snapshots")));
    named
        .filter(|path| path.starts_with('/'))
        .or(beside)
        .filter(|path| below(root, path).exists())
}

/// What people should know of what is here.
fn notes(root: &Path, cluster: Option<&FoundCluster>) -> Vec<String> {
    let there = |path: &str| below(root, path).exists();
    let mut notes = Vec::new();
    for program in ["rke2", "k3s"] {
        let server = format!("/var/lib/rancher/{program}/server");
        if cluster.is_none() && there(&server) {
            notes.push(format!(
                "{server} is there, but no etcd in it: with another datastore (SQLite, MySQL, PostgreSQL), its copies are that one's own"
            ));
        } else if cluster.is_none() && there(&format!("/var/lib/rancher/{program}/agent")) {
            notes.push(format!(
                "this host is an agent of {program}: give the command on a server of that cluster"
            ));
        }
    }
    if cluster.is_some_and(|it| it.distribution == Distribution::Rke1 && it.more.is_empty()) {
        notes.push(
            "RKE1's cluster.yml and cluster.rkestate are not on this host: bring them here, and name them in protect.files.paths".to_owned(),
        );
    }
    notes
}

/// The kubeconfigs that kubectl would take.
fn usual() -> Vec<PathBuf> {
    match std::env::var_os("KUBECONFIG").filter(|paths| !paths.is_empty()) {
        Some(paths) => std::env::split_paths(&paths).collect(),
        None => std::env::home_dir().map(|home| home.join(".kube/config")).into_iter().collect(),
    }
}

/// The contexts of a kubeconfig; nothing where it is none.
fn contexts(path: &Path) -> Option<Vec<Context>> {
    let config = yaml(path)?;
    let list = |of: &str| config.get(of).and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |value: &Value, at: &str| value.pointer(at).and_then(Value::as_str).map(str::to_owned);
    let (clusters, current) = (list("clusters"), text(&config, "/current-context"));
    let path = std::path::absolute(path)
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string();
    let context = |it: &Value| {
        let (name, of) = (text(it, "/name")?, text(it, "/context/cluster")?);
        let cluster = clusters.iter().find(|cluster| text(cluster, "/name").as_ref() == Some(&of))?;
        let server = bare(&text(cluster, "/cluster/server")?);
        Some(Context {
            path: path.clone(),
            current: current.as_ref() == Some(&name),
            name,
            server,
        })
    };
    config
        .get("contexts")?
        .as_array()
        .map(|all| all.iter().filter_map(context).collect())
}

/// A URL without user and password.
fn bare(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
            let host = authority.rsplit('@').next().unwrap_or_default();
            let path = path.split(['?', '#']).next().unwrap_or_default();
            let slash = if path.is_empty() { "" } else { "/" };
            format!("{scheme}://{host}{slash}{path}")
        }
        None => "a server that is no URL".to_owned(),
    }
}

fn yaml(path: &Path) -> Option<Value> {
    if std::fs::metadata(path).ok()?.len() > BYTES_MAX {
        return None;
    }
    serde_saphyr::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

/// A path of the host, below its root.
fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// A path below the root, as the host has it.
fn seen(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    Path::new("/").join(path).display().to_string()
}
