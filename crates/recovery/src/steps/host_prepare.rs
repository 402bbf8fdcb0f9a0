//! `host.prepare`: puts the files of a copied host onto one that lacks them; what differs there is kept aside.

use super::{Carry, Context, done};
use crate::Trouble;
use async_trait::async_trait;
use engine::Performed;
use estate::{Kind, Name};
use plan::PrepareHost;
use protect::files::{ArchiveLimits, Files, Putting, prepared, put_back};
use serde::Serialize;

/// A host's files are few, and mostly keys.
const ARCHIVE_BYTES_MAX: usize = 256 << 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    made: usize,
    replaced: usize,
    same: usize,
    kept_aside: String,
}

#[async_trait]
impl Carry for PrepareHost {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        done(perform(self, context).await?)
    }

    fn hosts(&self) -> Vec<&Name> {
        vec![&self.host]
    }
}

async fn perform(it: &PrepareHost, context: &Context<'_>) -> Result<Done, Trouble> {
    let host = context.world.host(&it.host)?;
    context.inside.point();
    let archive = format!("{}/files", it.directory);
    let gone = |reason: &str| {
        Trouble::new("LB0803", Kind::Damaged, format!("{archive} on {}: {reason}", it.host))
            .hint(format!("lifeboat run cancel {} --yes, then the same command again", context.typed))
    };
    let bytes = host
        .read(&archive, ARCHIVE_BYTES_MAX)
        .await?
        .ok_or_else(|| gone("it is not there"))?;
    let files = Files::read(&bytes, &ArchiveLimits::default()).map_err(protect::Error::from)?;
    let tree = files
        .0
        .get(&it.from)
        .ok_or_else(|| gone(&format!("it has no files of {}", it.from)))?;
    let words: Vec<(&str, &str)> = it.words.iter().map(|word| (&*word.from, &*word.to)).collect();
    let tree = prepared(tree, it.distribution, &words, &it.kubeadm_config);
    context.inside.point();
    let how = Putting {
        overwrite: true,
        only: &[],
        aside: &it.aside,
        limit: context.limit,
    };
    let put = put_back(&host, &tree, &how).await?;
    Ok(Done {
        made: put.made.len(),
        replaced: put.replaced.len(),
        same: put.same.len(),
        kept_aside: it.aside.clone(),
    })
}
