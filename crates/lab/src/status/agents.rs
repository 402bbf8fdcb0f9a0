//! The agents: what each says of itself, and what the manager's cluster says of it.

use super::{ANSWER, AgentStatus};
use crate::lab::Lab;
use crate::parts::edge;
use crate::topology::Part;
use cluster::KindRef;
use serde::Deserialize;
use serde_json::Value;

/// The file in which an agent says how it is.
#[derive(Deserialize)]
struct Own {
    state: String,
    since: String,
    #[serde(default)]
    reason: String,
}

pub(super) async fn take(lab: &Lab) -> Vec<AgentStatus> {
    let at_manager = conditions(lab).await;
    let topology = lab.topology();
    let agents = topology.hosts_with(|p| matches!(p, Part::Agent(_)));
    agents
        .filter_map(|host| {
            let cluster = topology
                .clusters
                .iter()
                .find(|c| c.id.is_some() && c.hosts.first() == Some(&host.name))?;
            let id = cluster.id.clone()?;
            let own = crate::host::file(&lab.place, host, edge::STATE)
                .and_then(|file| std::fs::read_to_string(file).ok())
                .and_then(|text| serde_json::from_str::<Own>(&text).ok())
                .unwrap_or(Own {
                    state: "unknown".into(),
                    since: String::new(),
                    reason: "it has not said anything yet".into(),
                });
            let condition = condition(&at_manager, &id);
            let says = own.state == "connected";
            let denied = condition.as_deref().is_some_and(|c| c == "False");
            let reason = match (says, denied) {
                (true, true) => "the manager does not see it yet".into(),
                _ => own.reason,
            };
            Some(AgentStatus {
                cluster: cluster.name.clone(),
                id,
                connected: says && !denied,
                since: own.since,
                reason,
                condition,
            })
        })
        .collect()
}

/// The manager's view: its Cluster objects, from whichever management cluster has its name now.
async fn conditions(lab: &Lab) -> Vec<Value> {
    let kind = KindRef::new("management.cattle.io/v3", "Cluster");
    let mut found = Vec::new();
    for cluster in lab.topology().clusters.iter().filter(|c| c.role == estate::Role::Management) {
        let Ok(host) = lab.topology().control_plane(cluster) else {
            continue;
        };
        let running = super::processes::take(lab, host, crate::host::init(&lab.place, host).map_or(0, |p| p.pid));
        if !running.iter().any(|p| p.name == "manager" && p.healthy) {
            continue;
        }
        let Ok(client) = lab.client(cluster.name.as_str()).await else {
            continue;
        };
        if let Ok(Ok(list)) = tokio::time::timeout(ANSWER, client.list(&kind, None)).await {
            found.extend(list.items);
        }
    }
    found
}

fn condition(clusters: &[Value], id: &str) -> Option<String> {
    let cluster = clusters.iter().find(|c| c["metadata"]["name"] == id)?;
    let conditions = cluster["status"]["conditions"].as_array()?;
    let connected = conditions.iter().find(|c| c["type"] == "Connected")?;
    connected["status"].as_str().map(str::to_owned)
}
