//! Pods that really run: containerd, kubelet and kube-proxy as services of a control plane's host, and what they need on
//! its disk.
//!
//! Start at [`render`]. The images are in [`images`], made here since no registry can be asked; the objects that run in the
//! clusters are in [`objects`]; [`cgroups`] is the one thing that pods leave outside of their host.

pub(crate) mod cgroups;
pub(crate) mod images;
pub(crate) mod objects;

use super::manager;
use crate::secrets::hex;
use crate::topology::{Host, Part, Topology};
use crate::tree::Tree;
use serde_json::json;
use sha2::{Digest, Sha256};

/// Where the host's local volumes are.
const VOLUMES: &str = "/var/lib/lab-volumes";
/// Addresses of all pods; each host has a /24 of it.
const POD_RANGE: &str = "10.244.0.0/16";
const SOCKET: &str = "/run/containerd/containerd.sock";

const CONTAINERD: &str = include_str!("pods/containerd.sh");
const KUBELET: &str = include_str!("pods/kubelet.sh");
const KUBE_PROXY: &str = include_str!("pods/kube-proxy.sh");

/// Whether pods run on `host`: where there is a control plane, in a lab with pods.
pub(crate) fn run_on(lab: &Topology, host: &Host) -> bool {
    lab.options.pods && host.parts.iter().any(|p| matches!(p, Part::ControlPlane(_)))
}

/// A process that pods bring to a host: how the lab calls it, the process's own name, whether it belongs there from the
/// start. It appears wherever else its objects are restored to.
pub(crate) struct PodProcess {
    pub(crate) name: &'static str,
    pub(crate) command: &'static str,
    pub(crate) wanted: bool,
}

/// The processes of the lab's own pods that `host` may have.
pub(crate) fn processes(lab: &Topology, host: &Host) -> Vec<PodProcess> {
    if !run_on(lab, host) {
        return Vec::new();
    }
    let manages = host.parts.iter().any(|p| matches!(p, Part::Manager { .. }));
    let serves = host.parts.contains(&Part::Manager { serving: true });
    let mut all = vec![PodProcess {
        name: "web",
        command: objects::WEB_PROCESS,
        wanted: serves || !manages,
    }];
    if manages {
        all.push(PodProcess { name: "manager", command: manager::PROCESS, wanted: serves });
    }
    all
}

pub(super) fn render(tree: &mut Tree, lab: &Topology, host: &Host) {
    if !run_on(lab, host) {
        return;
    }
    // By this kubelet and its watchers tell machines apart.
    let machine = Sha256::digest(format!("{}/{}", lab.name(), host.name));
    tree.file("/etc/machine-id", format!("{}\n", hex(&machine[..16])));
    tree.file("/etc/containerd/config.toml", containerd());
    tree.file("/etc/cni/net.d/10-lab.conflist", network(lab, host));
    tree.file("/etc/kubernetes/kubelet.yaml", kubelet(lab, host));
    tree.file("/etc/kubernetes/kube-proxy.yaml", kube_proxy());
    tree.file(&format!("{VOLUMES}/web/index.html"), format!("from a volume of {}\n", host.name));
    tree.service("containerd", CONTAINERD);
    tree.service(
        "kubelet",
        &KUBELET
            .replace("{cgroup}", &cgroups::name(lab.name(), &host.name))
            .replace("{address}", &host.address.to_string())
            .replace("{images}", images::DIRECTORY),
    );
    tree.service("kube-proxy", KUBE_PROXY);
}

fn containerd() -> String {
    format!(
        r#"version = 4
root = "/var/lib/containerd"
state = "/run/containerd"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{}"
[plugins."io.containerd.cri.v1.runtime"]
  # Lowering the score takes CAP_SYS_RESOURCE, which a machine in a container may not have.
  restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  BinaryName = "/usr/sbin/runc"
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["/usr/lib/cni"]
  conf_dir = "/etc/cni/net.d"
"#,
        images::PAUSE
    )
}

/// The pods' network: a bridge, addresses of the host's own. They are noted in /run: after a boot none is taken.
fn network(lab: &Topology, host: &Host) -> String {
    let number = lab.hosts.iter().position(|h| h.name == host.name).unwrap_or_default();
    json!({
        "cniVersion": "1.0.0", "name": "lab",
        "plugins": [{
            "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
            "ipam": {
                "type": "host-local", "dataDir": "/run/cni/networks",
                "ranges": [[{"subnet": format!("10.244.{number}.0/24")}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }],
    })
    .to_string()
}

fn kubelet(lab: &Topology, host: &Host) -> String {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "failCgroupV1": false,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}", cgroups::name(lab.name(), &host.name)),
        "enforceNodeAllocatable": [],
        "containerRuntimeEndpoint": format!("unix://{SOCKET}"),
        "authentication": {
            "anonymous": {"enabled": false}, "webhook": {"enabled": true},
            "x509": {"clientCAFile": "/etc/kubernetes/pki/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        // No image is collected for want of space, since none can be had again; and nothing is evicted, since a disk that
        // was full would keep pods away for minutes after it is healed.
        "evictionHard": {"nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        "failSwapOn": false,
        "makeIPTablesUtilChains": false,
        "oomScoreAdj": 0,
        // The static pods' own logs are in /var/log/pods.
        "podLogsDir": "/var/log/kubelet-pods",
        "resolvConf": "/etc/resolv.conf",
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
    })
    .to_string()
}

fn kube_proxy() -> String {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": "/etc/kubernetes/kube-proxy.conf"},
        "clusterCIDR": POD_RANGE,
        "oomScoreAdj": 0,
        // These limits are the machine's.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    })
    .to_string()
}

#[cfg(test)]
mod tests;
