//! A shop that runs on a node of main, with all that a move to other hosts has to look at, and ways to look at it. Start at
//! [`furnish`].

use crate::world::{LONG, World};
use cluster::{Client, Error, KindRef};
use serde_json::{Value, json};
use std::time::Duration;

/// A node of main, and a shop that runs on it.
pub(crate) async fn furnish(world: &World, main: &Client) {
    for document in include_str!("shop.yaml").split("\n---\n") {
        let object: Value = serde_saphyr::from_str(document).unwrap();
        let made = async || match main.apply(&object).await {
            Ok(_) => Some(()),
            // A pod is let in once its namespace has its service account.
            Err(Error::Forbidden { .. }) => None,
            Err(error) => panic!("{error}"),
        };
        world.until("the shop is made", made).await;
    }
    node_is_ready(world, main, "main-1").await;
    let service = KindRef::new("v1", "Service");
    let balanced = json!({ "status": { "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } } });
    main.patch_status(&service, Some("shop"), "web", &balanced).await.unwrap();
    let pods = world
        .until("all pods are on the node, and their volume is attached", async || {
            let pods = pods(main).await;
            let attached = !all(main, "storage.k8s.io/v1", "VolumeAttachment").await.is_empty();
            let bound = pods.iter().all(|pod| pod["spec"]["nodeName"] == "main-1");
            (pods.len() == 7 && bound && attached).then_some(pods)
        })
        .await;
    for (number, pod) in pods.iter().enumerate() {
        let (name, address) = (name(pod), format!("10.244.0.{}", 11 + number));
        let status = match name {
            "over" => json!({ "phase": "Succeeded" }),
            _ => json!({
                "phase": "Running", "podIP": address, "podIPs": [{ "ip": address }],
                "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": ambient::now().to_string() }],
            }),
        };
        let patch = json!({ "status": status });
        main.patch_status(&KindRef::new("v1", "Pod"), Some("shop"), name, &patch)
            .await
            .unwrap();
    }
    let owner = pods.iter().find(|pod| name(pod) == "db-0").unwrap();
    let owned = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "of-a-pod", "namespace": "shop", "ownerReferences": [{
            "apiVersion": "v1", "kind": "Pod", "name": "db-0", "uid": owner["metadata"]["uid"],
        }] },
    });
    main.apply(&owned).await.unwrap();
    world
        .until("the Service leads to its pods", async || {
            (addresses(main, "shop", "web").await.len() == 2).then_some(())
        })
        .await;
    for kind in ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] {
        main.apply(&webhook(kind)).await.unwrap();
    }
    refused(world, main).await;
}

/// Turns pods of the shop away while its backend is not there.
fn webhook(kind: &str) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": { "name": "strict" },
        "webhooks": [{
            "name": "strict.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None", "timeoutSeconds": 3,
            "clientConfig": { "service": { "name": "admission", "namespace": "shop" } },
            "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "shop" } },
            "rules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"] }],
        }],
    })
}

pub(crate) fn passing() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "passing", "namespace": "shop" },
        "spec": { "containers": [{ "name": "passing", "image": "passing" }] },
    })
}

/// Waits until a pod is turned away.
pub(crate) async fn refused(world: &World, client: &Client) {
    let mut another = passing();
    another["metadata"]["name"] = "another".into();
    let why = world
        .until("webhooks are in force", async || client.try_apply(&another).await.err())
        .await;
    assert!(why.to_string().contains("strict.example.com"), "{why}");
}

/// Says what a kubelet would say.
pub(crate) async fn node_is_ready(world: &World, client: &Client, node: &str) {
    let room = json!({ "cpu": "8", "memory": "8Gi", "pods": "50" });
    let now = ambient::now().to_string();
    let status = json!({
        "capacity": room, "allocatable": room,
        "addresses": [{ "type": "InternalIP", "address": world.lab.topology().host(node).unwrap().address }],
        "conditions": [{ "type": "Ready", "status": "True", "lastHeartbeatTime": now, "lastTransitionTime": now }],
    });
    let patch = json!({ "status": status });
    client
        .patch_status(&KindRef::new("v1", "Node"), None, node, &patch)
        .await
        .unwrap();
}

pub(crate) async fn get(client: &Client, version: &str, kind: &str, namespace: &str, name: &str) -> Option<Value> {
    let kind = KindRef::new(version, kind);
    answered(async || client.get(&kind, Some(namespace), name).await).await
}

pub(crate) async fn all(client: &Client, version: &str, kind: &str) -> Vec<Value> {
    let kind = KindRef::new(version, kind);
    answered(async || client.list(&kind, None).await).await.items
}

pub(crate) async fn pods(client: &Client) -> Vec<Value> {
    let kind = KindRef::new("v1", "Pod");
    answered(async || client.list(&kind, Some("shop")).await).await.items
}

/// Asks again where an API server cannot answer yet: its cache of a kind fills when it is first asked for.
async fn answered<T>(ask: impl AsyncFn() -> Result<T, Error>) -> T {
    let deadline = ambient::monotonic() + LONG;
    loop {
        match ask().await {
            Err(Error::Unreachable { .. } | Error::NotReady { .. }) if ambient::monotonic() < deadline => {
                ambient::sleep(Duration::from_millis(250)).await;
            }
            answer => return answer.unwrap_or_else(|error| panic!("{error}")),
        }
    }
}

pub(crate) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

/// The addresses in the EndpointSlices of a Service.
pub(crate) async fn addresses(client: &Client, namespace: &str, service: &str) -> Vec<String> {
    let slices = all(client, "discovery.k8s.io/v1", "EndpointSlice").await;
    let its = slices.iter().filter(|it| {
        it["metadata"]["namespace"] == namespace && it["metadata"]["labels"]["kubernetes.io/service-name"] == service
    });
    let endpoints = its.filter_map(|it| it["endpoints"].as_array()).flatten();
    let addresses = endpoints.filter_map(|it| it["addresses"].as_array()).flatten();
    addresses.map(|it| it.as_str().unwrap().to_owned()).collect()
}
