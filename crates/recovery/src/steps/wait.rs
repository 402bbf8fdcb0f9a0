//! `wait`: lets time pass.

use super::{Carry, Context, done};
use crate::Trouble;
use async_trait::async_trait;
use engine::Performed;
use plan::Wait;
use serde_json::json;
use std::time::Duration;

/// Between two words about how long it still takes.
const SAY: u64 = 15;

#[async_trait]
impl Carry for Wait {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        let mut left = self.seconds;
        while left > 0 {
            context.inside.say(&format!("{left} s left"));
            let now = left.min(SAY);
            ambient::sleep(Duration::from_secs(now)).await;
            left -= now;
        }
        done(json!({ "seconds": self.seconds }))
    }
}
