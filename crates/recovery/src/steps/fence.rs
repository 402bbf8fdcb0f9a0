//! `fence`: takes the next epoch and waits until the former site cannot serve any more.
//!
//! The promises of two of three voters are durable before they are answered; from then on nobody confirms the former site's
//! right to serve, and its keeper stops what serves there. What is waited for is the lease that was confirmed last, or less
//! where the former site itself says that it has stopped.

use super::{Carry, Context, done};
use crate::{Trouble, voters};
use async_trait::async_trait;
use engine::Performed;
use estate::{Kind, MAJORITY, Majority, Name, Promised, Report, Serving, Takeover};
use futures::StreamExt;
use plan::Fence;
use serde::Serialize;
use std::time::Duration;

/// Promises are written to disk before they are answered; a site that serves stops before it answers.
const ANSWER: Duration = Duration::from_secs(8);
/// A report is told from memory.
const REPORT: Duration = Duration::from_millis(1500);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    promised: Vec<Name>,
    stopped: Vec<Name>,
    waited_ms: u64,
}

#[async_trait]
impl Carry for Fence {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        done(perform(self, context).await?)
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        let known = reported(self, context).await?;
        let promised: Vec<&str> = known
            .iter()
            .filter(|(_, holds)| *holds)
            .map(|(site, _)| site.as_str())
            .collect();
        match promised.len() >= MAJORITY {
            true => Ok(format!("{} know of {}", promised.join(" and "), self.standing)),
            false => {
                let message =
                    format!("{} of the {MAJORITY} sites that are needed know of {}", promised.len(), self.standing);
                Err(Trouble::new("LB0603", Kind::Person, message).hint("let Lifeboat take the epoch: nobody else can"))
            }
        }
    }

    async fn dry(&self, context: &Context<'_>) -> Result<Vec<String>, Trouble> {
        let answered: Vec<String> = reported(self, context)
            .await?
            .into_iter()
            .map(|(site, _)| site.to_string())
            .collect();
        match answered.len() >= MAJORITY {
            true => Ok(vec![format!(
                "{} answer: {MAJORITY} have to promise {}",
                answered.join(", "),
                self.standing
            )]),
            false => {
                let message = format!("{} of the {MAJORITY} sites that are needed answer", answered.len());
                Err(Trouble::new("LB0603", Kind::Person, message))
            }
        }
    }
}

async fn perform(it: &Fence, context: &Context<'_>) -> Result<Done, Trouble> {
    let question = Takeover {
        cluster: it.cluster.clone(),
        standing: it.standing.clone(),
        run: format!("run {}", context.run),
    };
    if it.unless_alive {
        alive_again(it, context).await?;
    }
    let begun = ambient::uptime();
    let mut answers: Vec<(Name, Promised, Duration)> = Vec::new();
    let mut silent: Vec<String> = Vec::new();
    loop {
        match it.standing.majority(&answers, ambient::uptime()) {
            Majority::Ready => break,
            Majority::WaitUntil(until) => {
                let left = until.saturating_sub(ambient::uptime());
                context.inside.say(&format!(
                    "promised; waiting {:.1} s until the lease of {} is over",
                    left.as_secs_f32(),
                    it.former
                ));
                context.inside.point();
                ambient::sleep(left).await;
            }
            Majority::Missing { why } => {
                if ambient::uptime().saturating_sub(begun) + ANSWER > context.limit {
                    return Err(no_majority(it, &why, &silent));
                }
                silent = collect(it, context, &question, &mut answers).await?;
                let now = ambient::uptime();
                context.inside.point();
                if let Majority::Missing { why } = it.standing.majority(&answers, now) {
                    context.inside.say(&why);
                    ambient::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
    let promised = answers.iter().filter(|(_, answer, _)| answer.promised);
    let stopped = promised.clone().filter(|(_, answer, _)| answer.stopped);
    Ok(Done {
        promised: promised.clone().map(|(site, ..)| site.clone()).collect(),
        stopped: stopped.map(|(site, ..)| site.clone()).collect(),
        waited_ms: u64::try_from(ambient::uptime().saturating_sub(begun).as_millis()).unwrap_or(u64::MAX),
    })
}

/// The sites that answer, and whether each knows of the new standing.
async fn reported(it: &Fence, context: &Context<'_>) -> Result<Vec<(Name, bool)>, Trouble> {
    let me = format!("run-{}", context.run);
    let mut asked = voters::ask::<_, Report>(context.world, &me, &it.voters, "report", &(), REPORT)?;
    let mut known = Vec::new();
    while let Some((site, report)) = asked.next().await {
        if let Ok(report) = report {
            known.push((site, report.standing.is_some_and(|standing| standing == it.standing)));
        }
    }
    Ok(known)
}

/// Asks all voters, the former site's too: if it answers, it has stopped, and nobody needs to wait for its lease. Returns as
/// soon as nothing more has to be waited for, with what those said who did not answer.
async fn collect(
    it: &Fence,
    context: &Context<'_>,
    question: &Takeover,
    answers: &mut Vec<(Name, Promised, Duration)>,
) -> Result<Vec<String>, Trouble> {
    let me = format!("run-{}", context.run);
    let mut asked = voters::ask(context.world, &me, &it.voters, "takeover", question, ANSWER)?;
    let mut silent = Vec::new();
    while let Some((site, answer)) = asked.next().await {
        let now = ambient::uptime();
        match answer {
            Ok(answer) => {
                overtaken(it, &answer)?;
                answers.push((site, answer, now));
            }
            Err(trouble) => silent.push(trouble.to_string()),
        }
        if it.standing.majority(answers, now) == Majority::Ready {
            break;
        }
    }
    Ok(silent)
}

/// Whether anybody reaches the former site again, or it says itself that it serves. Once promises were asked for it is too late:
/// a run that was broken off there goes on.
async fn alive_again(it: &Fence, context: &Context<'_>) -> Result<(), Trouble> {
    let me = format!("run-{}", context.run);
    let mut asked = voters::ask::<_, Report>(context.world, &me, &it.voters, "report", &(), REPORT)?;
    let (mut alive, mut observers) = (Vec::new(), 0);
    while let Some((site, report)) = asked.next().await {
        let Ok(report) = report else { continue };
        if report.standing.is_some_and(|known| known == it.standing) {
            return Ok(());
        }
        if site == it.former && matches!(report.serving, Serving::Serving { .. }) {
            alive.push(format!("{site} says that it serves"));
        } else if site != it.former && report.probes.iter().any(|seen| seen.good) {
            alive.push(format!("{site} reaches {}", it.former));
        }
        // The dead site answers last, or rather not at all.
        observers += usize::from(site != it.former);
        if observers + 1 == it.voters.len() {
            break;
        }
    }
    if alive.is_empty() {
        return Ok(());
    }
    let message = format!("{} is back, so a failover that nobody asked for does not take it down", it.former);
    let mut trouble = Trouble::new("LB0608", Kind::Person, message);
    trouble.causes = alive;
    Err(trouble.hint(format!("lifeboat run cancel {} --yes", context.typed)))
}

/// A newer epoch than the plan's means that the plan is old: nothing it says may be done any more.
fn overtaken(it: &Fence, answer: &Promised) -> Result<(), Trouble> {
    match answer.known.as_ref().filter(|known| known.epoch > it.standing.epoch) {
        None => Ok(()),
        Some(newer) => {
            let message = format!("{} is overtaken by {newer}: this run may not go on", it.standing);
            Err(Trouble::new("LB0605", Kind::Fenced, message)
                .hint("lifeboat status, then lifeboat run cancel NUMBER --yes"))
        }
    }
}

fn no_majority(it: &Fence, why: &str, silent: &[String]) -> Trouble {
    let message = format!("{} cannot be fenced: {why}", it.former);
    let mut trouble = Trouble::new("LB0603", Kind::Person, message);
    trouble.causes = silent.to_vec();
    trouble.hint("start lifeboat serve at the standby and at the witness, then the same command again")
}
