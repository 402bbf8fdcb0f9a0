//! kubeadm's configuration as the cluster keeps it (ConfigMap `kube-system/kubeadm-config`), the captured file of whoever ran kubeadm,
//! and the captured manifests of the control plane. Start at [`judge`].
//!
//! Source: kubeadm `app/apis/kubeadm/v1beta4` (the same names since v1beta1), `app/phases/controlplane/manifests.go` (the flags).

use super::{PAIR, at, plain, yaml};
use crate::complete::finding::Found;
use crate::complete::layout::pod;
use crate::complete::pod::Pod;
use crate::complete::reader::{Reader, data};
use crate::complete::{CapturedFiles, Parts};
use serde_json::Value;

const OBJECT: &str = "ConfigMap kube-system/kubeadm-config";
const FIELDS: [&str; 7] = [
    "clusterName",
    "controlPlaneEndpoint",
    "kubernetesVersion",
    "certificatesDir",
    "networking/serviceSubnet",
    "networking/podSubnet",
    "networking/dnsDomain",
];

/// A field, a program, and its flag that says the same.
const FLAGS: [(&str, &str, &str); 3] = [
    ("networking/serviceSubnet", "kube-apiserver", "service-cluster-ip-range"),
    ("networking/podSubnet", "kube-controller-manager", "cluster-cidr"),
    ("clusterName", "kube-controller-manager", "cluster-name"),
];

pub(super) fn judge(parts: &Parts<'_>, reader: &Reader<'_>, found: &mut Found) {
    let object = match reader.object("configmaps/kube-system/kubeadm-config") {
        Ok(it) => it,
        Err(why) => {
            let why = format!("{OBJECT} cannot be read from the records of etcd: {why}");
            return found.unknown(PAIR, why, "lifeboat verify, for this cluster: it reads all of its history");
        }
    };
    let text = object.as_ref().and_then(|it| data(it, "ClusterConfiguration"));
    let Some(cluster) = text.and_then(|it| yaml(it.as_bytes())) else {
        let why = format!("{OBJECT} is not in etcd, or cannot be read, so no file can be compared with it");
        return found.unknown(PAIR, why, "kubectl -n kube-system get configmap kubeadm-config -o yaml: is it there?");
    };
    let mut good = Vec::new();
    for (place, file) in configurations(parts.files) {
        let differing = FIELDS.iter().filter_map(|field| {
            let (there, here) = (plain(at(&cluster, field))?, plain(at(&file, field))?);
            (there != here).then(|| format!("{field} is {here} in the file and {there} in the cluster"))
        });
        let differing: Vec<String> = differing.collect();
        if differing.is_empty() {
            good.push(place);
        } else {
            let why = format!("{place} is of another generation than {OBJECT}: {}", differing.join("; "));
            found.mismatch(
                PAIR,
                why,
                "kubectl -n kube-system get configmap kubeadm-config -o yaml, and bring the file up to date",
            );
        }
    }
    for host in parts.files.hosts() {
        if let Some(good_of) = manifests(host, &cluster, parts.files, found) {
            good.push(good_of);
        }
    }
    if !good.is_empty() {
        found.matches(PAIR, format!("{OBJECT} says the same as {}", good.join(", ")));
    }
}

/// The captured files that hold a ClusterConfiguration.
fn configurations(files: &dyn CapturedFiles) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for host in files.hosts() {
        for path in files.list(host, "/") {
            let name = path.rsplit('/').next().unwrap_or_default();
            let file = files.get(host, path).filter(|_| name.contains("kubeadm")).unwrap_or_default();
            let text = String::from_utf8_lossy(file);
            let documents = text.split("\n---").filter_map(|it| yaml(it.as_bytes()));
            let one = documents.into_iter().find(|it| it["kind"] == "ClusterConfiguration");
            all.extend(one.map(|it| (format!("{path} of {host}"), it)));
        }
    }
    all
}

/// Compares a host's manifests; their name if there are any and all of them agree.
fn manifests(host: &str, cluster: &Value, files: &dyn CapturedFiles, found: &mut Found) -> Option<String> {
    let mut differing = Vec::new();
    let mut compare = |what: &str, here: Option<String>, field: &str| {
        if let (Some(here), Some(there)) = (here, plain(at(cluster, field)))
            && here != there
        {
            differing.push(format!("{what} is {here} and {field} {there}"));
        }
    };
    let flag = |pod: &Pod, name: &str| pod.flag(name).map(str::to_owned);
    let programs = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];
    let pods: Vec<(&str, Pod)> = programs
        .into_iter()
        .filter_map(|program| Some((program, pod(files, Some(host), program)?)))
        .collect();
    for (program, pod) in &pods {
        compare(&format!("the image of {program}"), pod.version().map(str::to_owned), "kubernetesVersion");
        for (field, _, name) in FLAGS.iter().filter(|(_, of, _)| of == program) {
            compare(&format!("{program} --{name}"), flag(pod, name), field);
        }
    }
    if pods.is_empty() {
        return None;
    }
    if differing.is_empty() {
        return Some(format!("the manifests of {host}"));
    }
    let why = format!(
        "the manifests of {host} are of another generation than {OBJECT}: {}",
        differing.join("; ")
    );
    found.mismatch(PAIR, why, "finish the upgrade or change on this host, and capture its manifests again");
    None
}
