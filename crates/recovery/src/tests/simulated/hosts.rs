//! The files of simulated hosts: what they begin with, and what is there in the end. Start at [`make`].

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

/// The programs that stand in for real ones.
const PROGRAMS: [(&str, &str); 9] = [
    ("kubelet", include_str!("programs/kubelet")),
    ("pgrep", include_str!("programs/pgrep")),
    ("pkill", include_str!("programs/pkill")),
    ("systemctl", include_str!("programs/systemctl")),
    ("kubeadm", include_str!("programs/kubeadm")),
    ("k3s", include_str!("programs/k3s")),
    ("etcdutl", include_str!("programs/etcdutl")),
    ("lifeboat", include_str!("programs/lifeboat")),
    ("uname", include_str!("programs/uname")),
];

/// Where a shell's mounts are, and what does not outlive a boot.
const NOT_KEPT: [&str; 9] = ["usr", "proc", "dev", "run", "tmp", "bin", "sbin", "lib", "lib64"];

/// By path, what is there.
pub(super) type Tree = BTreeMap<String, Entry>;

#[derive(PartialEq, Eq)]
pub(super) struct Entry {
    mode: u32,
    owner: (u32, u32),
    content: Vec<u8>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(&self.content);
        let begin: String = text.chars().take(60).collect();
        write!(f, "{:o} {:?} {} bytes {begin:?}", self.mode, self.owner, self.content.len())
    }
}

/// A simulated host.
#[derive(Clone)]
pub(super) struct Host {
    pub(super) name: &'static str,
    pub(super) address: IpAddr,
    /// Where its API server answers.
    pub(super) server: String,
}

/// Makes what hosts begin with: `main-1` serves, with its manager; the standby has a control plane of its own, which runs; `shop-1` was emptied; `shop-2` has a member of
/// etcd; `edge-1` is a server of k3s.
pub(super) fn make(directory: &Path, hosts: &[Host]) {
    for host in hosts {
        let root = directory.join("pristine").join(host.name);
        for (program, text) in PROGRAMS {
            let path = root.join("opt/simulated/bin").join(program);
            put(&path, text, 0o755);
        }
        fs::create_dir_all(root.join("run/systemd/system")).unwrap();
        fs::create_dir_all(root.join("root")).unwrap();
        put(&root.join("var/lib/simulated/kubelet"), "active\n", 0o644);
        let rancher = if host.name == "main-1" {
            "active\n"
        } else {
            "inactive\n"
        };
        put(&root.join("var/lib/simulated/rancher"), rancher, 0o644);
        put(&root.join("opt/simulated/name"), host.name, 0o644);
        put(&root.join("opt/simulated/server"), &host.server, 0o644);
        let files = match host.name {
            "shop-1" => BTreeMap::new(),
            "edge-1" => {
                put(&root.join("var/lib/simulated/kubelet"), "inactive\n", 0o644);
                put(&root.join("var/lib/simulated/k3s"), "active\n", 0o644);
                put(&root.join(K3S_DATABASE), "database of edge-1\n", 0o600);
                put(
                    &root.join("var/lib/rancher/k3s/server/db").join(OLD).join("member/snap/db"),
                    "of old\n",
                    0o600,
                );
                k3s("edge-1 itself")
            }
            "main-1" => {
                put(&root.join("var/lib/lifeboat/served-rancher"), "1\n", 0o600);
                let mut files = control_plane(host, super::RANCHER);
                for conf in ["admin", "super-admin"] {
                    files.insert(format!("/etc/kubernetes/{conf}.conf"), kubeconfig(&host.server));
                }
                files
            }
            _ => control_plane(host, &format!("{} itself", host.name)),
        };
        for (path, text) in &files {
            let mode = if path.ends_with(".key") { 0o600 } else { 0o644 };
            put(&root.join(&path[1..]), text, mode);
        }
        if host.name != "shop-1" && host.name != "edge-1" {
            put(&root.join("var/lib/etcd/member/snap/db"), &format!("database of {}\n", host.name), 0o600);
        }
    }
}

fn kubeconfig(server: &str) -> String {
    format!(
        r#"{{"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{{"name":"c","cluster":{{"server":"{server}"}}}}],
"users":[{{"name":"u","user":{{"token":"it"}}}}],"contexts":[{{"name":"c","context":{{"cluster":"c","user":"u"}}}}]}}"#
    )
}

fn put(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// What a restore of years ago has put aside.
const OLD: &str = "etcd-old-1700000000";

/// Where k3s has its database.
pub(super) const K3S_DATABASE: &str = "var/lib/rancher/k3s/server/db/etcd/member/snap/db";

/// The files of a server of k3s.
pub(super) fn k3s(mark: &str) -> BTreeMap<String, String> {
    let files = [
        ("/etc/rancher/k3s/config.yaml", "node-name: edge-1\ncluster-init: true\n".to_owned()),
        ("/etc/rancher/node/password", format!("password of {mark}\n")),
        ("/var/lib/rancher/k3s/server/token", format!("token of {mark}\n")),
        ("/var/lib/rancher/k3s/server/tls/server-ca.crt", format!("CA of {mark}\n")),
    ];
    files.map(|(path, text)| (path.to_owned(), text)).into()
}

/// The files of a kubeadm host, by their paths; `shop-2` has a member of etcd alone. `mark` says whose CAs they are.
pub(super) fn control_plane(host: &Host, mark: &str) -> BTreeMap<String, String> {
    let Host { name: host, address, server } = host;
    let alone = *host == "shop-2";
    let mut files = BTreeMap::new();
    let mut add = |path: &str, text: String| files.insert(path.to_owned(), text);
    let pod = |flags: &[String]| {
        let flags: String = flags.iter().map(|flag| format!("    - --{flag}\n")).collect();
        format!("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - command:\n    - program\n{flags}")
    };
    let etcd = [
        format!("name={host}"),
        format!("initial-advertise-peer-urls=https://{address}:2380"),
        "data-dir=/var/lib/etcd".to_owned(),
    ];
    add("/etc/kubernetes/manifests/etcd.yaml", pod(&etcd));
    add("/etc/kubernetes/kubeadm.yaml", format!("nodeName: {host}\nserver: {server}\n"));
    add("/var/lib/kubelet/config.yaml", format!("kubelet of {host}\n"));
    for key in ["etcd/ca.crt", "etcd/ca.key"] {
        add(&format!("/etc/kubernetes/pki/{key}"), format!("{key} of {mark}\n"));
    }
    for key in ["etcd/server.crt", "etcd/server.key", "etcd/peer.crt", "etcd/peer.key"] {
        add(&format!("/etc/kubernetes/pki/{key}"), format!("{key} of {host} and {mark}\n"));
    }
    if alone {
        return files;
    }
    let encryption = match *host {
        "standby-1" => "/etc/kubernetes/elsewhere/encryption.yaml",
        _ => "/etc/kubernetes/encryption.yaml",
    };
    let api = [
        format!("advertise-address={address}"),
        format!("encryption-provider-config={encryption}"),
    ];
    add("/etc/kubernetes/manifests/kube-apiserver.yaml", pod(&api));
    add(
        "/etc/kubernetes/manifests/kube-controller-manager.yaml",
        pod(&["leader-elect=true".to_owned()]),
    );
    add("/etc/kubernetes/manifests/kube-scheduler.yaml", pod(&["leader-elect=true".to_owned()]));
    add(encryption, format!("encryption of {mark}\n"));
    add("/var/lib/kubelet/pki/kubelet-client.pem", format!("kubelet of {host} and {mark}\n"));
    for key in [
        "ca.crt",
        "ca.key",
        "front-proxy-ca.crt",
        "front-proxy-ca.key",
        "sa.key",
        "sa.pub",
        "apiserver.crt",
        "apiserver.key",
    ] {
        add(&format!("/etc/kubernetes/pki/{key}"), format!("{key} of {mark}\n"));
    }
    for conf in ["admin", "super-admin", "kubelet", "controller-manager", "scheduler"] {
        add(&format!("/etc/kubernetes/{conf}.conf"), format!("{conf} of {host} and {mark}\n"));
    }
    files
}

/// Keeps hosts as they are now under a name.
pub(super) fn keep(directory: &Path, name: &str) {
    let copied = Command::new("cp")
        .arg("-a")
        .args([directory.join("hosts"), directory.join(name)])
        .status()
        .unwrap();
    assert!(copied.success());
}

/// Lets hosts be as they were when they were kept; `pristine` is how they began.
pub(super) fn reset(directory: &Path, name: &str) {
    let (hosts, pristine) = (directory.join("hosts"), directory.join(name));
    if hosts.exists() {
        fs::remove_dir_all(&hosts).unwrap();
    }
    let copied = Command::new("cp").arg("-a").args([&pristine, &hosts]).status().unwrap();
    assert!(copied.success());
}

/// What is on all hosts.
pub(super) fn read(directory: &Path) -> BTreeMap<String, Tree> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(directory.join("hosts")).unwrap() {
        let host = entry.unwrap();
        let mut tree = Tree::new();
        walk(&host.path(), "", &mut tree);
        all.insert(host.file_name().to_string_lossy().into_owned(), tree);
    }
    all
}

fn walk(root: &Path, below: &str, tree: &mut Tree) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        // What k3s puts aside bears the time in its name, and there is more of it when a reset was repeated; its kubeconfig is written
        // whenever it runs.
        let is_of_k3s = name.starts_with("etcd-old-") && name != OLD || name == "k3s.yaml";
        if is_of_k3s || below.is_empty() && NOT_KEPT.contains(&&*name) {
            continue;
        }
        let path = if below.is_empty() {
            name
        } else {
            format!("{below}/{name}")
        };
        let is = entry.metadata().unwrap();
        let content = match is.file_type() {
            of if of.is_symlink() => fs::read_link(entry.path()).unwrap().into_os_string().into_encoded_bytes(),
            of if of.is_file() => fs::read(entry.path()).unwrap(),
            _ => b"directory".to_vec(),
        };
        if is.is_dir() {
            walk(root, &path, tree);
        }
        tree.insert(path, Entry { mode: is.mode(), owner: (is.uid(), is.gid()), content });
    }
}
