//! `etcd.restore`: builds etcd's data from the copy, beside the data in use.

use super::{Carry, Context, done};
use crate::Trouble;
use async_trait::async_trait;
use cluster::quoted;
use engine::Performed;
use estate::{Kind, Name};
use plan::RestoreEtcd;
use serde::Serialize;
use std::time::Duration;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    data: String,
}

#[async_trait]
impl Carry for RestoreEtcd {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        done(perform(self, context).await?)
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        is_built(context, &self.host, &self.data_dir).await
    }

    fn hosts(&self) -> Vec<&Name> {
        vec![&self.host]
    }
}

/// Whether data waits on the host to be put in place.
pub(super) async fn is_built(context: &Context<'_>, on: &Name, data_dir: &str) -> Result<String, Trouble> {
    let built = protect::etcd::waiting(data_dir);
    let script = format!("[ -d {}/member ] && echo yes || echo no", quoted(&built));
    let host = context.world.host(on)?;
    let said = host.run("looking at what was built", &script, Duration::from_secs(30)).await?;
    match said.trim() {
        "yes" => Ok(format!("{built} is there on {on}")),
        _ => Err(Trouble::new("LB0803", Kind::Person, format!("{built} is not there on {on}"))),
    }
}

async fn perform(it: &RestoreEtcd, context: &Context<'_>) -> Result<Done, Trouble> {
    let host = context.world.host(&it.host)?;
    context.inside.point();
    let restore = protect::etcd::Restore {
        snapshot: &format!("{}/etcd", it.directory),
        member: &it.member,
        peer_url: &it.peer_url,
        initial_cluster: &it.initial_cluster,
        data_dir: &it.data_dir,
        bump: it.bump,
    };
    protect::etcd::restore(&host, &restore, context.limit).await?;
    Ok(Done { data: protect::etcd::waiting(&it.data_dir) })
}
