//! `approve`: a gate. Waits until enough people agree, by name, or one of them does not.

use super::{Carry, Context, done};
use crate::{Choice, Trouble, words};
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

#[derive(Clone, Serialize)]
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
        context.inside.say(&format!("waits for {}", asked(self, context)));
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
            let approved = approved(&counts);
            if is_enough(self, &approved) {
                return done(Done { approved });
            }
            ambient::sleep(PAUSE).await;
        }
    }
}

/// Who is asked, and how they answer.
fn asked(gate: &Approve, context: &Context<'_>) -> String {
    let (run, id) = (context.typed, &context.step.id);
    let who = match gate.by.is_empty() {
        true => "anybody".to_owned(),
        false => gate.by.join(", "),
    };
    format!(
        "{} of {who}: lifeboat run approve {run} {id} --because 'REASON', or lifeboat run reject {run} {id}",
        gate.people
    )
}

fn approved(counts: &[&Said]) -> Vec<Approval> {
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
    approved
}

fn is_enough(gate: &Approve, approved: &[Approval]) -> bool {
    approved.len() >= usize::try_from(gate.people).unwrap_or(usize::MAX)
}

/// What somebody who is led through a run wants of a gate: they agree, if their word counts; those who said so elsewhere count with them.
pub(crate) async fn at_the_terminal(
    gate: &Approve,
    choice: &Choice,
    by: &str,
    context: &Context<'_>,
) -> Result<Performed, String> {
    if let Choice::Skip(_) = choice {
        return Err(format!("a gate is not left out: it waits for {}", asked(gate, context)));
    }
    let said = words::said(context).await.unwrap_or_default();
    let does_count = |who: &str| gate.by.is_empty() || gate.by.iter().any(|it| it == who);
    let counts: Vec<&Said> = said.iter().filter(|said| does_count(&said.word.by)).collect();
    let mut approved = approved(&counts);
    if does_count(by) && !approved.iter().any(|before| before.by == by) {
        approved.push(Approval {
            by: by.to_owned(),
            because: "at the terminal".to_owned(),
            at: ambient::now(),
        });
    }
    if counts.iter().any(|said| said.word.word == REJECT) || !is_enough(gate, &approved) {
        let own = if does_count(by) {
            ""
        } else {
            "the word of who is here does not count; "
        };
        return Err(format!("{own}it waits for {}", asked(gate, context)));
    }
    done(Done { approved }).map_err(|trouble| trouble.to_string())
}
