//! etcd as a host's own files describe it: where it listens, what to connect with, where its data is. Start at [`found`].
//!
//! What installers write, by their sources: k3s and RKE2 keep etcd's certificates under `server/tls/etcd` and its data under
//! `server/db/etcd` of their data directory (k3s `pkg/etcd/etcd.go`, `pkg/daemons/control/deps/deps.go`); kubeadm writes a static
//! pod and `/etc/kubernetes/pki/etcd`; RKE1 runs a container with `/var/lib/etcd` and `/etc/kubernetes/ssl/kube-etcd-*.pem` of the
//! host (RKE `cluster/plan.go`).

mod kubeadm;

use crate::Connection;
use estate::Distribution;
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where etcd answers on its own host, unless files say otherwise.
const LOCAL: &str = "https://127.0.0.1:2379";

/// Files of settings are a few KiB; whatever is larger is something else.
const SETTINGS_BYTES_MAX: u64 = 1 << 20;

/// etcd on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Who installed it.
    pub distribution: Distribution,
    /// How it is reached from this host.
    pub connection: Connection,
    /// Its data directory, the one that holds `member`. Not looked at, except for k3s and RKE2.
    pub data_dir: PathBuf,
    /// The member's name, where it is known without asking.
    pub name: Option<String>,
}

/// There is no etcd on this host that is installed in a known way, or its files may not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no etcd is found on this host: there is no {}", shown(looked_at))]
pub struct NotFound {
    /// What is missing, one path for each way that was tried.
    pub looked_at: Vec<PathBuf>,
}

/// Finds etcd on the host whose root directory is `root`, mostly `/`. Reads its files, and asks nobody. Paths in the answer begin
/// with `root`.
///
/// # Errors
/// [`NotFound`].
pub fn found(root: &Path) -> Result<Found, NotFound> {
    let mut looked_at = Vec::new();
    for way in [rke2, k3s, kubeadm::found, rke1] {
        match way(root) {
            Ok(found) => return Ok(found),
            Err(missing) => looked_at.push(missing),
        }
    }
    Err(NotFound { looked_at })
}

fn rke2(root: &Path) -> Result<Found, PathBuf> {
    rancher(root, Distribution::Rke2, "rke2")
}

fn k3s(root: &Path) -> Result<Found, PathBuf> {
    rancher(root, Distribution::K3s, "k3s")
}

/// k3s and RKE2. The certificates are there also with another datastore, but the data is not.
fn rancher(root: &Path, distribution: Distribution, program: &str) -> Result<Found, PathBuf> {
    let home = data_dir(root, program).unwrap_or_else(|| format!("/var/lib/rancher/{program}"));
    let server = below(root, &home).join("server");
    let data_dir = existing(server.join("db/etcd"))?;
    let tls = server.join("tls/etcd");
    let ca_file = existing(tls.join("server-ca.crt"))?;
    let (cert_file, key_file) =
        pair(&tls, "client.crt", "client.key").or_else(|_| pair(&tls, "server-client.crt", "server-client.key"))?;
    let name = text(&data_dir.join("name")).map(|name| name.trim().to_owned());
    Ok(Found {
        distribution,
        connection: secure(LOCAL, ca_file, cert_file, key_file),
        data_dir,
        name: name.filter(|name| !name.is_empty()),
    })
}

/// The value of `data-dir` in the settings of k3s or RKE2: those in a folder beside the file come later and win.
fn data_dir(root: &Path, program: &str) -> Option<String> {
    let folder = below(root, &format!("/etc/rancher/{program}"));
    let mut files = vec![folder.join("config.yaml")];
    files.extend(listed(&folder.join("config.yaml.d"), |name| name.ends_with(".yaml")));
    let values = files.iter().rev();
    let mut values = values.filter_map(|file| yaml(file)?.get("data-dir")?.as_str().map(str::to_owned));
    values.next().filter(|value| value.starts_with('/'))
}

/// RKE1. Every etcd host has the certificates of all of them; each is good for a client.
fn rke1(root: &Path) -> Result<Found, PathBuf> {
    let ssl = below(root, "/etc/kubernetes/ssl");
    let ca_file = existing(ssl.join("kube-ca.pem"))?;
    let is_ours = |name: &str| name.starts_with("kube-etcd-") && name.ends_with(".pem") && !name.ends_with("-key.pem");
    let mut pairs = listed(&ssl, is_ours).into_iter().filter_map(|cert_file| {
        let stem = cert_file.file_stem()?.to_str()?;
        let key_file = existing(ssl.join(format!("{stem}-key.pem"))).ok()?;
        Some((cert_file, key_file))
    });
    let (cert_file, key_file) = pairs.next().ok_or_else(|| ssl.join("kube-etcd-*.pem"))?;
    Ok(Found {
        distribution: Distribution::Rke1,
        connection: secure(LOCAL, ca_file, cert_file, key_file),
        data_dir: below(root, "/var/lib/etcd"),
        name: None,
    })
}

fn secure(endpoint: &str, ca_file: PathBuf, cert_file: PathBuf, key_file: PathBuf) -> Connection {
    Connection {
        endpoint: endpoint.to_owned(),
        ca_file: Some(ca_file),
        cert_file: Some(cert_file),
        key_file: Some(key_file),
        user: None,
    }
}

/// A path of the host, below its root.
fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

fn existing(path: PathBuf) -> Result<PathBuf, PathBuf> {
    if path.exists() { Ok(path) } else { Err(path) }
}

fn pair(folder: &Path, cert: &str, key: &str) -> Result<(PathBuf, PathBuf), PathBuf> {
    Ok((existing(folder.join(cert))?, existing(folder.join(key))?))
}

/// The files of a folder with a name that fits, in order.
fn listed(folder: &Path, fits: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(&fits))
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
}

fn text(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(SETTINGS_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

fn yaml(path: &Path) -> Option<Value> {
    serde_saphyr::from_str(&text(path)?).ok()
}

fn shown(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(", no ")
}

#[cfg(test)]
mod tests;
