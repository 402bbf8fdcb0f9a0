//! A person who is led through a run: sees each step, does it or lets Lifeboat do it, or leaves it out with a reason. Start at [`Guide`].

use crate::Trouble;
use crate::steps::{Context, approve, carrier};
use async_trait::async_trait;
use engine::Performed;
use estate::Kind;
use plan::{Action, Step};
use serde_json::json;

/// What a person wants of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Lifeboat does it.
    Lifeboat,
    /// The person has done it.
    Done,
    /// It is left out, and why.
    Skip(String),
    /// The person goes away: the run can be taken up again, here or elsewhere.
    Leave,
}

/// Whoever leads the person: a terminal, mostly.
#[async_trait]
pub trait Guide: Send + Sync {
    /// Who the person is, for the record.
    fn name(&self) -> &str;

    /// Shows a step and asks what is to become of it. `told` is what came of the last choice, if that did not end the step.
    async fn ask(&self, step: &Step, told: Option<&str>) -> Choice;
}

/// Leads the person through one step.
pub(crate) async fn guided(guide: &dyn Guide, action: &Action, context: &Context<'_>) -> Result<Performed, Trouble> {
    let (step, by) = (context.step, guide.name());
    let mut told: Option<String> = None;
    loop {
        let choice = guide.ask(step, told.as_deref()).await;
        // Nobody passes a gate by being led to it.
        if let (Action::Approve(gate), true) = (action, choice != Choice::Leave) {
            match approve::at_the_terminal(gate, &choice, by, context).await {
                Ok(performed) => return Ok(performed),
                Err(missing) => told = Some(missing),
            }
            continue;
        }
        match choice {
            Choice::Lifeboat if matches!(action, Action::Manual(_)) => {
                told = Some("this one only a person can do: see how, above".to_owned());
            }
            Choice::Lifeboat => match carrier(action).perform(context).await {
                Ok(Performed::Done(mut outcome)) => {
                    if outcome.is_object() {
                        outcome["letBy"] = json!(by);
                    }
                    return Ok(Performed::Done(outcome));
                }
                Ok(skipped) => return Ok(skipped),
                Err(trouble) => told = Some(explained(&trouble)),
            },
            Choice::Done => match carrier(action).check(context).await {
                Ok(seen) => return Ok(Performed::Done(json!({ "byHand": true, "by": by, "seen": seen }))),
                Err(trouble) => told = Some(format!("it does not look done: {}", explained(&trouble))),
            },
            Choice::Skip(reason) => return Ok(Performed::Skipped(format!("{by} leaves it out: {reason}"))),
            Choice::Leave => {
                let message = format!("{by} has left at step {}", step.id);
                return Err(Trouble::new("LB0709", Kind::Person, message)
                    .hint(format!("lifeboat run resume {} --guided: goes on here, on any machine", context.typed)));
            }
        }
    }
}

fn explained(trouble: &Trouble) -> String {
    let causes = trouble.causes.iter().map(|cause| format!("\n  {cause}"));
    let hint = trouble.hint.iter().map(|hint| format!("\n  next: {hint}"));
    format!("{} ({}){}", trouble.message, trouble.code, causes.chain(hint).collect::<String>())
}
