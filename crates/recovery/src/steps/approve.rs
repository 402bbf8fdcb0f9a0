//! `approve`: a gate. Waits until enough people agree, by name, or one of them does not.

use super::{Carry, Context, done};
use crate::{Trouble, words};
use async_trait::async_trait;
use engine::{Performed, Said};
use estate::Kind;
use jiff::Timestamp;
use plan::Approve;
use serde::Serialize;
use std::time::Duration;

/// What people say at a gate.
pub const APPROVE: &str = "approve";
/// And those who do not agree.
pub const REJECT: &str = "reject";

const PAUSE: Duration = Duration::from_secs(1);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    approved: Vec<Approval>,
}

#[derive(Serialize)]
struct Approval {
    by: String,
    because: String,
    at: Timestamp,
}

#[async_trait]
impl Carry for Approve {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        if context.is_automatic && !self.always {
            return Ok(Performed::Skipped("the run is automatic, and the gate is not one for those".to_owned()));
        }
        let (run, id) = (context.typed, &context.step.id);
        let who = match self.by.is_empty() {
            true => "anybody".to_owned(),
            false => self.by.join(", "),
        };
        context.inside.say(&format!(
            "waits for {} of {who}: lifeboat run approve {run} {id} --because 'REASON', or lifeboat run reject {run} {id}",
            self.people
        ));
        loop {
            let said = words::said(context).await.unwrap_or_default();
            let counts: Vec<&Said> = said
                .iter()
                .filter(|said| self.by.is_empty() || self.by.contains(&said.word.by))
                .collect();
            if let Some(no) = counts.iter().find(|said| said.word.word == REJECT) {
                let message = format!("{} does not agree at {id}: {}", no.word.by, no.word.because);
                return Err(Trouble::new("LB0710", Kind::Person, message)
                    .hint(format!("lifeboat run show {run}\nlifeboat run resume {run}: asks again")));
            }
            let mut approved: Vec<Approval> = Vec::new();
            for yes in counts.iter().filter(|said| said.word.word == APPROVE) {
                if !approved.iter().any(|before| before.by == yes.word.by) {
                    approved.push(Approval {
                        by: yes.word.by.clone(),
                        because: yes.word.because.clone(),
                        at: yes.at,
                    });
                }
            }
            if approved.len() >= usize::try_from(self.people).unwrap_or(usize::MAX) {
                return done(Done { approved });
            }
            ambient::sleep(PAUSE).await;
        }
    }
}
