//! In which order objects go back: what others need comes first. Start at [`rank`].

use crate::Object;
use serde_json::Value;

/// Kinds by what they need, the first needed first. What is not named, custom resources mostly, comes before
/// what acts upon requests.
const RANKS: [&[&str]; 12] = [
    &["Namespace"],
    &["CustomResourceDefinition"],
    &[
        "StorageClass",
        "PriorityClass",
        "RuntimeClass",
        "IngressClass",
        "CSIDriver",
        "VolumeSnapshotClass",
    ],
    // The token of one goes when it is not there yet.
    &["ServiceAccount"],
    &["LimitRange", "ResourceQuota", "ConfigMap", "Secret"],
    &["ClusterRole", "Role"],
    &["ClusterRoleBinding", "RoleBinding"],
    &["PersistentVolume"],
    &["PersistentVolumeClaim"],
    &[
        "Service",
        "Endpoints",
        "EndpointSlice",
        "NetworkPolicy",
        "PodDisruptionBudget",
    ],
    &[
        "Pod",
        "ReplicationController",
        "ReplicaSet",
        "Deployment",
        "StatefulSet",
        "DaemonSet",
        "CronJob",
        "Job",
    ],
    &["HorizontalPodAutoscaler", "Ingress"],
];

/// What turns requests away while its backend is not there: the last of all.
const LAST: [&str; 5] = [
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
];

/// How late an object of a kind goes back; objects with the same number may go in any order.
pub fn rank(kind: &str) -> usize {
    match RANKS.iter().position(|kinds| kinds.contains(&kind)) {
        Some(rank) => rank,
        None if LAST.contains(&kind) => RANKS.len() + 1,
        None => RANKS.len(),
    }
}

/// Who owns an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its API version.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name; it is in the same namespace, or in none.
    pub name: String,
    /// Whether it controls the object.
    pub controller: bool,
}

/// The owners of an object, as it names them.
pub fn owners(object: &Object) -> Vec<Owner> {
    let listed = object.at("/metadata/ownerReferences").and_then(Value::as_array);
    let text = |it: &Value, name: &str| it[name].as_str().unwrap_or_default().to_owned();
    let owner = |it: &Value| Owner {
        api_version: text(it, "apiVersion"),
        kind: text(it, "kind"),
        name: text(it, "name"),
        controller: it["controller"] == true,
    };
    listed.map(|all| all.iter().map(owner).collect()).unwrap_or_default()
}
