//! etcd as kubeadm's static pod runs it. Start at [`found`].
//!
//! The pod's flags name paths within the pod; where those are on the host, its volumes say (kubeadm
//! `cmd/kubeadm/app/phases/etcd/local.go` mounts them at the same paths, but people move them).

use super::{Found, LOCAL, below, existing, pair, secure, yaml};
use estate::Distribution;
use serde_json::Value;
use std::path::{Path, PathBuf};

pub(super) fn found(root: &Path) -> Result<Found, PathBuf> {
    let manifest = existing(below(root, "/etc/kubernetes/manifests/etcd.yaml"))?;
    // What cannot be read there is as kubeadm has it by default.
    let pod = yaml(&manifest).unwrap_or_default();
    let flag = |name: &str| flag(&pod, name);
    let here = |path: &str| below(root, &on_host(&pod, path));
    let ca_file = here(flag("trusted-ca-file").unwrap_or("/etc/kubernetes/pki/etcd/ca.crt"));
    let ca_file = existing(ca_file)?;
    let pki = below(root, "/etc/kubernetes/pki");
    let (cert_file, key_file) = pair(&pki, "etcd/healthcheck-client.crt", "etcd/healthcheck-client.key")
        .or_else(|_| pair(&pki, "apiserver-etcd-client.crt", "apiserver-etcd-client.key"))?;
    let endpoint = flag("listen-client-urls")
        .and_then(endpoint)
        .unwrap_or_else(|| LOCAL.to_owned());
    Ok(Found {
        distribution: Distribution::Kubeadm,
        connection: secure(&endpoint, ca_file, cert_file, key_file),
        data_dir: here(flag("data-dir").unwrap_or("/var/lib/etcd")),
        name: flag("name").map(str::to_owned),
    })
}

/// The value of a flag of the pod's first container, as in `--data-dir=/var/lib/etcd`.
fn flag<'a>(pod: &'a Value, name: &str) -> Option<&'a str> {
    let container = pod.pointer("/spec/containers/0")?;
    let words = ["command", "args"]
        .into_iter()
        .filter_map(|part| container.get(part)?.as_array());
    let mut words = words.flatten().filter_map(Value::as_str);
    words.find_map(|word| word.strip_prefix("--")?.strip_prefix(name)?.strip_prefix('='))
}

/// Where a path within the pod is on the host: by the longest mount that holds it.
fn on_host(pod: &Value, path: &str) -> String {
    let list = |at: &str| pod.pointer(at).and_then(Value::as_array).into_iter().flatten();
    let volume = |name: &str| {
        let volume = list("/spec/volumes").find(|volume| volume.get("name").and_then(Value::as_str) == Some(name))?;
        volume.pointer("/hostPath/path")?.as_str()
    };
    let mounted = list("/spec/containers/0/volumeMounts").filter_map(|mount| {
        let (at, name) = (mount.get("mountPath")?.as_str()?, mount.get("name")?.as_str()?);
        let rest = Path::new(path).strip_prefix(at).ok()?;
        Some((at.len(), Path::new(volume(name)?).join(rest).to_str()?.trim_end_matches('/').to_owned()))
    });
    mounted.max().map_or_else(|| path.to_owned(), |(_, path)| path)
}

/// The URL to use among those that etcd listens on: one of this host alone, else the first; with an address that can be
/// connected to.
fn endpoint(urls: &str) -> Option<String> {
    let urls: Vec<_> = urls
        .split(',')
        .map(str::trim)
        .filter(|url| url.starts_with("https://"))
        .collect();
    let is_local = |url: &&&str| {
        ["https://127.", "https://localhost", "https://[::1]"]
            .iter()
            .any(|local| url.starts_with(local))
    };
    let url = urls.iter().find(is_local).or(urls.first())?;
    Some(url.replace("//0.0.0.0", "//127.0.0.1").replace("//[::]", "//[::1]"))
}
