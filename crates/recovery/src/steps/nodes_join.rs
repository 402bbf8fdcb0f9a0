//! `nodes.join`: sees the restored hosts' kubelets in the cluster again, and gives a node that stands for another one its labels and taints.

use super::{Carry, Context, done, until};
use crate::{Trouble, control_plane};
use async_trait::async_trait;
use cluster::{Client, KindRef};
use engine::Performed;
use estate::{Kind, Name};
use jiff::Timestamp;
use plan::{JoinNodes, Word};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(500);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    /// The nodes whose kubelets have been heard since.
    joined: Vec<String>,
    /// What people should know.
    notes: Vec<String>,
}

#[async_trait]
impl Carry for JoinNodes {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        done(perform(self, context).await?)
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        let done = perform(self, context).await?;
        Ok(format!("heard of {}", done.joined.join(", ")))
    }

    fn hosts(&self) -> Vec<&Name> {
        vec![&self.host]
    }
}

async fn perform(it: &JoinNodes, context: &Context<'_>) -> Result<Done, Trouble> {
    let mut done = Done { joined: Vec::new(), notes: Vec::new() };
    let host = context.world.host(&it.host)?;
    if !control_plane::has_kubelet(&host).await? {
        done.notes
            .push(format!("no kubelet runs on {}, so nothing of it is awaited", it.host));
        return Ok(done);
    }
    let client = control_plane::client(context.world, &it.host, it.distribution).await?;
    let limit = context.limit / u32::try_from(it.nodes.len().max(1)).unwrap_or(u32::MAX);
    for node in &it.nodes {
        context.inside.point();
        until(limit, PAUSE, || heard(&client, &node.to, context.made)).await?;
        if node.from != node.to {
            done.notes.push(take_over(&client, node).await?);
        }
        done.joined.push(node.to.clone());
    }
    Ok(done)
}

/// Conditions are as they were in the copy; the lease is renewed by whoever lives.
async fn heard(client: &Client, node: &str, since: Timestamp) -> Result<(), Trouble> {
    let lease = client
        .get(&KindRef::new("coordination.k8s.io/v1", "Lease"), Some("kube-node-lease"), node)
        .await?;
    let renewed = lease
        .as_ref()
        .and_then(|lease| lease["spec"]["renewTime"].as_str()?.parse::<Timestamp>().ok());
    match renewed.is_some_and(|at| at > since) {
        true => Ok(()),
        false => {
            let message = format!("the kubelet of node {node} has not been heard since the restore");
            Err(Trouble::new("LB0811", Kind::Unreachable, message).hint("journalctl -u kubelet, on that host"))
        }
    }
}

/// Gives `node.to` what `node.from` had; what has become of the latter is for a person to say.
async fn take_over(client: &Client, node: &Word) -> Result<String, Trouble> {
    let kind = KindRef::new("v1", "Node");
    let Some(former) = client.get(&kind, None, &node.from).await? else {
        return Ok(format!("node {} is not in the copy, so that {} has no labels of it", node.from, node.to));
    };
    let own = client.get(&kind, None, &node.to).await?.unwrap_or_default();
    if let Some(patch) = mapped(&former, &own) {
        client.patch_merge(&kind, None, &node.to, &patch).await?;
    }
    Ok(format!(
        "node {0} is still there: kubectl delete node {0}, when its host is gone for good",
        node.from
    ))
}

/// What of a former node's labels and taints its successor lacks; none, when it has all. What kubelets and controllers say of a node is not
/// taken over: it is of the host.
pub(crate) fn mapped(former: &Value, own: &Value) -> Option<Value> {
    let is_of_the_host = |key: &str| {
        [
            "kubernetes.io/hostname",
            "kubernetes.io/os",
            "kubernetes.io/arch",
            "node.kubernetes.io/instance-type",
        ]
        .contains(&key)
            || key.starts_with("beta.kubernetes.io/")
    };
    let labels = former["metadata"]["labels"].as_object().into_iter().flatten();
    let labels: Map<String, Value> = labels
        .filter(|(key, value)| !is_of_the_host(key) && own["metadata"]["labels"].get(key.as_str()) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let taints = |of: &Value| of["spec"]["taints"].as_array().cloned().unwrap_or_default();
    let is_of_a_state = |taint: &Value| {
        taint["key"].as_str().is_some_and(|key| {
            key.starts_with("node.kubernetes.io/") || key.starts_with("node.cloudprovider.kubernetes.io/")
        })
    };
    let same = |one: &Value, another: &Value| one["key"] == another["key"] && one["effect"] == another["effect"];
    let mut all = taints(own);
    let before = all.len();
    for taint in taints(former).into_iter().filter(|taint| !is_of_a_state(taint)) {
        if !all.iter().any(|there| same(there, &taint)) {
            all.push(taint);
        }
    }
    let mut patch = json!({});
    if !labels.is_empty() {
        patch["metadata"]["labels"] = Value::Object(labels);
    }
    if all.len() > before {
        patch["spec"]["taints"] = Value::Array(all);
    }
    patch.as_object().is_some_and(|it| !it.is_empty()).then_some(patch)
}
