//! The management application on its host, and what an administrator's installation of it leaves in its cluster.

use crate::secrets::Secrets;
use crate::topology::{MANAGER_NAME, Topology};
use crate::tree::Tree;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use estate::Distribution;
use serde_json::{Value, json};

/// Where the manager listens on its host; the load balancer offers it on 443.
pub(crate) const PORT: u16 = 8443;

/// The administrator's kubeconfig on a control plane's host.
pub(crate) fn admin_kubeconfig(layout: Distribution) -> &'static str {
    match layout {
        Distribution::Kubeadm => "/etc/kubernetes/super-admin.conf",
        Distribution::Rke2 => "/etc/rancher/rke2/rke2.yaml",
    }
}

pub(super) fn render(tree: &mut Tree, lab: &Topology, serving: bool) {
    if lab.options.pods {
        return;
    }
    let kubeconfig = admin_kubeconfig(lab.options.layout);
    tree.service("manager", &format!("exec lab-manager --kubeconfig {kubeconfig} --listen :{PORT}"));
    if !serving {
        tree.down("manager");
    }
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
        let Some((id, registration)) = cluster.id.as_ref().and_then(|id| secrets.registration.get_key_value(id))
        else {
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
    let mut objects =
        vec![setting("server-url", &format!("https://{MANAGER_NAME}")), setting("cacerts", &secrets.manager_ca)];
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
