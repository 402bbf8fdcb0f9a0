//! What applications bring along: deployments, services, policies, jobs.

use super::generate::Place;
use super::kinds::{APPS, metadata};
use super::random::Random;
use serde_json::{Value, json};

/// One deployment in so many wants a pod; the others rest, so that a lab without nodes stays quiet.
const RUNNING_ONE_IN: usize = 8;

pub(super) fn priority_classes() -> Vec<Value> {
    let class = |name: &str, value: i64| {
        json!({ "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": { "name": name },
            "value": value, "globalDefault": false, "description": "made by the lab" })
    };
    vec![class("lab-important", 100_000), class("lab-batch", 100)]
}

pub(super) fn deployment(random: &mut Random, place: &Place, _: usize) -> Value {
    let metadata = metadata(random, place, "deploy");
    let labels = json!({ "app": metadata["name"] });
    let replicas = if random.below(RUNNING_ONE_IN) == 0 {
        1 + random.below(2)
    } else {
        0
    };
    let containers: Vec<Value> = (0..1 + random.below(3)).map(|i| container(random, i)).collect();
    json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {
        "replicas": replicas,
        "revisionHistoryLimit": 3,
        "selector": { "matchLabels": labels },
        "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": "25%", "maxUnavailable": 0 } },
        "template": { "metadata": { "labels": labels }, "spec": pod(containers) },
    }})
}

pub(super) fn cron_job(random: &mut Random, place: &Place, _: usize) -> Value {
    let mut pod = pod(vec![container(random, 0)]);
    pod["restartPolicy"] = json!("Never");
    json!({ "apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata(random, place, "job"), "spec": {
        "schedule": format!("{} {} * * *", random.below(60), random.below(24)),
        "suspend": true,
        "jobTemplate": { "spec": { "backoffLimit": 2, "template": { "spec": pod } } },
    }})
}

pub(super) fn service(random: &mut Random, place: &Place, _: usize) -> Value {
    let metadata = metadata(random, place, "svc");
    let mut service = json!({ "apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {
        "type": "ClusterIP",
        "selector": { "app": metadata["name"] },
        "ports": [
            { "name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP" },
            { "name": "metrics", "port": 9090, "targetPort": "metrics", "protocol": "TCP" },
        ],
    }});
    // Half without an address of its own: a service range has few of them.
    if random.below(2) == 0 {
        service["spec"]["clusterIP"] = json!("None");
    }
    service
}

pub(super) fn network_policy(random: &mut Random, place: &Place, _: usize) -> Value {
    json!({ "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata(random, place, "policy"),
        "spec": { "podSelector": { "matchLabels": { "app.kubernetes.io/name": random.pick(&APPS) } },
            "policyTypes": ["Ingress"],
            "ingress": [{ "from": [{ "podSelector": {} }], "ports": [{ "port": 8080, "protocol": "TCP" }] }] } })
}

pub(super) fn disruption_budget(random: &mut Random, place: &Place, _: usize) -> Value {
    json!({ "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata(random, place, "budget"),
        "spec": { "maxUnavailable": 1, "selector": { "matchLabels": { "app": random.pick(&APPS) } } } })
}

fn pod(containers: Vec<Value>) -> Value {
    json!({
        "serviceAccountName": "app",
        "automountServiceAccountToken": false,
        "terminationGracePeriodSeconds": 5,
        "securityContext": { "runAsNonRoot": true, "runAsUser": 1000, "fsGroup": 1000 },
        "containers": containers,
        "volumes": [{ "name": "scratch", "emptyDir": { "sizeLimit": "64Mi" } }],
    })
}

fn container(random: &mut Random, index: usize) -> Value {
    let name = if index == 0 {
        "main".to_owned()
    } else {
        format!("side-{index}")
    };
    let app = random.pick(&APPS);
    let env: Vec<Value> = (0..2 + random.below(6))
        .map(|i| json!({ "name": format!("OPTION_{i}"), "value": format!("{}-{}", random.pick(&APPS), random.hex(8)) }))
        .collect();
    let port = 8080 + index;
    let probe =
        |path: &str| json!({ "httpGet": { "path": path, "port": port }, "periodSeconds": 10, "timeoutSeconds": 2 });
    json!({
        "name": name,
        "image": format!("registry.lab.test/{app}:v{}", 1 + random.below(9)),
        "imagePullPolicy": "IfNotPresent",
        "args": ["pause", format!("--port={port}")],
        "env": env,
        "ports": [{ "containerPort": port, "name": if index == 0 { "metrics".to_owned() } else { format!("p{port}") } }],
        "resources": { "requests": { "cpu": "10m", "memory": "16Mi" }, "limits": { "memory": "64Mi" } },
        "livenessProbe": probe("/healthz"),
        "readinessProbe": probe("/readyz"),
        "volumeMounts": [{ "name": "scratch", "mountPath": "/tmp" }],
    })
}
