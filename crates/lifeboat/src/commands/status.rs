//! `lifeboat status`: of every cluster what would be lost now, and for the one that has a standby, who serves it.

mod told;

use crate::commands::known::{self, Account, Facts, From, Heard, Repositories, Silent, Unfinished};
use crate::commands::run::goes_on;
use crate::commands::serves::{self, Serves};
use crate::estate::Which;
use crate::failure::Failure;
use crate::printer::{Output, Printer};
use daemon::{Answer, CONTROL};
use estate::{Copying, Estate, Kind, Name};
use futures::future::join_all;
use jiff::Timestamp;
use recovery::report::Measured;
use recovery::{World, runs};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this cluster
    cluster: Option<Name>,
    #[command(flatten)]
    which: Which,
    /// Where this host's Lifeboat can be asked
    #[arg(long, value_name = "SOCKET", default_value = CONTROL)]
    control: PathBuf,
    /// Only what this host's Lifeboat says, as it says it
    #[arg(long, hide = true)]
    here: bool,
}

/// All that is known.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    /// When this was asked, by this machine's clock.
    now: Timestamp,
    estate: Name,
    /// Each cluster, those that need a person first.
    clusters: Vec<Account>,
    /// Copies of repositories, and who keeps them.
    copies: Vec<Kept>,
    /// What goes wrong that is of no cluster.
    troubles: Vec<Said>,
    /// Whose word this is.
    heard: Vec<From>,
    /// Who did not answer.
    silent: Vec<Silent>,
    /// Who serves the cluster that has a standby.
    serves: Option<Serves>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    by: From,
    #[serde(flatten)]
    copy: Copying,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    by: From,
    text: String,
}

/// What of this goes to the terminal, purely.
fn status(estate: &Estate, clusters: &[Name], facts: &Facts, serves: Option<Serves>) -> Status {
    let account = |name| known::judged(estate, name, &facts.heard, facts.stored.get(name), facts.now);
    let mut accounts: Vec<Account> = clusters.iter().map(account).collect();
    accounts.sort_by_key(|it| (it.missed.is_empty(), it.is_captured()));
    // The sites' copies and troubles stand in their own section.
    let others = || {
        facts
            .heard
            .iter()
            .filter(|it| serves.is_none() || !matches!(it.from, From::Site(_)))
    };
    let kept = |it: &Heard| it.copies.iter().map(|copy| (it.from.clone(), copy.clone())).collect::<Vec<_>>();
    let said = |it: &Heard| {
        it.troubles
            .iter()
            .map(|text| (it.from.clone(), text.clone()))
            .collect::<Vec<_>>()
    };
    Status {
        now: facts.now,
        estate: estate.name.clone(),
        clusters: accounts,
        copies: others().flat_map(kept).map(|(by, copy)| Kept { by, copy }).collect(),
        troubles: others().flat_map(said).map(|(by, text)| Said { by, text }).collect(),
        heard: facts.heard.iter().map(|it| it.from.clone()).collect(),
        silent: facts.silent.clone(),
        serves,
    }
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    if args.here {
        return here(&args, printer).await;
    }
    let world = args.which.open()?;
    let clusters = chosen(&world, args.cluster.as_ref())?;
    let facts = known::gather(&world, &clusters, &args.control, Repositories::WhereNobodySays).await;
    let serves = match world.estate.failover() {
        // Where nobody could be asked, that was said.
        Some(of) if clusters.contains(of.name) && !facts.sites.is_empty() => {
            Some(serves::serves(&world, of.name, facts.sites.clone()).await?)
        }
        _ => None,
    };
    let mut status = status(&world.estate, &clusters, &facts, serves);
    let unfinished = join_all(status.clusters.iter().map(|it| unfinished(&world, &it.cluster))).await;
    for (account, run) in status.clusters.iter_mut().zip(unfinished) {
        account.unfinished = run;
    }
    printer.show(&status)?;
    outcome(&status)
}

/// The run of a cluster that is not over. Where the journals cannot be read, by this host or at all, that is nobody's trouble here.
async fn unfinished(world: &World, cluster: &Name) -> Option<Unfinished> {
    let repository = world.repository(&world.cluster(cluster).ok()?.repository).ok()?;
    let looking = runs::unfinished_of(&repository, cluster);
    let run = tokio::time::timeout(JOURNALS, looking).await.ok()?.ok()??;
    let run = Measured::of(&run, ambient::now());
    Some(Unfinished {
        run: run.run,
        state: run.state,
        heard: run.heard,
        next: goes_on(&run),
    })
}

/// How long looking for runs may take.
const JOURNALS: Duration = Duration::from_secs(5);

/// The clusters that are asked about: one, or all.
pub(in crate::commands) fn chosen(world: &World, cluster: Option<&Name>) -> Result<Vec<Name>, Failure> {
    match cluster {
        Some(name) => {
            world.cluster(name)?;
            Ok(vec![name.clone()])
        }
        None => Ok(world.estate.clusters.keys().cloned().collect()),
    }
}

/// How it ends: scripts look at nothing else.
fn outcome(status: &Status) -> Result<(), Failure> {
    let all = status.clusters.len();
    if all > 0 && status.heard.is_empty() && status.clusters.iter().all(Account::is_unknown) {
        let message = "nothing is known: no Lifeboat answers, and no repository does";
        return Err(Failure::new("LB0601", Kind::Unreachable, message)
            .hint("lifeboat serve, on the hosts that protect the clusters"));
    }
    match status.clusters.iter().filter(|it| it.needs_a_person()).count() {
        0 => Ok(()),
        some => {
            let message = format!(
                "{some} of {all} clusters need a person: an objective is missed, its etcd is silent, a run stands still, or nobody captures it"
            );
            Err(Failure::new("LB0005", Kind::Person, message).hint("lifeboat explain CODE, for the code of a trouble"))
        }
    }
}

/// Only what this host's Lifeboat says: for the Lifeboat of another host, which reads it. A refusal is told in the same form, and then
/// as an error.
async fn here(args: &Args, printer: &Printer) -> Result<(), Failure> {
    let answer = match known::here(&args.control).await {
        Ok(answer) => answer,
        Err(trouble) => {
            if printer.output() == Output::Json {
                printer.text(&json(&refused(&trouble))?)?;
            }
            return Err(trouble.into());
        }
    };
    printer.text(&json(&answer)?)
}

/// What went wrong, as an answer.
pub(in crate::commands) fn refused(trouble: &recovery::Trouble) -> Answer {
    let told = known::told(trouble);
    Answer::Refused {
        code: told.code,
        kind: trouble.kind.to_string(),
        message: told.text,
        hint: told.next,
    }
}

/// An answer as one line of JSON.
pub(in crate::commands) fn json(answer: &Answer) -> Result<String, Failure> {
    serde_json::to_string(answer)
        .map_err(|reason| Failure::new("LB0099", Kind::Bug, "an answer has no written form").because(&reason))
}

#[cfg(test)]
mod tests;
