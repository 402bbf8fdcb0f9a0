//! `agents.await`: sees every downstream cluster back, or one of them, by name.
//!
//! The restored conditions say what was true before, so they only tell whom to expect. What counts is an answer of the
//! cluster's own API server through the tunnel of the manager that was started here: that session is newer than its start.

use super::{Carry, Context, done, until};
use crate::Trouble;
use crate::control_plane;
use async_trait::async_trait;
use cluster::{KindRef, Manager};
use engine::Performed;
use estate::{Kind, Name};
use futures::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use plan::AwaitAgents;
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

const ANSWER: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(500);
/// How long the manager may take to be found, and to say what clusters there are.
const FOUND: Duration = Duration::from_secs(60);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    agents: Vec<Agent>,
    /// Clusters that were not connected when the copy was taken, and are not now: nobody waits for them.
    were_away: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Agent {
    cluster: String,
    name: String,
    version: String,
    at: Timestamp,
}

/// A downstream cluster as the restored manager knows it.
struct Expected {
    id: String,
    name: String,
    connected: bool,
}

#[async_trait]
impl Carry for AwaitAgents {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        done(perform(self, context).await?)
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        let done = perform(self, context).await?;
        Ok(format!("{} downstream clusters answer", done.agents.len()))
    }

    fn hosts(&self) -> Vec<&Name> {
        // Where it may serve at either of two, one may be gone.
        match self.elsewhere {
            None => vec![&self.host],
            Some(_) => Vec::new(),
        }
    }
}

async fn perform(it: &AwaitAgents, context: &Context<'_>) -> Result<Done, Trouble> {
    let of = context.world.failover(&it.cluster)?.manager;
    let elsewhere = it.elsewhere.as_ref().map(|it| (&it.host, it.address));
    let (manager, host) = until(FOUND, PAUSE, || async {
        let mut silent = None;
        for (host, address) in std::iter::once((&it.host, it.address)).chain(elsewhere) {
            let manager = context.world.manager(of, address, true)?;
            match manager.ping(ANSWER).await {
                Ok(()) => return Ok((manager, host)),
                Err(error) => silent = Some(error),
            }
        }
        Err(silent.map_or_else(|| Trouble::new("LB0809", Kind::Bug, "nobody was asked"), Trouble::from))
    })
    .await?;
    let mut expected = until(FOUND, PAUSE, || async {
        let client = control_plane::client(context.world, host, estate::Distribution::Kubeadm).await?;
        expected(&client, context.made).await
    })
    .await?;
    if let Some(only) = &it.only {
        let names: Vec<String> = expected.iter().map(|it| format!("{} ({})", it.name, it.id)).collect();
        expected.retain(|it| it.name == *only || it.id == *only);
        if expected.is_empty() {
            let message = format!("the manager on {host} knows no cluster called {only}");
            return Err(Trouble::new("LB0809", Kind::Person, message)
                .hint(format!("it knows {}: say which by agents.await with cluster", names.join(", "))));
        }
        expected.iter_mut().for_each(|it| it.connected = true);
    }
    context.inside.point();
    let (expected, away): (Vec<_>, Vec<_>) = expected.into_iter().partition(|cluster| cluster.connected);
    // Its own deadline comes before the engine's, which could not name anybody.
    let limit = context.limit.saturating_sub(Duration::from_secs(10));
    let mut asked: FuturesUnordered<_> = expected.into_iter().map(|cluster| back(&manager, cluster, limit)).collect();
    let (mut agents, mut missing) = (Vec::new(), Vec::new());
    while let Some((cluster, version)) = asked.next().await {
        match version {
            Ok(version) => {
                context.inside.say(&format!("{} ({}) is connected", cluster.name, cluster.id));
                agents.push(Agent {
                    cluster: cluster.id.clone(),
                    name: cluster.name.clone(),
                    version,
                    at: ambient::now(),
                });
            }
            Err(trouble) => missing.push(format!("{} ({}): {trouble}", cluster.name, cluster.id)),
        }
    }
    if missing.is_empty() {
        let were_away = away.into_iter().map(|cluster| cluster.name).collect();
        return Ok(Done { agents, were_away });
    }
    let back = agents.len();
    let message = format!("{} of {} downstream clusters are not back", missing.len(), missing.len() + back);
    let mut trouble = Trouble::new("LB0809", Kind::Person, message);
    trouble.causes = missing;
    Err(trouble.hint(
        "look at the agents there, then give the same command again; or end the run: lifeboat run cancel NUMBER --yes",
    ))
}

/// Waits until a cluster answers through the manager, and says with which version.
async fn back(manager: &Manager, cluster: Expected, limit: Duration) -> (Expected, Result<String, Trouble>) {
    let version = until(limit, PAUSE, || async {
        let asked = manager.version_of(&cluster.id, ANSWER).await;
        // Whatever the manager says about a cluster that is not back yet may pass.
        asked.map_err(|error| Trouble { kind: Kind::Unreachable, ..Trouble::from(error) })
    });
    let version = version.await;
    (cluster, version)
}

/// The downstream clusters in the restored cluster, and whether they were connected when the copy was taken.
///
/// The manager that was started here looks at its agents every 15 s, and may have written meanwhile that they are not connected
/// yet. It writes only what changes: a condition that is younger than the plan was another one in the copy.
async fn expected(client: &cluster::Client, made: Timestamp) -> Result<Vec<Expected>, Trouble> {
    let kind = KindRef::new("management.cattle.io/v3", "Cluster");
    let listed = client.list(&kind, None).await?;
    let read = |object: Value| {
        let id = object["metadata"]["name"].as_str()?.to_owned();
        let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
        let condition = conditions.into_iter().find(|condition| condition["type"] == "Connected");
        let name = object["spec"]["displayName"].as_str().unwrap_or(&id).to_owned();
        // `local` is the management cluster itself.
        (id != "local").then(|| Expected {
            connected: condition.is_some_and(|c| was_true(c, made)),
            name,
            id,
        })
    };
    Ok(listed.items.into_iter().filter_map(read).collect())
}

/// Whether a condition was true before `made`, or is again.
pub(crate) fn was_true(condition: &Value, made: Timestamp) -> bool {
    let times = ["lastTransitionTime", "lastUpdateTime"]
        .into_iter()
        .filter_map(|key| condition[key].as_str());
    let changed = times.filter_map(|time| time.parse::<Timestamp>().ok()).max();
    // Conditions have whole seconds.
    let since = changed.is_some_and(|changed| changed.as_second() >= made.as_second());
    // One that is true now will answer, whatever it was in between.
    condition["status"] == "True" || since
}
