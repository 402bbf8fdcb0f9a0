//! `host.await`: waits until a host can be entered, and sees that it is the one that the plan was made for.

use super::{Carry, Context, done, until};
use crate::Trouble;
use async_trait::async_trait;
use engine::Performed;
use estate::Kind;
use plan::AwaitHost;
use serde_json::json;
use std::time::Duration;

const ANSWER: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_secs(2);

#[async_trait]
impl Carry for AwaitHost {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        context.inside.point();
        // Its own deadline comes before the engine's, which could not say why.
        let limit = context.limit.saturating_sub(ANSWER);
        let name = until(limit, PAUSE, || look(self, context)).await?;
        done(json!({ "node": name }))
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        let name = look(self, context).await?;
        Ok(format!("{} can be entered, and is {name}", self.host))
    }

    async fn dry(&self, context: &Context<'_>) -> Result<Vec<String>, Trouble> {
        Ok(vec![match look(self, context).await {
            Ok(name) => format!("{} can be entered, and is {name}", self.host),
            Err(trouble) if trouble.may_pass() => format!("{} cannot be entered yet: {trouble}", self.host),
            Err(trouble) => return Err(trouble),
        }])
    }
}

/// The name by which it calls itself.
async fn look(it: &AwaitHost, context: &Context<'_>) -> Result<String, Trouble> {
    let host = context.world.host(&it.host)?;
    let said = host.run("asking for its name", "uname -n", ANSWER).await?;
    let is = said.trim().to_lowercase();
    match is == it.node {
        true => Ok(is),
        false => {
            let message = format!("what answers as {} calls itself {is}, and the plan is for {}", it.host, it.node);
            Err(Trouble::new("LB0817", Kind::Person, message).hint(format!(
                "give it that name, and then: lifeboat run resume {}\nor see whether its address in the estate is another machine's",
                context.typed
            )))
        }
    }
}
