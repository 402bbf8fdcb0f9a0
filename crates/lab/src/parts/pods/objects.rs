//! What runs in a cluster with pods: a web server whose file is on a volume of its host.

use super::{VOLUMES, images};
use crate::parts::manager::namespace;
use crate::topology::Host;
use serde_json::{Value, json};

const NAMESPACE: &str = "shop";
/// The name of the server's process on its host.
pub(crate) const WEB_PROCESS: &str = "httpd";
const PORT: u16 = 8080;

/// A server in namespace `shop` that serves its volume, and adds a line to the volume's file `starts` at each start.
pub(crate) fn web(host: &Host) -> Vec<Value> {
    let labels = json!({"app": "web"});
    let class = "lab-local";
    vec![
        namespace(NAMESPACE),
        json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": class},
            "provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer",
        }),
        json!({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "shop-web"},
            "spec": {
                "storageClassName": class, "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "64Mi"},
                "persistentVolumeReclaimPolicy": "Retain",
                "local": {"path": format!("{VOLUMES}/web")},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                    {"key": "kubernetes.io/hostname", "operator": "In", "values": [host.name]},
                ]}]}},
            },
        }),
        json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": "web", "namespace": NAMESPACE},
            "spec": {
                "storageClassName": class, "accessModes": ["ReadWriteOnce"], "volumeName": "shop-web",
                "resources": {"requests": {"storage": "64Mi"}},
            },
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": NAMESPACE},
            "spec": {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": PORT}]},
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": NAMESPACE, "labels": labels},
            "spec": {
                "replicas": 1, "selector": {"matchLabels": labels}, "strategy": {"type": "Recreate"},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "automountServiceAccountToken": false,
                        "terminationGracePeriodSeconds": 1,
                        "containers": [{
                            "name": "web", "image": images::BUSYBOX, "imagePullPolicy": "IfNotPresent",
                            "command": ["/bin/sh", "-c", format!(
                                "echo \"$(date -u +%FT%TZ) $HOSTNAME\" >> /www/starts && exec {WEB_PROCESS} -f -p {PORT} -h /www"
                            )],
                            "ports": [{"name": "http", "containerPort": PORT}],
                            "readinessProbe": {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 2},
                            "resources": {
                                "requests": {"cpu": "10m", "memory": "8Mi"}, "limits": {"memory": "32Mi"},
                            },
                            "volumeMounts": [{"name": "www", "mountPath": "/www"}],
                        }],
                        "volumes": [{"name": "www", "persistentVolumeClaim": {"claimName": "web"}}],
                    },
                },
            },
        }),
    ]
}
