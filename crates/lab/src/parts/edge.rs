//! The agent of a downstream cluster: its service on the host, and its identity in the cluster.

use super::manager::namespace;
use crate::secrets::Secrets;
use crate::topology::{Cluster, Host, MANAGER_NAME};
use crate::tree::Tree;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Where the agent finds its service account's token and CA, as a pod would find them mounted.
pub(crate) const SERVICE_ACCOUNT: &str = "/etc/cattle/serviceaccount";
/// Where the agent says in what state it is.
pub(crate) const STATE: &str = "/run/cattle-agent.json";
/// The Secret with the agent's own token in its cluster.
pub(crate) const TOKEN_SECRET: &str = "cattle-token";

pub(super) fn render(tree: &mut Tree, secrets: &Secrets, cluster: &Cluster, host: &Host) {
    let token = cluster
        .id
        .as_ref()
        .and_then(|id| secrets.registration.get(id))
        .cloned()
        .unwrap_or_default();
    tree.secret("/etc/cattle/credentials/url", format!("https://{MANAGER_NAME}"));
    tree.secret("/etc/cattle/credentials/token", token);
    tree.file(
        "/etc/cattle/agent.env",
        format!("export CATTLE_CA_CHECKSUM={}\nexport STRICT_VERIFY=true\n", secrets.ca_checksum()),
    );
    tree.directory(SERVICE_ACCOUNT);
    tree.service(
        "agent",
        &format!(
            "[ -s {SERVICE_ACCOUNT}/token ] || {{ sleep 0.2; exit 1; }}
. /etc/cattle/agent.env
exec lab-agent --credentials /etc/cattle/credentials --api-server {}:6443 \\
  --service-account {SERVICE_ACCOUNT} --state {STATE}",
            host.address
        ),
    );
}

/// What registering a cluster leaves in it: the agent's service account with full rights, and its credentials.
pub(crate) fn objects(secrets: &Secrets, cluster: &Cluster) -> Vec<Value> {
    let registration = cluster
        .id
        .as_ref()
        .and_then(|id| secrets.registration.get(id))
        .cloned()
        .unwrap_or_default();
    let cattle = json!({"kind": "ServiceAccount", "name": "cattle", "namespace": "cattle-system"});
    vec![
        namespace("cattle-system"),
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "cattle", "namespace": "cattle-system"},
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "cattle-admin-binding"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [cattle],
        }),
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "cattle-credentials-lab", "namespace": "cattle-system"},
            "data": {
                "url": STANDARD.encode(format!("https://{MANAGER_NAME}")),
                "token": STANDARD.encode(registration),
            },
        }),
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
            "metadata": {
                "name": TOKEN_SECRET, "namespace": "cattle-system",
                "annotations": {"kubernetes.io/service-account.name": "cattle"},
            },
        }),
    ]
}
