//! `manager.start`: starts the manager, and sees that it answers under its own name with the certificate that agents pin.

use super::{Carry, Context, done, until};
use crate::{Trouble, control_plane};
use async_trait::async_trait;
use engine::Performed;
use estate::Name;
use plan::StartManager;
use serde::Serialize;
use std::time::Duration;

const ANSWER: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(250);

#[derive(Serialize)]
struct Done {}

#[async_trait]
impl Carry for StartManager {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        done(perform(self, context).await?)
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        let manager = context.world.failover(&self.cluster)?.manager;
        context.world.manager(manager, self.address, false)?.ping(ANSWER).await?;
        Ok(format!("{} answers as {}", self.address, self.name))
    }

    fn hosts(&self) -> Vec<&Name> {
        vec![&self.host]
    }
}

async fn perform(it: &StartManager, context: &Context<'_>) -> Result<Done, Trouble> {
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
