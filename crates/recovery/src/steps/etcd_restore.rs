//! `etcd.restore`: builds etcd's data from the copy, beside the data in use.

use super::Context;
use crate::Trouble;
use plan::RestoreEtcd;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Done {
    data: String,
}

pub(super) async fn perform(it: &RestoreEtcd, context: &Context<'_>) -> Result<Done, Trouble> {
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
