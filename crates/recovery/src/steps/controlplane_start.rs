//! `controlplane.start`: starts the control plane by its new right, and sees that a controller acts on something written now.

use super::{Context, until};
use crate::{Trouble, control_plane, voters};
use cluster::{Client, Host, KindRef};
use estate::{Kind, Report, Serving};
use plan::StartControlPlane;
use serde::Serialize;
use serde_json::json;
use std::time::Duration;

/// Whoever held these at the lost site does not let go of them; without this, controllers wait for them to expire.
const LEADERS: [&str; 3] = ["kube-controller-manager", "kube-scheduler", "cattle-controllers"];
const KUBECONFIGS: [&str; 2] = ["/etc/kubernetes/super-admin.conf", "/etc/kubernetes/admin.conf"];
const PAUSE: Duration = Duration::from_millis(250);
const ANSWER: Duration = Duration::from_secs(3);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Done {
    version: String,
}

pub(super) async fn perform(it: &StartControlPlane, context: &Context<'_>) -> Result<Done, Trouble> {
    let host = context.world.host(&it.host)?;
    // First the note, then the right, then the start: whatever happens in between, its keeper knows what to stop.
    control_plane::note_served(&host, &it.cluster, it.standing.epoch).await?;
    context.inside.point();
    confirmed(it, context).await?;
    control_plane::start(&host, it.distribution, context.limit).await?;
    context.inside.point();
    let quarter = context.limit / 4;
    let (client, version) = until(quarter * 2, PAUSE, || async {
        let client = client(&host).await?;
        client.ready().await?;
        let version = client.version().await?;
        Ok((client, version))
    })
    .await?;
    context.inside.say("the API server is ready");
    for name in LEADERS {
        client
            .delete(&KindRef::new("coordination.k8s.io/v1", "Lease"), Some("kube-system"), name)
            .await?;
    }
    context.inside.point();
    let check = format!("lifeboat-check-{}", it.standing.epoch);
    acts(&client, &check, quarter).await?;
    Ok(Done { version })
}

/// Waits until the site's own keeper says that it may serve: a right that nobody confirms is none.
async fn confirmed(it: &StartControlPlane, context: &Context<'_>) -> Result<(), Trouble> {
    let (holder, me) = (&it.standing.holder, format!("run-{}", context.run));
    until(context.limit / 4, PAUSE, || async {
        // "look" makes its keeper look at once, so that nobody waits for its next round.
        let report: Report = voters::ask_one(context.world, &me, holder, "look", &(), ANSWER).await?;
        match report.serving {
            Serving::Serving { epoch, .. } if epoch == it.standing.epoch => Ok(()),
            Serving::Fenced { standing } => {
                let message = format!("{} is overtaken by {standing}", it.standing);
                Err(Trouble::new("LB0605", Kind::Fenced, message).hint("lifeboat status"))
            }
            other => Err(waiting(it, &format!("{other:?}"))),
        }
    })
    .await
}

fn waiting(it: &StartControlPlane, why: &str) -> Trouble {
    let message = format!(
        "no majority confirms {} yet, so nothing is started at {}: {why}",
        it.standing, it.standing.holder
    );
    Trouble::new("LB0603", Kind::Unreachable, message).hint("lifeboat status")
}

/// A client with the administrator's rights, from the kubeconfig on the host.
pub(super) async fn client(host: &Host) -> Result<Client, Trouble> {
    for path in KUBECONFIGS {
        if let Some(bytes) = host.read(path, 1 << 20).await? {
            return Ok(Client::from_kubeconfig_text(&String::from_utf8_lossy(&bytes)).await?);
        }
    }
    let message = format!("host {} has no {}", host.name(), KUBECONFIGS[0]);
    Err(Trouble::new("LB0404", Kind::Invalid, message).hint("the step certificates makes it"))
}

/// Writes a namespace and waits for its service account, which only a working controller makes.
async fn acts(client: &Client, name: &str, limit: Duration) -> Result<(), Trouble> {
    let namespace = KindRef::new("v1", "Namespace");
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    until(limit, PAUSE, || async { Ok(client.apply(&object).await?) }).await?;
    until(limit, PAUSE, || async {
        let account = client.get(&KindRef::new("v1", "ServiceAccount"), Some(name), "default").await?;
        account.map(|_| ()).ok_or_else(|| {
            let message = "the API server answers, but no controller acts: a new namespace has no service account yet";
            Trouble::new("LB0807", Kind::Unreachable, message).hint("look at kube-controller-manager on that host")
        })
    })
    .await?;
    client.delete(&namespace, None, name).await?;
    Ok(())
}
