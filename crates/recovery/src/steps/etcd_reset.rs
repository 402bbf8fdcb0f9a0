//! `etcd.reset`: has k3s or RKE2 reset its etcd to the snapshot.
//!
//! Source: `pkg/etcd/etcd.go` (`Reset`, `Restore`) of k3s, which is also RKE2's: the former data becomes `db/etcd-old-TIME`, and
//! `db/reset-flag` stops a second reset that has no snapshot. One with a snapshot may be repeated.

use super::{Carry, Context, done};
use crate::Trouble;
use async_trait::async_trait;
use cluster::quoted;
use engine::Performed;
use estate::Name;
use plan::ResetEtcd;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    kept_aside: String,
}

#[async_trait]
impl Carry for ResetEtcd {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        done(perform(self, context).await?)
    }

    fn hosts(&self) -> Vec<&Name> {
        vec![&self.host]
    }
}

async fn perform(it: &ResetEtcd, context: &Context<'_>) -> Result<Done, Trouble> {
    let host = context.world.host(&it.host)?;
    context.inside.point();
    let (program, data_dir) = (it.distribution, it.data_dir.trim_end_matches('/'));
    let db = format!("{data_dir}/server/db");
    // The settings may name a bucket for snapshots: the one here is a file.
    let script = format!(
        "{program} server --cluster-reset --cluster-reset-restore-path={} --data-dir={} --etcd-s3=false >/dev/null
         sync -f {}
         ls -1dt {}/etcd-old-* 2>/dev/null | head -n 1",
        quoted(&format!("{}/etcd", it.directory)),
        quoted(data_dir),
        quoted(&db),
        quoted(&db),
    );
    let kept = host
        .run_alone(&format!("resetting etcd by {program}"), &script, context.limit)
        .await?;
    Ok(Done { kept_aside: kept.trim().to_owned() })
}
