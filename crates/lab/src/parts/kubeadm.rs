//! A control plane as kubeadm lays it out: certificates, kubeconfigs and static pods are made by kubeadm itself.

use super::estate;
use crate::error::{Error, Result};
use crate::secrets::Secrets;
use crate::shell;
use crate::topology::{Cluster, EtcdLine, Host, Part, Topology, ZONE};
use crate::tree::Tree;
use serde_json::{Value, json};
use std::path::Path;

/// Where static pods are read from.
pub(crate) const MANIFESTS: &str = "/etc/kubernetes/manifests";
const CONFIG: &str = "/etc/kubernetes/kubeadm.yaml";
const ENCRYPTION: &str = "/etc/kubernetes/encryption.yaml";

pub(super) fn render(tree: &mut Tree, lab: &Topology, secrets: &Secrets, cluster: &Cluster, host: &Host) -> Result<()> {
    tree.file(CONFIG, config(lab, cluster, host)?);
    if is_control_plane(host) {
        tree.secret(ENCRYPTION, encryption(secrets, cluster));
    }
    tree.directory(MANIFESTS);
    tree.directory("/var/lib/etcd");
    let gate = estate::gate(secrets, host);
    tree.service("static-pods", &format!("{gate}exec lifeboat lab static-pods {MANIFESTS}"));
    Ok(())
}

/// Secrets at rest: encrypted with the cluster's own key, as an `EncryptionConfiguration`.
pub(super) fn encryption(secrets: &Secrets, cluster: &Cluster) -> String {
    let key = secrets.encryption.get(cluster.name.as_str()).cloned().unwrap_or_default();
    json!({
        "apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration",
        "resources": [{
            "resources": ["secrets"],
            "providers": [{"secretbox": {"keys": [{"name": "key1", "secret": key}]}}, {"identity": {}}],
        }],
    })
    .to_string()
}

/// Whether `host` has the whole control plane, and not an etcd member alone.
pub(super) fn is_control_plane(host: &Host) -> bool {
    host.parts.iter().any(|p| matches!(p, Part::ControlPlane(_)))
}

/// `name=peer-url` of every member, as etcd takes it.
pub(super) fn initial_cluster(lab: &Topology, cluster: &Cluster) -> Result<String> {
    let mut members = Vec::new();
    for member in &cluster.hosts {
        members.push(format!("{member}=https://{}:2380", lab.host(member.as_str())?.address));
    }
    Ok(members.join(","))
}

/// Every name and address by which the API server of `host` may be called.
pub(super) fn names(host: &Host) -> Vec<String> {
    vec![
        format!("{}.{ZONE}", host.name),
        host.name.to_string(),
        host.address.to_string(),
        "127.0.0.1".into(),
    ]
}

fn config(lab: &Topology, cluster: &Cluster, host: &Host) -> Result<String> {
    let node: Value = json!({
        "apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "InitConfiguration",
        "localAPIEndpoint": {"advertiseAddress": host.address, "bindPort": 6443},
        "nodeRegistration": {"name": host.name, "criSocket": "unix:///run/containerd/containerd.sock"},
    });
    Ok(format!("{node}\n---\n{}\n", cluster_configuration(lab, cluster, host)?))
}

/// What `kubeadm init` keeps in the cluster, as ConfigMap `kubeadm-config`, in the phase `upload-config`.
pub(crate) fn uploaded(lab: &Topology, cluster: &Cluster, host: &Host) -> Result<Value> {
    Ok(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "kubeadm-config", "namespace": "kube-system"},
        "data": {"ClusterConfiguration": cluster_configuration(lab, cluster, host)?.to_string()},
    }))
}

fn cluster_configuration(lab: &Topology, cluster: &Cluster, host: &Host) -> Result<Value> {
    // kubeadm chooses the flags of etcd by the tag of its image.
    let etcd_tag = match lab.options.etcd {
        EtcdLine::V3_5 => "3.5.35-0",
        EtcdLine::V3_6 => "3.6.16-0",
        EtcdLine::V3_7 => "3.7.3-0",
    };
    let argument = |name: &str, value: &str| json!({"name": name, "value": value});
    let mut etcd_arguments = Vec::new();
    if cluster.hosts.len() > 1 {
        etcd_arguments.push(argument("initial-cluster", &initial_cluster(lab, cluster)?));
        etcd_arguments.push(argument("initial-cluster-state", "new"));
    }
    Ok(json!({
        "apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "ClusterConfiguration",
        "kubernetesVersion": "v1.36.3",
        "clusterName": "kubernetes",
        "encryptionAlgorithm": "ECDSA-P256",
        "networking": {"serviceSubnet": "10.96.0.0/16", "podSubnet": "10.244.0.0/16", "dnsDomain": "cluster.local"},
        "apiServer": {
            "certSANs": names(host),
            "extraArgs": [argument("encryption-provider-config", ENCRYPTION)],
            "extraVolumes": [{
                "name": "encryption", "hostPath": ENCRYPTION, "mountPath": ENCRYPTION,
                "readOnly": true, "pathType": "File",
            }],
        },
        "etcd": {"local": {
            "dataDir": "/var/lib/etcd", "imageTag": etcd_tag, "extraArgs": etcd_arguments,
            "serverCertSANs": [format!("{}.{ZONE}", host.name)],
        }},
    }))
}

/// Has kubeadm make what it makes on a new host, below `root`. A further etcd member takes the CA from `first`, the root of
/// the cluster's first host.
pub(crate) async fn generate(kubeadm: &Path, root: &Path, host: &Host, first: Option<&Path>) -> Result<()> {
    let mut phases: Vec<&[&str]> = Vec::new();
    if is_control_plane(host) {
        phases.extend::<[&[&str]; 4]>([
            &["certs", "all"],
            &["kubeconfig", "all"],
            &["control-plane", "all"],
            &["etcd", "local"],
        ]);
    } else {
        if let Some(first) = first {
            for file in ["ca.crt", "ca.key"] {
                let path = format!("etc/kubernetes/pki/etcd/{file}");
                let to = root.join(&path);
                let parent = to.parent().unwrap_or(root);
                std::fs::create_dir_all(parent).map_err(Error::file(parent, "making a directory"))?;
                std::fs::copy(first.join(&path), &to).map_err(Error::file(&to, "copying the CA of etcd"))?;
            }
        }
        phases.extend::<[&[&str]; 4]>([
            &["certs", "etcd-server"],
            &["certs", "etcd-peer"],
            &["certs", "etcd-healthcheck-client"],
            &["etcd", "local"],
        ]);
    }
    let (program, root) = (kubeadm.to_string_lossy(), root.to_string_lossy());
    for phase in phases {
        let mut words = vec![&*program, "init", "phase"];
        words.extend(phase);
        words.extend(["--rootfs", &root, "--config", CONFIG]);
        shell::run("making the files of a control plane", &words).await?;
    }
    Ok(())
}
