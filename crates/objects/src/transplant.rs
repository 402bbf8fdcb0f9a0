//! A cluster's state on other hosts: what of it has to go, or to be otherwise, before an API server starts on it. Start at
//! [`Transplant::fate`], a pure function of one record.
//!
//! An API server reads JSON as well as protocol buffers, so what is changed is written as JSON. What is encrypted at rest, or has
//! fields of a later Kubernetes, is kept as it is and told.

mod items;
mod told;

pub use items::{Item, Profile};

use crate::changes::{Change, between};
use crate::key::Place;
use crate::revive::owners;
use crate::{Content, Object};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Raw keys of k3s and RKE2 that hold addresses of servers.
const K3S_KEYS: [&[u8]; 2] = [b"k3s/apiaddresses", b"k3s/etcd/learnerProgress"];

/// Custom resources of network plugins that belong to a node: they are made again for each node that comes.
const OF_NODES: [&str; 6] = [
    "blockaffinities.crd.projectcalico.org",
    "ciliumendpoints.cilium.io",
    "ciliumnodes.cilium.io",
    "ipamblocks.crd.projectcalico.org",
    "ipamhandles.crd.projectcalico.org",
    "nodes.crd.projectcalico.org",
];

/// For how many seconds a parked webhook is waited for: what calls a backend that is gone is not always refused at once.
const PARKED_SECONDS: u64 = 1;

/// What is done, and for which nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transplant {
    /// What is done.
    pub items: BTreeSet<Item>,
    /// Nodes that are there afterwards as well: what belongs to them stays.
    pub kept_nodes: BTreeSet<String>,
    /// What the API server's keys begin with, without a slash at the end.
    pub registry: String,
}

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// It stays as it is.
    Keep,
    /// It stays, and a person should know this of it.
    Tell(Item, String),
    /// It goes.
    Drop(Item),
    /// It becomes this object.
    Become {
        /// For which reason.
        item: Item,
        /// The whole object.
        fields: Map<String, Value>,
        /// What is different.
        changes: Vec<Change>,
    },
}

impl Transplant {
    /// What becomes of what stands under `key`. `read` is asked only where it matters what the object says.
    pub fn fate(&self, key: &[u8], read: impl FnOnce() -> Content) -> Fate {
        if K3S_KEYS.contains(&key) {
            return self.drop_for(Item::K3sAddresses);
        }
        let Some(place) = Place::of(&self.registry, key) else {
            return Fate::Keep;
        };
        let (namespace, name) = (place.namespace.as_deref().unwrap_or_default(), &*place.name);
        match &*place.resource {
            "masterleases" | "peerserverleases" => self.drop_for(Item::ApiServers),
            "endpoints" | "endpointslices" if (namespace, name) == ("default", "kubernetes") => {
                self.drop_for(Item::ApiServers)
            }
            "leases" if namespace == "kube-node-lease" => self.drop_of_node(Item::Nodes, name),
            "leases" if namespace == "kube-system" && name.starts_with("apiserver-") => self.drop_for(Item::ApiServers),
            "leases" => self.drop_for(Item::LeaderLeases),
            "nodes" | "csinodes" => self.drop_of_node(Item::Nodes, name),
            "secrets" if namespace == "kube-system" => match node_of_password(name) {
                Some(node) => self.drop_of_node(Item::NodeSecrets, node),
                None => Fate::Keep,
            },
            "events" => self.drop_for(Item::Events),
            resource if OF_NODES.contains(&resource) => self.drop_for(Item::Network),
            "pods" => self.asked(&[Item::Pods, Item::BarePods], read, |object| self.pod(object)),
            "endpointslices" | "endpoints" => self.asked(&[Item::Endpoints], read, |object| self.endpoints(object)),
            "volumeattachments" => self.asked(&[Item::VolumeAttachments], read, |object| {
                let node = object.at("/spec/nodeName").and_then(Value::as_str).unwrap_or_default();
                self.drop_of_node(Item::VolumeAttachments, node)
            }),
            "persistentvolumes" => {
                self.asked(&[Item::Nodes, Item::Volumes], read, |object| self.tell(told::volume(object)))
            }
            "configmaps" => match told::of_api_server(namespace, name) {
                Some(whose) => self.asked(&[Item::Addresses], read, |object| self.tell(told::address(object, whose))),
                None => Fate::Keep,
            },
            "apiservices" | "customresourcedefinitions" => {
                self.asked(&[Item::Webhooks], read, |object| self.tell(told::backend(object)))
            }
            "validatingwebhookconfigurations" | "mutatingwebhookconfigurations" => {
                self.asked(&[Item::Webhooks], read, |object| changed(Item::Webhooks, object, park))
            }
            "services" => self.asked(&[Item::LoadBalancers], read, |object| {
                changed(Item::LoadBalancers, object, |fields| {
                    if fields.get("status").is_some_and(|it| !it["loadBalancer"]["ingress"].is_null()) {
                        fields["status"]["loadBalancer"] = json!({});
                    }
                })
            }),
            "cronjobs" => self.asked(&[Item::CronJobs], read, |object| {
                changed(Item::CronJobs, object, |fields| set(fields, "suspend", json!(true)))
            }),
            "deployments" if is_agent(namespace, name) => self.asked(&[Item::Agents], read, |object| {
                changed(Item::Agents, object, |fields| set(fields, "replicas", json!(0)))
            }),
            _ => Fate::Keep,
        }
    }

    fn drop_for(&self, item: Item) -> Fate {
        if self.items.contains(&item) {
            Fate::Drop(item)
        } else {
            Fate::Keep
        }
    }

    fn drop_of_node(&self, item: Item, node: &str) -> Fate {
        if self.kept_nodes.contains(node) {
            Fate::Keep
        } else {
            self.drop_for(item)
        }
    }

    /// Asks what an object says, if one of the items is wanted.
    fn asked(&self, items: &[Item], read: impl FnOnce() -> Content, decide: impl FnOnce(&Object) -> Fate) -> Fate {
        let Some(item) = items.iter().find(|it| self.items.contains(it)) else {
            return Fate::Keep;
        };
        match read() {
            Content::Object(object) => decide(&object),
            Content::Opaque(it) => Fate::Tell(*item, format!("it stays as it is: {}", it.why)),
        }
    }

    fn pod(&self, object: &Object) -> Fate {
        let node = object.at("/spec/nodeName").and_then(Value::as_str).unwrap_or_default();
        if node.is_empty() || self.kept_nodes.contains(node) {
            return Fate::Keep;
        }
        // It must not run again, and whoever waits for its end reads it here. It is collected then, since its node is gone.
        if matches!(object.at("/status/phase").and_then(Value::as_str), Some("Succeeded" | "Failed")) {
            return Fate::Keep;
        }
        let owners = owners(object);
        // A static pod is its node's; the others' owners make them again.
        if owners.iter().any(|it| it.controller || it.kind == "Node") {
            return self.drop_for(Item::Pods);
        }
        if !self.items.contains(&Item::BarePods) {
            return Fate::Tell(
                Item::BarePods,
                format!("it has no owner, and its node {node} is gone: it will be lost"),
            );
        }
        changed(Item::BarePods, object, |fields| {
            if let Some(spec) = fields.get_mut("spec").and_then(Value::as_object_mut) {
                spec.remove("nodeName");
            }
            let mut status = json!({ "phase": "Pending" });
            if let Some(class) = object.at("/status/qosClass") {
                status["qosClass"] = class.clone();
            }
            fields.insert("status".to_owned(), status);
        })
    }

    /// Those that the controller made of a Service.
    fn endpoints(&self, object: &Object) -> Fate {
        let label = |name: &str| object.at("/metadata/labels").and_then(|it| it[name].as_str());
        let made = match &*object.kind {
            "EndpointSlice" => {
                label("endpointslice.kubernetes.io/managed-by") == Some("endpointslice-controller.k8s.io")
            }
            // Kubernetes before 1.33 sets no label, and any sets the time only where it knows one.
            _ => {
                let time = object.at("/metadata/annotations");
                label("endpoints.kubernetes.io/managed-by") == Some("endpoint-controller")
                    || time.is_some_and(|it| it["endpoints.kubernetes.io/last-change-trigger-time"].is_string())
            }
        };
        if made {
            self.drop_for(Item::Endpoints)
        } else {
            Fate::Keep
        }
    }

    fn tell(&self, told: Option<(Item, String)>) -> Fate {
        match told {
            Some((item, note)) if self.items.contains(&item) => Fate::Tell(item, note),
            _ => Fate::Keep,
        }
    }
}

fn node_of_password(secret: &str) -> Option<&str> {
    secret
        .strip_suffix(".node-password.k3s")
        .or_else(|| secret.strip_suffix(".node-password.rke2"))
}

/// What ties a cluster to its Rancher.
fn is_agent(namespace: &str, name: &str) -> bool {
    matches!(
        (namespace, name),
        ("cattle-system", "cattle-cluster-agent")
            | ("cattle-fleet-system" | "cattle-fleet-local-system", "fleet-agent")
    )
}

/// Webhooks whose backends are pods of the cluster itself turn nothing away until they are up, and keep nobody waiting.
fn park(fields: &mut Map<String, Value>) {
    let webhooks = fields.get_mut("webhooks").and_then(Value::as_array_mut);
    for webhook in webhooks.into_iter().flatten().filter_map(Value::as_object_mut) {
        if webhook.get("clientConfig").is_some_and(|it| it["service"].is_object()) {
            webhook.insert("failurePolicy".to_owned(), "Ignore".into());
            webhook.insert("timeoutSeconds".to_owned(), PARKED_SECONDS.into());
        }
    }
}

fn set(fields: &mut Map<String, Value>, name: &str, value: Value) {
    if let Some(spec) = fields.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert(name.to_owned(), value);
    }
}

/// An object after a change of it, if it is one that can be written.
fn changed(item: Item, object: &Object, change: impl FnOnce(&mut Map<String, Value>)) -> Fate {
    let mut fields = object.fields.clone();
    change(&mut fields);
    if fields == object.fields {
        return Fate::Keep;
    }
    if let Some((provider, key)) = &object.encrypted {
        return Fate::Tell(item, format!("it stays as it is: it is encrypted with {provider}, key {key}"));
    }
    if !object.unknown.is_empty() {
        let unknown = object.unknown.join(", ");
        return Fate::Tell(item, format!("it stays as it is: it has fields of a later Kubernetes: {unknown}"));
    }
    let changes = between(&object.fields, &fields, None);
    Fate::Become { item, fields, changes }
}

#[cfg(test)]
mod tests;
