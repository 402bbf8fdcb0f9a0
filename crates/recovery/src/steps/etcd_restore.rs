//! `etcd.restore`: builds etcd's data directory from the copy, beside the one in use.

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
    let into = beside(&it.data_dir);
    context.inside.point();
    let restore = protect::etcd::Restore {
        snapshot: &format!("{}/etcd", it.directory),
        member: &it.member,
        peer_url: &it.peer_url,
        into: &into,
        bump: it.bump,
    };
    protect::etcd::restore(&host, &restore, context.limit).await?;
    Ok(Done { data: into })
}

/// Where restored data waits: on the same file system, under a name that nothing starts on.
pub(super) fn beside(data_dir: &str) -> String {
    format!("{}.lifeboat", data_dir.trim_end_matches('/'))
}
