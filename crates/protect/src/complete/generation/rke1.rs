//! RKE1's state file and cluster file: each against the other, against the state that the cluster keeps of itself, and against the
//! files on its hosts. Start at [`judge`].
//!
//! Sources: RKE `cluster/state.go` (the state file: `desiredState` and `currentState`, each with `rkeConfig`, `certificatesBundle` and
//! `encryptionConfig`; beside `NAME.yml` as `NAME.rkestate`; the same JSON in the cluster as `kube-system/full-cluster-state`, a
//! ConfigMap, and a Secret since RKE 1.4), `types/rke_types.go` (names in YAML and in JSON), `pki/constants.go`.

use super::{PAIR, at, plain};
use crate::complete::finding::{Found, some};
use crate::complete::layout::SSL;
use crate::complete::reader::{Reader, data, secret};
use crate::complete::{CapturedFiles, Parts, pki};
use objects::Object;
use serde_json::Value;

const STORED: &str = "full-cluster-state";

/// Fields of the cluster file and of the state.
const FIELDS: [(&str, &str); 7] = [
    ("kubernetes_version", "kubernetesVersion"),
    ("cluster_name", "clusterName"),
    ("services/kube-api/service_cluster_ip_range", "services/kubeApi/serviceClusterIpRange"),
    ("services/kube-controller/cluster_cidr", "services/kubeController/clusterCidr"),
    ("services/kubelet/cluster_domain", "services/kubelet/clusterDomain"),
    ("services/kubelet/cluster_dns_server", "services/kubelet/clusterDnsServer"),
    ("network/plugin", "network/plugin"),
];

/// Certificates and keys of the state, and their files on hosts.
const BUNDLE: [(&str, &str, &str); 5] = [
    ("kube-ca", "certificatePEM", "kube-ca.pem"),
    ("kube-ca", "keyPEM", "kube-ca-key.pem"),
    ("kube-apiserver-requestheader-ca", "certificatePEM", "kube-apiserver-requestheader-ca.pem"),
    ("kube-apiserver-requestheader-ca", "keyPEM", "kube-apiserver-requestheader-ca-key.pem"),
    ("kube-service-account-token", "keyPEM", "kube-service-account-token-key.pem"),
];

/// A captured file, read.
struct Read {
    place: String,
    path: String,
    host: String,
    value: Option<Value>,
}

pub(super) fn judge(parts: &Parts<'_>, reader: &Reader<'_>, found: &mut Found) {
    let states = files(parts.files, |path| path.ends_with(".rkestate"));
    if states.is_empty() {
        let why = "the state file cluster.rkestate was not captured: rke restores and changes a cluster by it alone";
        let next = "capture it from where rke is run; the cluster itself keeps one as kube-system/full-cluster-state";
        found.missing(PAIR, why, next);
    }
    let yml = |state: &Read| format!("{}.yml", state.path.trim_end_matches(".rkestate"));
    let named: Vec<String> = states.iter().map(yml).collect();
    let clusters = files(parts.files, |path| path.ends_with("/cluster.yml") || named.iter().any(|it| it == path));
    if clusters.is_empty() {
        let why = "the cluster file cluster.yml was not captured: rke is told by it what the cluster should be";
        found.missing(PAIR, why, "capture it from where rke is run");
    }
    for state in &states {
        let Some(value) = &state.value else {
            let why = format!("{} cannot be read as a state file", state.place);
            found.mismatch(PAIR, why, "capture it again from where rke is run");
            continue;
        };
        inside(state, value, found);
        stored(state, value, reader, found);
        on_hosts(state, value, parts.files, found);
        let fits = |it: &&Read| it.host == state.host && it.path == yml(state);
        if let Some(cluster) = clusters.iter().find(fits).or(clusters.first()) {
            with_cluster(cluster, state, value, found);
        }
    }
}

fn files(files: &dyn CapturedFiles, wanted: impl Fn(&str) -> bool) -> Vec<Read> {
    let mut all = Vec::new();
    for host in files.hosts() {
        for path in files.list(host, "/").into_iter().filter(|path| wanted(path)) {
            let file = files.get(host, path).unwrap_or_default();
            // A state file is JSON, and megabytes long.
            let value = if path.ends_with(".rkestate") {
                serde_json::from_slice(file).ok().filter(Value::is_object)
            } else {
                super::yaml(file).filter(Value::is_object)
            };
            all.push(Read {
                place: format!("{path} of {host}"),
                path: path.to_owned(),
                host: host.to_owned(),
                value,
            });
        }
    }
    all
}

/// Whether the last `rke up` came to its end.
fn inside(state: &Read, value: &Value, found: &mut Found) {
    let (desired, current) = (&value["desiredState"]["rkeConfig"], &value["currentState"]["rkeConfig"]);
    if current.is_null() {
        let why = format!("{} has no current state: rke up never came to its end with it", state.place);
        return found.mismatch(PAIR, why, "rke up, and capture it again");
    }
    let mut differing: Vec<String> =
        differing(FIELDS.map(|(_, json)| (json, json)), desired, current, "desired", "current");
    if nodes(desired) != nodes(current) {
        differing.push("the nodes are others".to_owned());
    }
    if !desired.is_null() && !differing.is_empty() {
        let why = format!("the last rke up with {} did not come to its end: {}", state.place, differing.join("; "));
        found.mismatch(PAIR, why, "rke up, and capture it again");
    }
}

/// Whether it is the state that the cluster itself keeps.
fn stored(state: &Read, value: &Value, reader: &Reader<'_>, found: &mut Found) {
    let of_secret = |it: Object| secret(&it, STORED);
    let of_map = |it: Object| data(&it, STORED).map(|it| it.as_bytes().to_vec());
    let read =
        reader
            .object(&format!("secrets/kube-system/{STORED}"))
            .and_then(|found| match found.and_then(of_secret) {
                Some(it) => Ok(Some(("Secret", it))),
                None => {
                    let map = reader.object(&format!("configmaps/kube-system/{STORED}"))?;
                    Ok(map.and_then(of_map).map(|it| ("ConfigMap", it)))
                }
            });
    let place = &state.place;
    match read {
        Err(why) => {
            let why = format!("kube-system/{STORED} cannot be read from the records of etcd: {why}");
            found.unknown(PAIR, why, "lifeboat verify, for this cluster: it reads all of its history");
        }
        Ok(None) => {
            let why = format!(
                "etcd holds no kube-system/{STORED} that can be read, so nothing tells whether {place} is the newest"
            );
            found.unknown(PAIR, why, "rke up writes it");
        }
        Ok(Some((kind, text))) => {
            let theirs: Option<Value> = serde_json::from_slice(&text).ok();
            if theirs.as_ref().is_some_and(|it| it["currentState"] == value["currentState"]) {
                found.matches(PAIR, format!("{place} has the same current state as {kind} kube-system/{STORED}"));
            } else {
                let why = format!(
                    "{place} is of another generation than {kind} kube-system/{STORED}, which the last rke up wrote"
                );
                let next =
                    format!("copy the state file from where rke was run last to {place}, or write it from that object");
                found.mismatch(PAIR, why, next);
            }
        }
    }
}

/// Whether its certificates and keys are those on the hosts.
fn on_hosts(state: &Read, value: &Value, files: &dyn CapturedFiles, found: &mut Found) {
    let (mut equal, mut differing) = (0, Vec::new());
    for (name, field, file) in BUNDLE {
        let Some(pem) = value["currentState"]["certificatesBundle"][name][field].as_str() else {
            continue;
        };
        let path = format!("{SSL}/{file}");
        for host in files.hosts() {
            let Some(there) = files.get(host, &path) else {
                continue;
            };
            let same = if field == "keyPEM" {
                pki::private_keys(there) == pki::private_keys(pem.as_bytes())
            } else {
                pki::certificates(there) == pki::certificates(pem.as_bytes())
            };
            match same {
                true => equal += 1,
                false => differing.push(format!("{path} of {host}")),
            }
        }
    }
    let encryption = value["currentState"]["encryptionConfig"].as_str().filter(|it| !it.is_empty());
    let path = format!("{SSL}/encryption.yaml");
    for host in files.hosts() {
        if let (Some(ours), Some(theirs)) = (encryption, files.get(host, &path))
            && super::yaml(ours.as_bytes()) != super::yaml(theirs)
        {
            differing.push(format!("{path} of {host}"));
        }
    }
    let place = &state.place;
    if !differing.is_empty() {
        let why = format!("these are not what {place} says of them: {}", some(&differing));
        found.mismatch(
            PAIR,
            why,
            "capture the state file from where rke was run last, and the hosts' files, at one time",
        );
    } else if equal > 0 {
        found.matches(PAIR, format!("the keys and certificates in {place} are those on the hosts"));
    }
}

/// Whether the cluster file asks for what the state says.
fn with_cluster(cluster: &Read, state: &Read, value: &Value, found: &mut Found) {
    let Some(asked) = &cluster.value else {
        let why = format!("{} cannot be read as a cluster file", cluster.place);
        return found.mismatch(PAIR, why, "capture it again from where rke is run");
    };
    let current = &value["currentState"]["rkeConfig"];
    if current.is_null() {
        return;
    }
    let mut differing = differing(FIELDS, asked, current, "the cluster file", "the state");
    let (ours, theirs) = (nodes(asked), nodes(current));
    let lone = |from: &[String], of: &[String]| from.iter().filter(|it| !of.contains(it)).cloned().collect::<Vec<_>>();
    let (only_ours, only_theirs) = (lone(&ours, &theirs), lone(&theirs, &ours));
    if !only_ours.is_empty() {
        differing.push(format!("only the cluster file has node {}", some(&only_ours)));
    }
    if !only_theirs.is_empty() {
        differing.push(format!("only the state has node {}", some(&only_theirs)));
    }
    if differing.is_empty() {
        found.matches(PAIR, format!("{} asks for what {} says", cluster.place, state.place));
    } else {
        let why = format!(
            "{} and {} are of different generations: {}",
            cluster.place,
            state.place,
            differing.join("; ")
        );
        found.mismatch(PAIR, why, "rke up with this cluster file, or capture the one that was used last");
    }
}

/// Which fields are set in both and differ.
fn differing<const N: usize>(
    fields: [(&str, &str); N],
    one: &Value,
    other: &Value,
    name: &str,
    other_name: &str,
) -> Vec<String> {
    let differs = |(first, second): (&str, &str)| {
        let (here, there) = (plain(at(one, first))?, plain(at(other, second))?);
        (here != there).then(|| format!("{first} is {here} in {name} and {there} in {other_name}"))
    };
    fields.into_iter().filter_map(differs).collect()
}

/// The nodes' addresses with their roles, in order.
fn nodes(config: &Value) -> Vec<String> {
    let node = |it: &Value| {
        let address = it["address"].as_str()?;
        let mut roles: Vec<&str> = it["role"].as_array()?.iter().filter_map(Value::as_str).collect();
        roles.sort_unstable();
        Some(format!("{address} ({})", roles.join(", ")))
    };
    let mut all: Vec<String> = config["nodes"].as_array().into_iter().flatten().filter_map(node).collect();
    all.sort();
    all
}
