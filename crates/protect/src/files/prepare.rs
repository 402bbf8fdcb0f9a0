//! What a host without a control plane needs of a copied host's files, before keys and certificates are put there. Start at [`prepared`].
//! Purely.

use super::PKI;
use super::tree::{Entry, Tree, What};
use super::wanted::of_rancher;
use crate::manifest::{Flags, MANIFESTS, PARKED};
use estate::Distribution;
use serde_json::Value;

/// The certificates that a kubelet has asked for: they are of the copied host.
const KUBELET_PKI: &str = "/var/lib/kubelet/pki/";

/// By the password in it, servers know a node of k3s's or RKE2's again.
const NODE: &str = "/etc/rancher/node/";

/// Settings in which a host's own name and address stand, beside manifests and kubeadm's configuration.
const SETTINGS: [&str; 9] = [
    "/var/lib/kubelet/kubeadm-flags.env",
    "/var/lib/kubelet/config.yaml",
    "/var/lib/kubelet/instance-config.yaml",
    "/etc/default/kubelet",
    "/etc/sysconfig/kubelet",
    "/etc/systemd/system/kubelet.service.d/",
    "/usr/lib/systemd/system/kubelet.service.d/",
    "/etc/rancher/k3s/config.yaml",
    "/etc/rancher/rke2/config.yaml",
];

/// The files of a copied host for one that has none: in its settings each of `words`, a name or an address, is replaced by the one behind it.
///
/// Of kubeadm, manifests come where nothing starts them, and what is issued anew (keys and certificates of the control plane, kubeconfigs,
/// the kubelet's own certificates) is left out. Of k3s and RKE2, a server that joined another one no longer says so: that one may be gone.
pub fn prepared(tree: &Tree, distribution: Distribution, words: &[(&str, &str)], kubeadm_config: &str) -> Tree {
    let mut prepared = Tree::default();
    for (path, entry) in &tree.0 {
        let (path, entry) = match distribution {
            Distribution::Kubeadm if is_issued(path) => continue,
            Distribution::Kubeadm => match path.strip_prefix(MANIFESTS).filter(|below| below.starts_with('/')) {
                Some(name) => (format!("{PARKED}{name}"), edited(entry, |text| renamed(text, words))),
                None if path == kubeadm_config || is_setting(path) => {
                    (path.clone(), edited(entry, |text| renamed(text, words)))
                }
                None => (path.clone(), entry.clone()),
            },
            _ if !words.is_empty() && path.starts_with(NODE) => continue,
            _ if is_setting(path) => (path.clone(), edited(entry, |text| alone(&renamed(text, words)))),
            _ => (path.clone(), entry.clone()),
        };
        prepared.0.insert(path, entry);
    }
    if distribution == Distribution::Kubeadm {
        let directory = Entry {
            mode: 0o700,
            owner: (0, 0),
            label: None,
            what: What::Directory,
        };
        prepared.0.entry(PARKED.to_owned()).or_insert(directory);
    }
    prepared
}

/// The flags of `program` on a copied host, whether it ran or was parked; with `words` replaced, as [`prepared`] does.
///
/// # Errors
/// Its manifest is none.
pub fn copied_flags(tree: &Tree, program: &str, words: &[(&str, &str)]) -> Result<Option<Flags>, String> {
    let places = [MANIFESTS, PARKED].map(|directory| format!("{directory}/{program}.yaml"));
    let manifest = places.iter().find_map(|path| tree.bytes(path));
    let flags = manifest.map(|bytes| Flags::parse(&renamed(&String::from_utf8_lossy(bytes), words)));
    flags.transpose()
}

/// The data directory of k3s or RKE2 on a copied host, the name of its node and its address, as far as its settings have them.
///
/// # Errors
/// A file of its settings is none: its path, and why.
pub fn rancher_host(tree: &Tree, distribution: Distribution) -> Result<RancherHost, (String, String)> {
    let program = distribution.to_string();
    let first = format!("/etc/rancher/{program}/config.yaml");
    let further = format!("{first}.d/");
    let paths = tree
        .paths()
        .filter(|path| *path == first || (path.starts_with(&further) && path.ends_with(".yaml")));
    let texts = paths.filter_map(|path| Some((path.to_owned(), String::from_utf8(tree.bytes(path)?.to_vec()).ok()?)));
    let files: Vec<(String, String)> = texts.collect();
    let mut host = RancherHost {
        data_dir: of_rancher(&program, &files)?
            .data_dir
            .unwrap_or_else(|| format!("/var/lib/rancher/{program}")),
        ..RancherHost::default()
    };
    for (path, text) in &files {
        let settings: Option<Value> =
            serde_saphyr::from_str(text).map_err(|e| (path.clone(), e.without_snippet().to_string()))?;
        let settings = settings.unwrap_or_default();
        // An address may be a list of two, of both families.
        let text = |key: &str| {
            let value = &settings[key];
            value
                .as_str()
                .or_else(|| value[0].as_str())
                .and_then(|it| it.split(',').next())
                .map(str::to_owned)
        };
        host.node = text("node-name").or(host.node);
        host.address = text("node-ip").or(host.address);
    }
    Ok(host)
}

/// What the settings of k3s or RKE2 say of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RancherHost {
    /// Its data directory.
    pub data_dir: String,
    /// The name of its node, where it is set.
    pub node: Option<String>,
    /// Its address, where it is set.
    pub address: Option<String>,
}

fn is_issued(path: &str) -> bool {
    let below = |directory: &str| {
        path.strip_prefix(directory)
            .is_some_and(|it| it.is_empty() || it.starts_with('/'))
    };
    let is_kubeconfig = path
        .strip_prefix("/etc/kubernetes/")
        .is_some_and(|name| name.ends_with(".conf") && !name.contains('/'));
    below(PKI) || path.starts_with(KUBELET_PKI) || is_kubeconfig
}

fn is_setting(path: &str) -> bool {
    let rancher = |program: &str| path.starts_with(&format!("/etc/rancher/{program}/config.yaml.d/"));
    SETTINGS.iter().any(|setting| match setting.ends_with('/') {
        true => path.starts_with(setting),
        false => path == *setting,
    }) || rancher("k3s")
        || rancher("rke2")
}

/// The same with its text changed, where it is a text.
fn edited(entry: &Entry, edit: impl FnOnce(&str) -> String) -> Entry {
    let mut entry = entry.clone();
    if let What::File { bytes, .. } = &mut entry.what
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        *bytes = edit(text).into_bytes();
    }
    entry
}

/// The text with whole words replaced. A word is what letters, digits, `.`, `-` and `_` make: `main-1` is not in `etcd-main-1`, nor
/// `10.0.0.1` in `10.0.0.11`.
fn renamed(text: &str, words: &[(&str, &str)]) -> String {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        // The option's name in `--name=main-1` ends before the equals sign; `-` at the front of a word is YAML's or an option's.
        let bare = word.trim_start_matches('-').trim_end_matches('.');
        let to = words.iter().find(|(from, _)| *from == bare).map(|(_, to)| *to);
        match to.filter(|_| !bare.is_empty()) {
            Some(to) => out.push_str(&word.replacen(bare, to, 1)),
            None => out.push_str(word),
        }
        let mut rest_chars = after.chars();
        if let Some(between) = rest_chars.next() {
            out.push(between);
        }
        rest = rest_chars.as_str();
    }
    out
}

/// The settings of a server that joined another one, as those of a first one.
fn alone(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    for line in text.split_inclusive('\n') {
        if line.starts_with("server:") {
            out.push_str("# restored as the first server: ");
        }
        out.push_str(line);
    }
    out
}
