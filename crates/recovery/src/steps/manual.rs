//! `manual`: waits until a person says that it is done. With a guide, the person is there, and this is never performed.

use super::{Carry, Context, done};
use crate::{Trouble, words};
use async_trait::async_trait;
use engine::Performed;
use plan::Manual;
use serde::Serialize;

/// What a person says who has done a step.
pub const DONE: &str = "done";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    by_hand: bool,
    by: String,
    because: String,
}

#[async_trait]
impl Carry for Manual {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        let id = &context.step.id;
        context
            .inside
            .say(&format!("waits for a person, who then says: lifeboat run done {} {id}", context.typed));
        for line in &context.step.by_hand.0 {
            context.inside.say(&format!("  {line}"));
        }
        let said = words::wait(context, |said| said.word.word == DONE).await;
        done(Done { by_hand: true, by: said.by, because: said.because })
    }
}
