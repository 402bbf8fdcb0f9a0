//! `notify`: tells people by the channels of the estate.

use super::{Carry, Context, done};
use crate::Trouble;
use ::notify::{Channel, Message};
use async_trait::async_trait;
use engine::Performed;
use plan::Notify;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    told: Vec<String>,
    /// Whom it did not reach although others got it.
    not_told: Vec<String>,
}

#[async_trait]
impl Carry for Notify {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        let (world, estate) = (context.world, &context.world.estate);
        let message = Message {
            about: format!("{}/run-{}/{}", context.plan.cluster, context.run, context.step.id),
            severity: self.severity,
            title: self.title.clone(),
            text: self.text.clone(),
            next: Some(format!("lifeboat run show {}", context.typed)),
            // Told again, it is the same: who gets it twice can tell.
            at: context.made,
        };
        let mut done_ = Done { told: Vec::new(), not_told: Vec::new() };
        let mut failed = None;
        for name in &self.channels {
            context.inside.point();
            let Some(of) = estate.notify.get(name) else { continue };
            let open = Channel::open(&estate.name, name, of, |secret| world.secret(secret), |file| world.content(file));
            let sent = match open {
                Ok(channel) => channel.send(&message).await.map_err(Trouble::from),
                Err(trouble) => Err(trouble),
            };
            match sent {
                Ok(sent) => {
                    done_.told.push(name.to_string());
                    done_.not_told.extend(sent.refused);
                }
                // One that fails holds up no other.
                Err(trouble) => failed = Some(trouble),
            }
        }
        match failed {
            Some(trouble) => Err(trouble),
            None => done(done_),
        }
    }
}
