//! `manager.start`: starts the manager, and sees that it answers under its own name with the certificate that agents pin.

use super::{Context, until};
use crate::{Trouble, control_plane};
use plan::StartManager;
use serde::Serialize;
use std::time::Duration;

const ANSWER: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(250);

#[derive(Serialize)]
pub(super) struct Done {}

pub(super) async fn perform(it: &StartManager, context: &Context<'_>) -> Result<Done, Trouble> {
    let host = context.world.host(&it.host)?;
    let manager = context
        .world
        .manager(context.world.failover(&it.cluster)?.manager, it.address, false)?;
    context.inside.point();
    control_plane::start_manager(&host, &it.start, context.limit / 2).await?;
    context.inside.point();
    until(context.limit / 2, PAUSE, || async { Ok(manager.ping(ANSWER).await?) }).await?;
    Ok(Done {})
}
