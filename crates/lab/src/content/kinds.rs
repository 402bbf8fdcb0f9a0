//! Plain kinds: namespaces, rights, settings, leases, events.

use super::generate::Place;
use super::random::Random;
use serde_json::{Value, json};

/// The moment that generated times count from: the generator knows no clock.
const EPOCH: i64 = 1_767_225_600;

/// The API server takes no more than 1 MiB in a ConfigMap or Secret.
const PAYLOAD_MAX: usize = 900_000;

const TEAMS: [&str; 12] = [
    "billing",
    "catalog",
    "checkout",
    "identity",
    "inventory",
    "ledger",
    "mail",
    "orders",
    "pricing",
    "search",
    "shipping",
    "support",
];
pub(super) const APPS: [&str; 10] = [
    "api", "batch", "cache", "front", "gateway", "importer", "indexer", "proxy", "queue", "worker",
];
const WORDS: [&str; 16] = [
    "cache",
    "connection",
    "database",
    "enabled",
    "endpoint",
    "false",
    "interval",
    "limit",
    "log",
    "pool",
    "retry",
    "size",
    "timeout",
    "true",
    "upstream",
    "worker",
];

pub(super) fn namespace_name(seed: u64, index: usize) -> String {
    let team = Random::of(seed, index as u64).pick(&TEAMS);
    format!("{team}-{index}")
}

pub(super) fn namespace(seed: u64, index: usize, name: &str) -> Value {
    let mut random = Random::of(seed, index as u64);
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": name,
        "labels": { "lab.test/team": name.split('-').next(), "lab.test/tier": random.pick(&["gold", "silver", "bronze"]) },
        "annotations": { "lab.test/contact": format!("team-{}@lab.test", random.hex(6)) },
    }})
}

pub(super) fn cluster_roles() -> Vec<Value> {
    let role = |name: &str, verbs: &[&str]| {
        json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": name },
            "rules": [{ "apiGroups": ["fleet.lab.test"], "resources": ["boats", "harbors", "voyages"], "verbs": verbs }] })
    };
    vec![
        role("lab-fleet-viewer", &["get", "list", "watch"]),
        role("lab-fleet-admin", &["*"]),
        json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": { "name": "lab-fleet-viewers" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "lab-fleet-viewer" },
            "subjects": [{ "kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "lab:crew" }] }),
    ]
}

/// What lets a namespace's workloads act: an account, a role, their binding.
pub(super) fn rights(namespace: &str) -> [Value; 3] {
    let rbac = "rbac.authorization.k8s.io";
    [
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "app", "namespace": namespace } }),
        json!({ "apiVersion": format!("{rbac}/v1"), "kind": "Role", "metadata": { "name": "app", "namespace": namespace },
            "rules": [
                { "apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["get", "list", "watch"] },
                { "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["*"] },
            ] }),
        json!({ "apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding",
            "metadata": { "name": "app", "namespace": namespace },
            "roleRef": { "apiGroup": rbac, "kind": "Role", "name": "app" },
            "subjects": [{ "kind": "ServiceAccount", "name": "app", "namespace": namespace }] }),
    ]
}

pub(super) fn config_map(random: &mut Random, place: &Place, bytes: usize) -> Value {
    let bytes = payload(random, bytes);
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(random, place, "settings"),
        "data": { "application.properties": settings(random, bytes) } })
}

pub(super) fn lease(random: &mut Random, place: &Place, _: usize) -> Value {
    let since = time(random);
    json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata(random, place, "leader"),
        "spec": { "holderIdentity": holder(random), "leaseDurationSeconds": 15, "leaseTransitions": random.below(9),
            "acquireTime": since, "renewTime": since } })
}

pub(super) fn holder(random: &mut Random) -> String {
    format!("{}-{}_{}", random.pick(&APPS), random.hex(10), random.hex(12))
}

pub(super) fn event(random: &mut Random, place: &Place, _: usize) -> Value {
    let at = time(random);
    event_at(random, place, &at)
}

/// An event that tells of `at`, as RFC 3339 with microseconds.
pub(super) fn event_at(random: &mut Random, place: &Place, at: &str) -> Value {
    let reason = random.pick(&["BackOff", "Pulled", "Scheduled", "Started", "Unhealthy"]);
    let pod = format!("{}-{}-{}", random.pick(&APPS), random.hex(9), random.hex(5));
    let kind = if matches!(reason, "BackOff" | "Unhealthy") {
        "Warning"
    } else {
        "Normal"
    };
    json!({ "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": metadata(random, place, "event"),
        "eventTime": at, "action": "Sync", "reason": reason, "type": kind,
        "note": format!("{reason}: container main of pod {pod}, attempt {}", random.below(20)),
        "reportingController": "kubelet", "reportingInstance": format!("kubelet-n{}", random.below(9)),
        "regarding": { "apiVersion": "v1", "kind": "Pod", "name": pod, "namespace": place.namespace } })
}

/// Name, namespace and the labels that charts put on everything.
pub(super) fn metadata(random: &mut Random, place: &Place, stem: &str) -> Value {
    let app = random.pick(&APPS);
    json!({ "name": format!("{app}-{stem}-{}", place.number), "namespace": place.namespace, "labels": {
        "app.kubernetes.io/name": app, "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/version": format!("{}.{}.{}", random.below(9), random.below(20), random.below(20)),
    }})
}

/// Bytes around a mean: evenly spread over the orders of magnitude between a fifteenth and four times of it, as settings
/// in real clusters are (many small, few large).
pub(super) fn payload(random: &mut Random, mean: usize) -> usize {
    let spread: f64 = 66.0;
    let least = mean as f64 * spread.ln() / (spread - 1.0);
    ((least * spread.powf(random.fraction())) as usize).clamp(1, PAYLOAD_MAX)
}

/// About `bytes` of settings: it repeats itself as real ones do, so it packs as they do.
pub(super) fn settings(random: &mut Random, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 64);
    while text.len() < bytes {
        let (group, key, value) = (random.pick(&WORDS), random.pick(&WORDS), random.pick(&WORDS));
        text.push_str(&format!("{group}.{key}.{}={value}-{}\n", random.below(50), random.hex(6)));
    }
    text
}

/// A moment within a month of the epoch, as RFC 3339 with microseconds.
fn time(random: &mut Random) -> String {
    let second = EPOCH + random.below(30 * 86_400) as i64;
    let moment = jiff::Timestamp::new(second, 0).unwrap_or_default();
    micro_time(moment)
}

/// Kubernetes' MicroTime.
pub(super) fn micro_time(moment: jiff::Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}
