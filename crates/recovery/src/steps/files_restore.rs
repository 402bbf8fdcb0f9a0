//! `files.restore`: puts etcd's data and the keys in place; what was there is kept aside.

use super::Context;
use crate::Trouble;
use plan::RestoreFiles;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Done {
    kept_aside: String,
}

pub(super) async fn perform(it: &RestoreFiles, context: &Context<'_>) -> Result<Done, Trouble> {
    let host = context.world.host(&it.host)?;
    context.inside.point();
    let restore = protect::files::Restore {
        archive: &format!("{}/files", it.directory),
        data_dir: &it.data_dir,
        label: &it.label,
        alone: it.alone,
    };
    protect::files::restore(&host, &restore, context.limit).await?;
    Ok(Done { kept_aside: protect::files::kept(&it.label) })
}
