//! Waiting until what should run does.

use crate::error::{Error, Result};
use crate::lab::Lab;
use crate::status::{self, HostStatus, Status};
use crate::tools::Say;
use crate::topology::Cluster;
use cluster::Client;
use std::time::Duration;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(250);

/// Waits until the API server of `cluster` is ready, and returns a client of it.
pub(crate) async fn api(lab: &Lab, cluster: &Cluster, limit: Duration) -> Result<Client> {
    let client = lab.client(cluster.name.as_str()).await?;
    let deadline = ambient::monotonic() + limit;
    loop {
        match client.ready().await {
            Ok(()) => return Ok(client),
            Err(source) if ambient::monotonic() > deadline => {
                return Err(Error::NotReady {
                    object: format!("the API server of cluster {}", cluster.name),
                    seconds: limit.as_secs(),
                    last: source.to_string(),
                    log: format!("/var/log/pods/kube-apiserver.log on {}", lab.topology().control_plane(cluster)?.name),
                });
            }
            Err(_not_yet) => ambient::sleep(PAUSE).await,
        }
    }
}

/// Waits until everything that should run does, and answers.
pub(crate) async fn wait(lab: &Lab, limit: Duration, say: Say<'_>) -> Result<()> {
    let deadline = ambient::monotonic() + limit;
    let mut said = String::new();
    loop {
        // The hosts are cheap to look at; the rest is asked once they are well.
        let mut waiting = unready_hosts(&status::hosts(lab));
        if waiting.is_empty() {
            waiting = unready(&lab.status().await?);
        }
        let Some(first) = waiting.first() else { return Ok(()) };
        if ambient::monotonic() > deadline {
            return Err(Error::NotReady {
                object: format!("lab {}", lab.place.name),
                seconds: limit.as_secs(),
                last: waiting.join("; "),
                log: "`lifeboat lab exec HOST -- tail -n 50 /var/log/NAME.log` (static pods: /var/log/pods/NAME.log)"
                    .into(),
            });
        }
        let now = if waiting.len() == 1 {
            first.clone()
        } else {
            format!("{first}, and {} more", waiting.len() - 1)
        };
        if now != said {
            say(&format!("waiting: {now}"));
            said = now;
        }
        ambient::sleep(PAUSE).await;
    }
}

/// Everything that should be ready and is not, in words.
pub(crate) fn unready(status: &Status) -> Vec<String> {
    let mut waiting = unready_hosts(&status.hosts);
    waiting.extend(
        status
            .clusters
            .iter()
            .filter(|c| !c.ready)
            .map(|c| format!("cluster {}: {}", c.name, c.reason)),
    );
    waiting.extend(
        status
            .agents
            .iter()
            .filter(|a| !a.connected)
            .map(|a| format!("agent of {}: {}", a.cluster, a.reason)),
    );
    waiting.extend(
        status
            .names
            .iter()
            .filter(|n| n.answer.is_empty())
            .map(|n| format!("{} at {}: no answer", n.name, n.server)),
    );
    waiting
}

fn unready_hosts(hosts: &[HostStatus]) -> Vec<String> {
    let mut waiting = Vec::new();
    for host in hosts {
        if !host.on {
            waiting.push(format!("host {} is off", host.name));
        }
        for process in host.processes.iter().filter(|p| p.wanted && !p.healthy) {
            waiting.push(format!("{} on {}: {}", process.name, host.name, process.reason));
        }
    }
    waiting
}
