//! `controlplane.start`: starts the control plane by its new right, and sees that a controller acts on something written now.

use super::{Carry, Context, done, until};
use crate::{Trouble, control_plane, voters};
use async_trait::async_trait;
use cluster::{Client, KindRef};
use engine::Performed;
use estate::{Kind, Name, Report, Serving, Standing};
use plan::StartControlPlane;
use serde::Serialize;
use serde_json::json;
use std::time::Duration;

/// Whoever held these at the lost site does not let go of them; without this, controllers wait for them to expire.
const LEADERS: [&str; 3] = ["kube-controller-manager", "kube-scheduler", "cattle-controllers"];
const PAUSE: Duration = Duration::from_millis(250);
const ANSWER: Duration = Duration::from_secs(3);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    version: String,
}

#[async_trait]
impl Carry for StartControlPlane {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        done(perform(self, context).await?)
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        if self.alone {
            return super::typed::look(context).await;
        }
        let client = control_plane::client(context.world, &self.host, self.distribution).await?;
        client.ready().await?;
        let check = format!("lifeboat-check-hand-{}", context.run);
        acts(&client, &check, Duration::from_secs(30)).await?;
        Ok(format!("the API server of {} is ready, and a controller acts", self.host))
    }

    fn hosts(&self) -> Vec<&Name> {
        vec![&self.host]
    }
}

async fn perform(it: &StartControlPlane, context: &Context<'_>) -> Result<Done, Trouble> {
    let host = context.world.host(&it.host)?;
    // First the note, then the right, then the start: whatever happens in between, its keeper knows what to stop.
    if let Some(standing) = &it.standing {
        control_plane::note_served(&host, &it.cluster, standing.epoch).await?;
        context.inside.point();
        confirmed(standing, context).await?;
    }
    control_plane::start(&host, it.distribution, it.alone, context.limit).await?;
    context.inside.point();
    if it.alone {
        return Ok(Done { version: String::new() });
    }
    let quarter = context.limit / 4;
    let (client, version) = until(quarter * 2, PAUSE, || async {
        let client = control_plane::client(context.world, &it.host, it.distribution).await?;
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
    let check = match &it.standing {
        Some(standing) => format!("lifeboat-check-{}", standing.epoch),
        None => format!("lifeboat-check-run-{}", context.run),
    };
    acts(&client, &check, quarter).await?;
    Ok(Done { version })
}

/// Waits until the site's own keeper says that it may serve: a right that nobody confirms is none.
async fn confirmed(standing: &Standing, context: &Context<'_>) -> Result<(), Trouble> {
    let (holder, me) = (&standing.holder, format!("run-{}", context.run));
    until(context.limit / 4, PAUSE, || async {
        // "look" makes its keeper look at once, so that nobody waits for its next round.
        let report: Report = voters::ask_one(context.world, &me, holder, "look", &(), ANSWER).await?;
        match report.serving {
            Serving::Serving { epoch, .. } if epoch == standing.epoch => Ok(()),
            Serving::Fenced { standing: newer } => {
                let message = format!("{standing} is overtaken by {newer}");
                Err(Trouble::new("LB0605", Kind::Fenced, message).hint("lifeboat status"))
            }
            other => Err(waiting(standing, &format!("{other:?}"))),
        }
    })
    .await
}

fn waiting(standing: &Standing, why: &str) -> Trouble {
    let message = format!("no majority confirms {standing} yet, so nothing is started at {}: {why}", standing.holder);
    Trouble::new("LB0603", Kind::Unreachable, message).hint("lifeboat status")
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
