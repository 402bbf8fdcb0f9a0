//! `controlplane.stop`: stops what the standby host runs of its own.

use super::{Carry, Context, done};
use crate::{Trouble, control_plane};
use async_trait::async_trait;
use cluster::quoted;
use engine::Performed;
use estate::{Kind, Name};
use plan::{STOOD_STILL, StopControlPlane};
use protect::manifest::MANIFESTS;
use serde::Serialize;
use std::time::Duration;

/// What it holds is kept aside, and etcd and the API server are made for being killed; every agent waits meanwhile.
const GRACE: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Done {
    /// What people should know about it.
    note: Option<String>,
}

#[async_trait]
impl Carry for StopControlPlane {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        done(perform(self, context).await?)
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        let host = context.world.host(&self.host)?;
        let script = "pgrep -l -x 'etcd|kube-apiserver' 2>/dev/null || true";
        let said = host.run("looking what runs", script, Duration::from_secs(30)).await?;
        match said.trim() {
            "" => Ok(format!("nothing of a control plane runs on {}", self.host)),
            still => {
                let message = format!("these still run on {}: {}", self.host, still.replace('\n', ", "));
                Err(Trouble::new("LB0803", Kind::Person, message))
            }
        }
    }

    fn hosts(&self) -> Vec<&Name> {
        vec![&self.host]
    }
}

async fn perform(it: &StopControlPlane, context: &Context<'_>) -> Result<Done, Trouble> {
    let host = context.world.host(&it.host)?;
    if let Some(directory) = &it.noted {
        // Once: a second attempt finds what the first has stopped.
        let script = format!(
            "d={directory}
             mkdir -p -m 700 $d
             [ -e $d/ran ] || [ -e $d/{STOOD_STILL} ] || {{
               if [ -n \"$(ls {MANIFESTS} 2>/dev/null)\" ] || pgrep -x 'etcd|kube-apiserver' >/dev/null; then : >$d/ran; else : >$d/{STOOD_STILL}; fi
               sync -f $d
             }}",
            directory = quoted(directory)
        );
        host.run("noting whether a control plane runs", &script, Duration::from_secs(30))
            .await?;
    }
    context.inside.point();
    let limits = control_plane::Limits { grace: GRACE, all: context.limit, alone: true };
    let note = control_plane::stop(&host, it.distribution, it.manager_stop.as_deref(), limits).await?;
    Ok(Done { note })
}
