//! What an administrator does after the machines run: kubeadm's own roles, the manager's installation, the registration of
//! each downstream cluster; and the made-up content.

use crate::content;
use crate::error::{Error, Result};
use crate::host;
use crate::lab::Lab;
use crate::parts::services::BUCKET;
use crate::parts::{edge, kubeadm, manager, pods};
use crate::ready;
use crate::tools::Say;
use crate::topology::{Cluster, Host, Part};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cluster::{Client, KindRef};
use estate::{Distribution, Role};
use futures::future::try_join_all;
use serde_json::{Value, json};
use std::time::Duration;

/// How long a step may wait for what it needs.
const LIMIT: Duration = Duration::from_secs(180);

pub(crate) async fn install(lab: &Lab, say: Say<'_>) -> Result<()> {
    say("waiting for the API servers");
    let clusters = try_join_all(lab.topology().clusters.iter().map(|cluster| install_cluster(lab, cluster)));
    let stores = lab.topology().hosts_with(|p| *p == Part::ObjectStore);
    let buckets = try_join_all(stores.map(|host| make_bucket(lab, host)));
    futures::try_join!(clusters, buckets)?;
    Ok(())
}

/// Makes the bucket that copies go to, as soon as the store runs.
async fn make_bucket(lab: &Lab, host: &Host) -> Result<()> {
    let deadline = ambient::monotonic() + LIMIT;
    let input = format!("s3.bucket.create -name {BUCKET}\n");
    let shell = ["timeout", "20", "weed", "shell", "-master", "localhost:9333"];
    let listed = String::from("s3.bucket.list\n");
    loop {
        let purpose = "making a bucket";
        let made = host::run_with(&lab.place, host, purpose, &shell, &input).await;
        let there = host::run_with(&lab.place, host, purpose, &shell, &listed).await;
        match (made, there) {
            (_, Ok(there)) if there.contains(BUCKET) => return Ok(()),
            (Err(reason), _) | (_, Err(reason)) if ambient::monotonic() > deadline => return Err(reason),
            _ => ambient::sleep(Duration::from_millis(500)).await,
        }
    }
}

async fn install_cluster(lab: &Lab, cluster: &Cluster) -> Result<()> {
    let client = ready::api(lab, cluster, LIMIT).await?;
    apply(cluster, &client, &grants()).await?;
    let host = lab.topology().control_plane(cluster)?;
    if cluster.distribution == Distribution::Kubeadm {
        apply(cluster, &client, &[kubeadm::uploaded(lab.topology(), cluster, host)?]).await?;
    }
    let serves = host.parts.contains(&Part::Manager { serving: true });
    let pods = pods::run_on(lab.topology(), host);
    if serves {
        apply(cluster, &client, &manager::prerequisites(lab.topology(), &lab.record.secrets)).await?;
        if pods {
            apply(cluster, &client, &manager::deployment()).await?;
        }
        apply_when_known(cluster, &client, &manager::settings(lab.topology(), &lab.record.secrets)).await?;
    }
    if cluster.role == Role::Downstream {
        register(lab, cluster, &client).await?;
    }
    // The standby is built and waiting: empty, as a new installation is.
    if serves || cluster.role == Role::Downstream {
        if pods {
            apply(cluster, &client, &pods::objects::web(host)).await?;
        }
        let options = &lab.topology().options;
        let size = content::Size::of_objects(usize::try_from(options.objects).unwrap_or(usize::MAX));
        if options.objects > 0 {
            content::fill(&client, seed(options.seed, cluster), size, content::PARALLEL)
                .await
                .map_err(|source| Error::Cluster {
                    cluster: cluster.name.to_string(),
                    doing: "filling it".into(),
                    source: source.into(),
                })?;
        }
    }
    if pods {
        mark_node(cluster, &client, host).await
    } else {
        Ok(())
    }
}

/// A seed of each cluster's own, from the lab's.
fn seed(seed: u64, cluster: &Cluster) -> u64 {
    cluster
        .name
        .as_str()
        .bytes()
        .fold(seed, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

/// What `kubeadm init` grants in phases that need the API: to its admin.conf, and to the API server at kubelets.
fn grants() -> [Value; 2] {
    let binding = |name: &str, role: &str, kind: &str, subject: &str| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": subject}],
        })
    };
    [
        binding("kubeadm:cluster-admins", "cluster-admin", "Group", "kubeadm:cluster-admins"),
        binding(
            "kubeadm:apiserver-kubelet-client",
            "system:kubelet-api-admin",
            "User",
            "kube-apiserver-kubelet-client",
        ),
    ]
}

/// Marks the host's node as kubeadm does, once its kubelet has registered it; without the taint, so that pods run on it.
async fn mark_node(cluster: &Cluster, client: &Client, host: &Host) -> Result<()> {
    let node = KindRef::new("v1", "Node");
    let labels = json!({"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}}});
    let deadline = ambient::monotonic() + LIMIT;
    loop {
        match client.patch_merge(&node, None, host.name.as_str(), &labels).await {
            Ok(_) => return Ok(()),
            Err(source) if ambient::monotonic() > deadline => {
                return Err(Error::NotReady {
                    object: format!("node {} of cluster {}", host.name, cluster.name),
                    seconds: LIMIT.as_secs(),
                    last: source.to_string(),
                    log: format!("/var/log/kubelet.log on {}", host.name),
                });
            }
            Err(_not_yet) => ambient::sleep(Duration::from_millis(200)).await,
        }
    }
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
    Error::Cluster {
        cluster: cluster.name.to_string(),
        doing: format!("applying {kind} {name}"),
        source: source.into(),
    }
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
            source: source.into(),
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
        let script = format!(
            "umask 077; cat > {0}/{file}.new; sync {0}/{file}.new; mv {0}/{file}.new {0}/{file}; sync {0}",
            edge::SERVICE_ACCOUNT
        );
        let content = String::from_utf8_lossy(&content).into_owned();
        host::run_with(&lab.place, host, "giving the agent its token", &["sh", "-ec", &script], &content).await?;
    }
    Ok(())
}
