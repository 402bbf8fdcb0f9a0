//! `controlplane.stop`: stops what the standby host runs of its own.

use super::Context;
use crate::{Trouble, control_plane};
use plan::StopControlPlane;
use serde::Serialize;
use std::time::Duration;

/// What it holds is kept aside, and etcd and the API server are made for being killed; every agent waits meanwhile.
const GRACE: Duration = Duration::from_secs(1);

#[derive(Serialize)]
pub(super) struct Done {}

pub(super) async fn perform(it: &StopControlPlane, context: &Context<'_>) -> Result<Done, Trouble> {
    let host = context.world.host(&it.host)?;
    context.inside.point();
    control_plane::stop(&host, it.distribution, &it.manager_stop, GRACE, context.limit).await?;
    Ok(Done {})
}
