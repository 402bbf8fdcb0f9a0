//! `controlplane.stop`: stops what the standby host runs of its own.

use super::Context;
use crate::{Trouble, control_plane};
use plan::StopControlPlane;
use serde::Serialize;
use std::time::Duration;

/// What it holds is kept aside, and etcd and the API server are made for being killed; every agent waits meanwhile.
const GRACE: Duration = Duration::from_secs(1);

#[derive(Serialize)]
pub(super) struct Done {
    /// What people should know about it.
    note: Option<String>,
}

pub(super) async fn perform(it: &StopControlPlane, context: &Context<'_>) -> Result<Done, Trouble> {
    let host = context.world.host(&it.host)?;
    context.inside.point();
    let limits = control_plane::Limits { grace: GRACE, all: context.limit, alone: true };
    let note = control_plane::stop(&host, it.distribution, it.manager_stop.as_deref(), limits).await?;
    Ok(Done { note })
}
