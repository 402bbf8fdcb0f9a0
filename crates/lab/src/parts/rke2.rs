//! A control plane with the files of RKE2 (k3s has the same below `/var/lib/rancher/k3s`): `config.yaml`, the join token,
//! `server/tls`, `server/cred`, `server/db/etcd`, static pods under `agent/pod-manifests`.
//!
//! What RKE2 itself would keep in etcd under `/bootstrap` is not made: nothing here is RKE2, only its files are.

use super::kubeadm::{encryption, initial_cluster, is_control_plane, names};
use super::rke2_tls;
use crate::error::Result;
use crate::secrets::{Secrets, hex};
use crate::topology::{Cluster, EtcdLine, Host, MANAGER_NAME, Topology, ZONE};
use crate::tree::Tree;
use serde_json::json;
use sha2::{Digest, Sha256};

/// A stand-in for the commands `k3s` and `rke2`, for tests: a script that does with etcd's own programs what their `server
/// --cluster-reset` does, in the same order. It says itself what it leaves out.
pub const STAND_IN: &str = include_str!("rke2/stand-in.sh");

const SERVER: &str = "/var/lib/rancher/rke2/server";
const ENCRYPTION: &str = "/var/lib/rancher/rke2/server/cred/encryption-config.json";

pub(super) fn render(tree: &mut Tree, lab: &Topology, secrets: &Secrets, cluster: &Cluster, host: &Host) -> Result<()> {
    let manifests = crate::layout::manifests(cluster.distribution);
    let Some(authorities) = secrets.authorities.get(cluster.name.as_str()) else {
        return Ok(());
    };
    let tls = rke2_tls::render(tree, authorities, host)?;
    let secret = secrets.join.get(cluster.name.as_str()).cloned().unwrap_or_default();
    let token = format!("K10{}::server:{secret}\n", hex(&Sha256::digest(&authorities.server.certificate)));
    tree.secret(&format!("{SERVER}/token"), token.clone());
    tree.link(&format!("{SERVER}/node-token"), &format!("{SERVER}/token"));
    tree.secret("/etc/rancher/rke2/config.yaml", config(cluster, host, &token));
    tree.directory(&format!("{SERVER}/db/etcd"));
    tree.directory(&format!("{SERVER}/db/snapshots"));
    tree.file(&format!("{SERVER}/db/etcd/name"), host.name.to_string());
    pod(tree, manifests, "etcd", &etcd(lab, cluster, host)?);
    if is_control_plane(host) {
        tree.secret(ENCRYPTION, encryption(secrets, cluster));
        let kubeconfig = |user: &rke2_tls::Issued| kubeconfig(&authorities.server.certificate, user);
        tree.secret("/etc/rancher/rke2/rke2.yaml", kubeconfig(&tls.admin));
        for (name, user) in [
            ("admin", &tls.admin),
            ("controller", &tls.controller),
            ("scheduler", &tls.scheduler),
        ] {
            tree.secret(&format!("{SERVER}/cred/{name}.kubeconfig"), kubeconfig(user));
        }
        for (name, command) in [
            ("kube-apiserver", api_server(host)),
            ("kube-controller-manager", controller_manager(cluster)),
            ("kube-scheduler", scheduler()),
        ] {
            pod(tree, manifests, name, &command);
        }
    }
    tree.service("static-pods", &format!("exec lifeboat lab static-pods {manifests}"));
    Ok(())
}

fn config(cluster: &Cluster, host: &Host, token: &str) -> String {
    let server = match cluster.hosts.first() {
        Some(first) if *first != host.name => format!("server: https://{first}.{ZONE}:9345\n"),
        _ => String::new(),
    };
    format!(
        "token: {}\nnode-name: {}\nnode-ip: {}\ntls-san:\n- {}.{ZONE}\n- {MANAGER_NAME}\n{server}\
         secrets-encryption-provider: secretbox\netcd-snapshot-schedule-cron: 0 */12 * * *\n",
        token.trim(),
        host.name,
        host.address,
        host.name,
    )
}

fn kubeconfig(ca: &str, user: &rke2_tls::Issued) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: default\n  cluster:\n    server: https://127.0.0.1:6443\n    \
         certificate-authority-data: {}\nusers:\n- name: default\n  user:\n    client-certificate-data: {}\n    \
         client-key-data: {}\ncontexts:\n- name: default\n  context:\n    cluster: default\n    user: default\n\
         current-context: default\n",
        STANDARD.encode(ca),
        STANDARD.encode(&user.certificate),
        STANDARD.encode(&user.key)
    )
}

fn pod(tree: &mut Tree, manifests: &str, name: &str, command: &[String]) {
    let manifest = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "kube-system", "labels": {"component": name, "tier": "control-plane"}},
        "spec": {"hostNetwork": true, "containers": [{
            "name": name, "image": format!("index.docker.io/rancher/{name}"), "command": command,
        }]},
    });
    tree.secret(&format!("{manifests}/{name}.yaml"), manifest.to_string());
}

fn words(program: &str, arguments: &[(&str, String)]) -> Vec<String> {
    let mut all = vec![program.to_owned()];
    all.extend(arguments.iter().map(|(name, value)| format!("--{name}={value}")));
    all
}

fn tls(file: &str) -> String {
    format!("{SERVER}/tls/{file}")
}

fn etcd(lab: &Topology, cluster: &Cluster, host: &Host) -> Result<Vec<String>> {
    let address = host.address;
    let mut all = words(
        "etcd",
        &[
            ("name", host.name.to_string()),
            ("data-dir", format!("{SERVER}/db/etcd")),
            ("listen-client-urls", format!("https://127.0.0.1:2379,https://{address}:2379")),
            ("advertise-client-urls", format!("https://{address}:2379")),
            ("listen-peer-urls", format!("https://127.0.0.1:2380,https://{address}:2380")),
            ("initial-advertise-peer-urls", format!("https://{address}:2380")),
            ("listen-metrics-urls", "http://127.0.0.1:2381".into()),
            ("initial-cluster", initial_cluster(lab, cluster)?),
            ("initial-cluster-state", "new".into()),
            ("client-cert-auth", "true".into()),
            ("cert-file", tls("etcd/server-client.crt")),
            ("key-file", tls("etcd/server-client.key")),
            ("trusted-ca-file", tls("etcd/server-ca.crt")),
            ("peer-client-cert-auth", "true".into()),
            ("peer-cert-file", tls("etcd/peer-server-client.crt")),
            ("peer-key-file", tls("etcd/peer-server-client.key")),
            ("peer-trusted-ca-file", tls("etcd/peer-ca.crt")),
            ("snapshot-count", "10000".into()),
        ],
    );
    all.push(match lab.options.etcd {
        EtcdLine::V3_5 => "--experimental-initial-corrupt-check=true".into(),
        EtcdLine::V3_6 | EtcdLine::V3_7 => "--feature-gates=InitialCorruptCheck=true".into(),
    });
    Ok(all)
}

fn api_server(host: &Host) -> Vec<String> {
    words(
        "kube-apiserver",
        &[
            ("advertise-address", host.address.to_string()),
            ("allow-privileged", "true".into()),
            ("api-audiences", "https://kubernetes.default.svc.cluster.local,rke2".into()),
            ("authorization-mode", "Node,RBAC".into()),
            ("bind-address", "0.0.0.0".into()),
            ("client-ca-file", tls("client-ca.crt")),
            ("enable-admission-plugins", "NodeRestriction".into()),
            ("encryption-provider-config", ENCRYPTION.into()),
            ("etcd-cafile", tls("etcd/server-ca.crt")),
            ("etcd-certfile", tls("etcd/client.crt")),
            ("etcd-keyfile", tls("etcd/client.key")),
            ("etcd-servers", "https://127.0.0.1:2379".into()),
            ("kubelet-client-certificate", tls("client-kube-apiserver.crt")),
            ("kubelet-client-key", tls("client-kube-apiserver.key")),
            ("proxy-client-cert-file", tls("client-auth-proxy.crt")),
            ("proxy-client-key-file", tls("client-auth-proxy.key")),
            ("requestheader-allowed-names", "system:auth-proxy".into()),
            ("requestheader-client-ca-file", tls("request-header-ca.crt")),
            ("requestheader-extra-headers-prefix", "X-Remote-Extra-".into()),
            ("requestheader-group-headers", "X-Remote-Group".into()),
            ("requestheader-username-headers", "X-Remote-User".into()),
            ("secure-port", "6443".into()),
            ("service-account-issuer", "https://kubernetes.default.svc.cluster.local".into()),
            ("service-account-key-file", tls("service.key")),
            ("service-account-signing-key-file", tls("service.current.key")),
            ("service-cluster-ip-range", "10.43.0.0/16".into()),
            ("tls-cert-file", tls("serving-kube-apiserver.crt")),
            ("tls-private-key-file", tls("serving-kube-apiserver.key")),
        ],
    )
}

fn controller_manager(cluster: &Cluster) -> Vec<String> {
    let kubeconfig = format!("{SERVER}/cred/controller.kubeconfig");
    words(
        "kube-controller-manager",
        &[
            ("allocate-node-cidrs", "true".into()),
            ("authentication-kubeconfig", kubeconfig.clone()),
            ("authorization-kubeconfig", kubeconfig.clone()),
            ("bind-address", "127.0.0.1".into()),
            ("cluster-cidr", "10.42.0.0/16".into()),
            ("cluster-name", cluster.name.to_string()),
            ("cluster-signing-cert-file", tls("client-ca.crt")),
            ("cluster-signing-key-file", tls("client-ca.key")),
            ("kubeconfig", kubeconfig),
            ("root-ca-file", tls("server-ca.crt")),
            ("service-account-private-key-file", tls("service.current.key")),
            ("service-cluster-ip-range", "10.43.0.0/16".into()),
            ("use-service-account-credentials", "true".into()),
        ],
    )
}

fn scheduler() -> Vec<String> {
    let kubeconfig = format!("{SERVER}/cred/scheduler.kubeconfig");
    words(
        "kube-scheduler",
        &[
            ("authentication-kubeconfig", kubeconfig.clone()),
            ("authorization-kubeconfig", kubeconfig.clone()),
            ("bind-address", "127.0.0.1".into()),
            ("kubeconfig", kubeconfig),
        ],
    )
}

/// Every name by which a certificate of `host` is asked for.
pub(super) fn serving_names(host: &Host) -> Vec<String> {
    let mut all = names(host);
    all.extend(
        [
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            "localhost",
        ]
        .map(str::to_owned),
    );
    all.push("10.43.0.1".into());
    all
}
