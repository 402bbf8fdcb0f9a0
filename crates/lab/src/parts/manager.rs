//! The management application on its host, and what an administrator's installation of it leaves in its cluster.

use super::pods::images::MANAGER;
use crate::secrets::Secrets;
use crate::topology::{Host, MANAGER_NAME, Topology};
use crate::tree::Tree;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use estate::Distribution;
use serde_json::{Value, json};

/// Where the manager listens on its host; the load balancer offers it on 443.
pub(crate) const PORT: u16 = 8443;
/// Its runit service.
pub(crate) const SERVICE: &str = "manager";
/// Its program, and the name of its process.
pub(crate) const PROCESS: &str = "lab-manager";

/// The administrator's kubeconfig on a control plane's host.
pub(crate) fn admin_kubeconfig(layout: Distribution) -> &'static str {
    match layout {
        Distribution::Kubeadm => "/etc/kubernetes/super-admin.conf",
        _ => "/etc/rancher/rke2/rke2.yaml",
    }
}

pub(super) fn render(tree: &mut Tree, lab: &Topology, secrets: &Secrets, host: &Host, serving: bool) {
    if lab.options.pods {
        return;
    }
    let kubeconfig = admin_kubeconfig(lab.options.layout);
    let gate = super::estate::gate(secrets, host);
    tree.service(SERVICE, &format!("{gate}exec {PROCESS} --kubeconfig {kubeconfig} --listen :{PORT}"));
    if !serving {
        tree.down(SERVICE);
    }
}

/// The manager as a Deployment, with the rights of an administrator, as Rancher's chart has it.
pub(crate) fn deployment() -> Vec<Value> {
    let metadata = json!({"name": "rancher", "namespace": "cattle-system", "labels": {"app": "rancher"}});
    let probe = |every: u32, failures: u32| {
        json!({
            "httpGet": {"path": "/healthz", "port": PORT, "scheme": "HTTPS"},
            "periodSeconds": every, "timeoutSeconds": 5, "failureThreshold": failures,
        })
    };
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "rancher", "labels": {"app": "rancher"}},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "rancher", "namespace": "cattle-system"}],
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": metadata,
            "spec": {"selector": {"app": "rancher"}, "ports": [{"name": "https", "port": 443, "targetPort": PORT}]},
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": "rancher"}},
                // The port is its host's: the old one has to go before the new one comes.
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
                "template": {
                    "metadata": {"labels": {"app": "rancher"}},
                    "spec": {
                        "serviceAccountName": "rancher",
                        "hostNetwork": true,
                        "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}],
                        "containers": [{
                            "name": "rancher", "image": MANAGER, "imagePullPolicy": "IfNotPresent",
                            "args": ["--listen", format!(":{PORT}")],
                            "ports": [{"name": "https", "containerPort": PORT}],
                            "startupProbe": probe(1, 300),
                            "livenessProbe": probe(10, 3),
                            "readinessProbe": probe(5, 2),
                            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
                        }],
                    },
                },
            },
        }),
    ]
}

/// What has to be in the cluster before the manager can start: its namespaces, certificate and tokens. Its custom resources
/// come after it has brought their definitions, see [`settings`].
pub(crate) fn prerequisites(lab: &Topology, secrets: &Secrets) -> Vec<Value> {
    let mut objects = vec![
        namespace("cattle-system"),
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"name": "tls-rancher-ingress", "namespace": "cattle-system"},
            "data": {
                "tls.crt": STANDARD.encode(&secrets.manager_certificate),
                "tls.key": STANDARD.encode(&secrets.manager_key),
            },
        }),
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "tls-ca", "namespace": "cattle-system"},
            "data": {"cacerts.pem": STANDARD.encode(&secrets.manager_ca)},
        }),
        token("api-token", "cattle-system", "management.cattle.io/api-token", &secrets.api_token),
    ];
    for cluster in &lab.clusters {
        let Some((id, registration)) = cluster.id.as_ref().and_then(|id| secrets.registration.get_key_value(id)) else {
            continue;
        };
        objects.push(namespace(id));
        let label = "management.cattle.io/cluster-registration-token";
        objects.push(token("default-token", id, label, registration));
    }
    objects
}

/// The manager's settings and the downstream clusters that it knows, once their definitions are there.
pub(crate) fn settings(lab: &Topology, secrets: &Secrets) -> Vec<Value> {
    let setting = |name: &str, value: &str| {
        json!({
            "apiVersion": "management.cattle.io/v3", "kind": "Setting",
            "metadata": {"name": name}, "value": value,
        })
    };
    let mut objects = vec![
        setting("server-url", &format!("https://{MANAGER_NAME}")),
        setting("cacerts", &secrets.manager_ca),
    ];
    for cluster in &lab.clusters {
        if let Some(id) = &cluster.id {
            objects.push(json!({
                "apiVersion": "management.cattle.io/v3", "kind": "Cluster",
                "metadata": {"name": id},
                "spec": {"displayName": cluster.name, "imported": true},
            }));
        }
    }
    objects
}

pub(super) fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

fn token(name: &str, namespace: &str, label: &str, value: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": {label: "true"}},
        "data": {"token": STANDARD.encode(value)},
    })
}
