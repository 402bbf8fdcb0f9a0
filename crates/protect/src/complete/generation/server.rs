//! k3s and RKE2: what their servers must be told alike. Start at [`judge`]; [`config`] reads a host's configuration.
//!
//! Sources: k3s `pkg/configfilearg` (`config.yaml`, then `config.yaml.d/*.yaml` in order, where a key with `+` at its end adds to a list
//! and another one replaces it), `pkg/daemons/config/types.go` (`CriticalControlArgs`), and the pages "High Availability Embedded etcd" of
//! k3s and "High Availability" of RKE2, which name the same flags.

use super::{PAIR, plain, yaml};
use crate::complete::finding::{Found, some};
use crate::complete::layout::Layout;
use crate::complete::{CapturedFiles, Parts};
use serde_json::Value;
use std::collections::BTreeMap;

/// What has to be equal on all servers.
const CRITICAL: [&str; 14] = [
    "agent-token",
    "cluster-cidr",
    "cluster-dns",
    "cluster-domain",
    "disable-cloud-controller",
    "disable-helm-controller",
    "disable-kube-proxy",
    "disable-network-policy",
    "egress-selector-mode",
    "embedded-registry",
    "flannel-backend",
    "secrets-encryption",
    "service-cidr",
    "token",
];

/// What must not be shown.
const SECRET: [&str; 2] = ["agent-token", "token"];

/// A host's configuration: keys and values.
pub(in crate::complete) fn config(name: &str, files: &dyn CapturedFiles, host: &str) -> BTreeMap<String, String> {
    let first = format!("/etc/rancher/{name}/config.yaml");
    let more = files.list(host, &format!("{first}.d/"));
    let mut more: Vec<&str> = more
        .into_iter()
        .filter(|path| path.ends_with(".yaml") || path.ends_with(".yml"))
        .collect();
    more.sort_unstable();
    let mut all = BTreeMap::new();
    for path in std::iter::once(first.as_str()).chain(more) {
        let Some(Value::Object(read)) = files.get(host, path).and_then(yaml) else {
            continue;
        };
        for (key, value) in read {
            let Some(value) = plain(&value) else {
                continue;
            };
            match key.strip_suffix('+') {
                Some(key) => {
                    let there = all.entry(key.to_owned()).or_insert_with(String::new);
                    let comma = if there.is_empty() { "" } else { "," };
                    *there = format!("{there}{comma}{value}");
                }
                None => {
                    all.insert(key, value);
                }
            }
        }
    }
    all
}

pub(super) fn judge(name: &str, parts: &Parts<'_>, layout: &Layout, found: &mut Found) {
    let serves = |host: &&str| !parts.files.list(host, &format!("{}/", layout.base)).is_empty();
    let servers: Vec<&str> = parts.files.hosts().into_iter().filter(serves).collect();
    let read = |host: &&str| (host.to_string(), config(name, parts.files, host));
    let configs: Vec<(String, BTreeMap<String, String>)> = servers.iter().map(read).collect();
    let unread = unread(name, &servers, parts.files, found);
    encrypted(&configs, parts.files, layout, found);
    let configs: Vec<_> = configs.into_iter().filter(|(host, _)| !unread.contains(host)).collect();
    alike(&configs, found);
}

/// The hosts with files that cannot be read.
fn unread(name: &str, servers: &[&str], files: &dyn CapturedFiles, found: &mut Found) -> Vec<String> {
    let mut unread = Vec::new();
    for host in servers {
        let paths = files.list(host, &format!("/etc/rancher/{name}/config.yaml")).into_iter();
        for path in paths.filter(|path| path.ends_with(".yaml") || path.ends_with(".yml")) {
            let file = files.get(host, path).unwrap_or_default();
            let empty = file.iter().all(u8::is_ascii_whitespace);
            if !empty && !yaml(file).is_some_and(|it| it.is_object() || it.is_null()) {
                let why = format!("{path} of {host} cannot be read as a configuration");
                found.mismatch(PAIR, why, "capture it again: no server starts with it");
                unread.push((*host).to_owned());
            }
        }
    }
    unread
}

fn alike(configs: &[(String, BTreeMap<String, String>)], found: &mut Found) {
    let Some(((first, ours), others)) = configs.split_first() else {
        return;
    };
    let mut good = true;
    for key in CRITICAL {
        let value = |of: &BTreeMap<String, String>| of.get(key).cloned().unwrap_or_else(|| default(key).to_owned());
        let here = value(ours);
        for (host, theirs) in others {
            // The first server makes a token where it is told none, and the others are told it.
            let told = |of: &BTreeMap<String, String>| !SECRET.contains(&key) || of.contains_key(key);
            let there = value(theirs);
            let differs = told(ours) && told(theirs) && bare(key, &here) != bare(key, &there);
            if differs {
                good = false;
                let says = |it: &str| {
                    if it.is_empty() {
                        "not set".to_owned()
                    } else {
                        it.to_owned()
                    }
                };
                let why = match SECRET.contains(&key) {
                    true => format!("{key} in config.yaml is not the same on {first} and on {host}"),
                    false => {
                        format!("{key} in config.yaml is {} on {first} and {} on {host}", says(&here), says(&there))
                    }
                };
                found.mismatch(
                    PAIR,
                    why,
                    "set it alike on all servers: with this pair a recovered server does not join",
                );
            }
        }
    }
    if good && !others.is_empty() {
        let hosts: Vec<String> = configs.iter().map(|(host, _)| host.clone()).collect();
        found.matches(
            PAIR,
            format!("config.yaml says the same on {} where servers must be told alike", some(&hosts)),
        );
    }
}

/// What it is where it is not set: servers that differ in that alone are told alike.
fn default(key: &str) -> &'static str {
    match key {
        "embedded-registry" | "secrets-encryption" => "false",
        _ if key.starts_with("disable-") => "false",
        "egress-selector-mode" => "agent",
        "flannel-backend" => "vxlan",
        "cluster-domain" => "cluster.local",
        "cluster-cidr" => "10.42.0.0/16",
        "service-cidr" => "10.43.0.0/16",
        _ => "",
    }
}

/// Of a token its password alone: it may be written with the CA's hash or without.
fn bare<'a>(key: &str, value: &'a str) -> &'a str {
    let password = || value.strip_prefix("K10")?.split_once("::")?.1.split_once(':').map(|(_, it)| it);
    if SECRET.contains(&key) {
        password().unwrap_or(value)
    } else {
        value
    }
}

/// Whether the keys are there where encryption is turned on.
fn encrypted(
    configs: &[(String, BTreeMap<String, String>)],
    files: &dyn CapturedFiles,
    layout: &Layout,
    found: &mut Found,
) {
    for (host, _) in configs
        .iter()
        .filter(|(_, it)| it.get("secrets-encryption").is_some_and(|it| it == "true"))
    {
        for path in layout.encryption.iter().filter(|path| files.get(host, path).is_none()) {
            let why = format!("config.yaml of {host} turns secrets-encryption on, and {path} was not captured there");
            found.missing(PAIR, why, "capture it: new Secrets are encrypted with the key in it");
        }
    }
}
