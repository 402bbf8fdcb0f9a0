//! What an administrator does after the machines run: kubeadm's own roles, the manager's installation, the registration of
//! each downstream cluster; and the made-up content.

use crate::content;
use crate::error::{Error, Result};
use crate::host;
use crate::lab::Lab;
use crate::parts::{edge, manager};
use crate::ready;
use crate::tools::Say;
use crate::topology::{Cluster, Part};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cluster::{Client, KindRef};
use estate::Role;
use futures::future::try_join_all;
use serde_json::{Value, json};
use std::time::Duration;

/// How long a step may wait for what it needs.
const LIMIT: Duration = Duration::from_secs(180);

pub(crate) async fn install(lab: &Lab, say: Say<'_>) -> Result<()> {
    say("waiting for the API servers");
    try_join_all(lab.topology().clusters.iter().map(|cluster| install_cluster(lab, cluster))).await?;
    Ok(())
}

async fn install_cluster(lab: &Lab, cluster: &Cluster) -> Result<()> {
    let client = ready::api(lab, cluster, LIMIT).await?;
    apply(cluster, &client, &[administrators()]).await?;
    let serves = lab
        .topology()
        .control_plane(cluster)?
        .parts
        .iter()
        .any(|p| *p == Part::Manager { serving: true });
    if serves {
        apply(cluster, &client, &manager::prerequisites(lab.topology(), &lab.record.secrets)).await?;
        apply_when_known(cluster, &client, &manager::settings(lab.topology(), &lab.record.secrets)).await?;
    }
    if cluster.role == Role::Downstream {
        register(lab, cluster, &client).await?;
    }
    // The standby is built and waiting: empty, as a new installation is.
    if serves || cluster.role == Role::Downstream {
        let options = &lab.topology().options;
        let size = content::Size::of_objects(usize::try_from(options.objects).unwrap_or(usize::MAX));
        if options.objects > 0 {
            content::fill(&client, seed(options.seed, cluster), size, content::PARALLEL).await.map_err(|source| {
                Error::Cluster { cluster: cluster.name.to_string(), doing: "filling it".into(), source }
            })?;
        }
    }
    Ok(())
}

/// A seed of each cluster's own, from the lab's.
fn seed(seed: u64, cluster: &Cluster) -> u64 {
    cluster.name.as_str().bytes().fold(seed, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

/// What `kubeadm init` grants to its admin.conf in a phase that needs the API.
fn administrators() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "kubeadm:cluster-admins"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "kubeadm:cluster-admins"}],
    })
}

async fn apply(cluster: &Cluster, client: &Client, objects: &[Value]) -> Result<()> {
    for object in objects {
        client.apply(object).await.map_err(|source| failed(cluster, object, source))?;
    }
    Ok(())
}

/// Applies objects whose definitions the manager brings when it starts.
async fn apply_when_known(cluster: &Cluster, client: &Client, objects: &[Value]) -> Result<()> {
    let deadline = ambient::monotonic() + LIMIT;
    for object in objects {
        loop {
            match client.apply(object).await {
                Ok(_) => break,
                Err(source) if ambient::monotonic() > deadline => return Err(failed(cluster, object, source)),
                Err(_not_yet) => ambient::sleep(Duration::from_millis(200)).await,
            }
        }
    }
    Ok(())
}

fn failed(cluster: &Cluster, object: &Value, source: cluster::Error) -> Error {
    let kind = object["kind"].as_str().unwrap_or_default();
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    Error::Cluster { cluster: cluster.name.to_string(), doing: format!("applying {kind} {name}"), source }
}

/// Registers a downstream cluster: the agent's rights in it, and the token that lets the agent start.
async fn register(lab: &Lab, cluster: &Cluster, client: &Client) -> Result<()> {
    apply(cluster, client, &edge::objects(&lab.record.secrets, cluster)).await?;
    let secret = KindRef::new("v1", "Secret");
    let deadline = ambient::monotonic() + LIMIT;
    let (token, ca) = loop {
        let found = client.get(&secret, Some("cattle-system"), edge::TOKEN_SECRET).await;
        let found = found.map_err(|source| Error::Cluster {
            cluster: cluster.name.to_string(),
            doing: "reading the agent's token".into(),
            source,
        })?;
        let data = found.map(|object| object["data"].clone()).unwrap_or_default();
        let decode = |key: &str| data[key].as_str().and_then(|text| STANDARD.decode(text).ok());
        if let (Some(token), Some(ca)) = (decode("token"), decode("ca.crt")) {
            break (token, ca);
        }
        if ambient::monotonic() > deadline {
            return Err(Error::NotReady {
                object: format!("the agent's token in cluster {}", cluster.name),
                seconds: LIMIT.as_secs(),
                last: "no controller has filled it".into(),
                log: "/var/log/pods/kube-controller-manager.log".into(),
            });
        }
        ambient::sleep(Duration::from_millis(200)).await;
    };
    let host = lab.topology().control_plane(cluster)?;
    for (file, content) in [("ca.crt", ca), ("token", token)] {
        let script = format!("umask 077; cat > {0}/{file}.new; sync {0}/{file}.new; mv {0}/{file}.new {0}/{file}; sync {0}", edge::SERVICE_ACCOUNT);
        let content = String::from_utf8_lossy(&content).into_owned();
        host::run_with(&lab.place, host, "giving the agent its token", &["sh", "-ec", &script], &content).await?;
    }
    Ok(())
}
