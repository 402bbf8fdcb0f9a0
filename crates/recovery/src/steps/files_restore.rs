//! `files.restore`: puts etcd's data and the keys in place; what was there is kept aside.

use super::{Carry, Context, done};
use crate::Trouble;
use async_trait::async_trait;
use engine::Performed;
use estate::Name;
use plan::RestoreFiles;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    kept_aside: String,
}

#[async_trait]
impl Carry for RestoreFiles {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        done(perform(self, context).await?)
    }

    fn hosts(&self) -> Vec<&Name> {
        vec![&self.host]
    }
}

async fn perform(it: &RestoreFiles, context: &Context<'_>) -> Result<Done, Trouble> {
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
