//! `lifeboat readiness`: how far each component of a recovery has come, a table a cluster.

use crate::commands::known::{self, Account, Facts, Repositories};
use crate::commands::status::chosen;
use crate::estate::Which;
use crate::failure::Failure;
use crate::printer::{self, Printer, lines_in, shown, table_in};
use daemon::CONTROL;
use estate::{Cluster, Name};
use jiff::Timestamp;
use plan::{Cell, Follower, Gathered, Newest, ReadinessFacts};
use recovery::{Trouble, World};
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
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Readiness {
    now: Timestamp,
    estate: Name,
    clusters: Vec<OfCluster>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfCluster {
    cluster: Name,
    /// Objectives that are missed.
    missed: Vec<String>,
    components: Vec<Cell>,
}

impl printer::Report for Readiness {
    fn text(&self) -> String {
        self.in_columns(None)
    }
}

impl Readiness {
    /// The form for people, for a terminal with so many columns, or with as many as there are.
    fn in_columns(&self, columns: Option<u16>) -> String {
        let mut text = String::new();
        for of in &self.clusters {
            for missed in &of.missed {
                text += &format!("MISSED {}: {missed}\n", of.cluster);
            }
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text = lines_in(columns, &text);
        for of in &self.clusters {
            text += &format!("cluster {}\n\n{}\n\n", of.cluster, of.table(columns));
        }
        let levels = "0 nothing, 1 by hand, 2 scripted, 3 automatic; unknown: nobody can say yet\n";
        text + &lines_in(columns, levels)
    }
}

impl OfCluster {
    fn table(&self, columns: Option<u16>) -> String {
        let rows = self.components.iter().map(|cell| {
            let level = cell.level.to_string();
            [cell.component.to_owned(), level, reasons(cell)]
        });
        table_in(columns, ["COMPONENT", "LEVEL", "WHY, AND FOR THE NEXT"], rows)
    }
}

/// Why, and below that what is missing: two columns of sentences would fit no terminal.
fn reasons(cell: &Cell) -> String {
    match cell.next.as_str() {
        "" => shown(&cell.why),
        next => format!("{}\n-> {}", shown(&cell.why), shown(next)),
    }
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let world = args.which.open()?;
    let clusters = chosen(&world, args.cluster.as_ref())?;
    let facts = known::gather(&world, &clusters, &args.control, Repositories::Always).await;
    let mut readiness = Readiness {
        now: facts.now,
        estate: world.estate.name.clone(),
        clusters: Vec::new(),
    };
    for name in clusters {
        let cluster = world.cluster(&name)?;
        let account = known::judged(&world.estate, &name, &facts.heard, facts.stored.get(&name), facts.now);
        let gathered = gathered(&world, cluster, &facts, &account, kit(&world, cluster).await);
        readiness.clusters.push(OfCluster {
            components: plan::readiness(&world.estate, &name, &gathered),
            missed: account.missed,
            cluster: name,
        });
    }
    readiness.clusters.sort_by_key(|of| of.missed.is_empty());
    printer.show(&readiness)
}

/// Whether the estate is sealed into the repository.
async fn kit(world: &World, cluster: &Cluster) -> Gathered<bool> {
    let opened = async { Ok::<_, Trouble>(world.repository(&cluster.repository)?.kit().await) };
    match opened.await {
        Err(trouble) => Err(trouble.to_string()),
        Ok(Ok(_)) => Ok(true),
        Ok(Err(repository::Error::NotFound { .. })) => Ok(false),
        Ok(Err(error)) => Err(error.to_string()),
    }
}

/// The account of a cluster as facts for its ladder.
fn gathered(world: &World, cluster: &Cluster, facts: &Facts, account: &Account, kit: Gathered<bool>) -> ReadinessFacts {
    let age = |at: Timestamp| Duration::try_from(facts.now.duration_since(at)).unwrap_or_default();
    let nobody = || match facts.stored.get(&account.cluster).and_then(|it| it.trouble.as_ref()) {
        Some(told) => told.text.clone(),
        None => "no Lifeboat that captures it answers".to_owned(),
    };
    let follower = |following: &estate::Following| Follower { behind: following.behind };
    let copy = |it: &estate::Copying| it.lag.ok_or_else(|| "it was not measured yet".to_owned());
    // A copy that nobody speaks of is there all the same.
    let silent = world
        .estate
        .repositories
        .iter()
        .filter(|(_, of)| of.copy_of.as_deref() == Some(&*cluster.repository));
    let mut copies: std::collections::BTreeMap<_, _> = silent
        .map(|(name, _)| (name.clone(), Err("whoever keeps it does not answer".to_owned())))
        .collect();
    let told = facts
        .heard
        .iter()
        .flat_map(|it| &it.copies)
        .filter(|it| it.of == *cluster.repository);
    copies.extend(told.map(|it| (it.repository.clone(), copy(it))));
    let stored = facts.stored.get(&account.cluster).and_then(|it| it.trouble.as_ref());
    let is_of_store = |code: &str| matches!(code, "LB0301" | "LB0302");
    ReadinessFacts {
        at_risk: account.at_risk,
        store: match stored {
            Some(told) if is_of_store(&told.code) => Err(told.text.clone()),
            _ => Ok(()),
        },
        newest: match &account.newest {
            Some(newest) => Ok(Some(Newest { age: age(newest.begun), files: newest.files })),
            None if account.no_point => Ok(None),
            None => Err(nobody()),
        },
        proven: match &account.proof {
            Some(proof) => Ok(Some(age(proof.at))),
            None if account.no_proof => Ok(None),
            None => Err(nobody()),
        },
        lacks: match (&account.lacks, account.untested.first()) {
            (Some(lacks), Some(untested)) if lacks.is_empty() => {
                Err(format!("not all of it could be tested: {untested}"))
            }
            (Some(lacks), _) => Ok(lacks.clone()),
            (None, _) => Err("nobody has judged it yet".to_owned()),
        },
        followers: account
            .followers
            .iter()
            .map(|(host, it)| (host.clone(), it.as_ref().map(follower).ok_or_else(|| "it does not answer".to_owned())))
            .collect(),
        copies,
        unfit: unfit(world, cluster, facts),
        kit,
    }
}

/// What stands in the way of the standby, as its site says.
fn unfit(world: &World, cluster: &Cluster, facts: &Facts) -> Gathered<Vec<String>> {
    let site = cluster.standby.as_ref().and_then(|stand| world.estate.site_of(stand));
    let heard = facts.sites.iter().find(|heard| Some(&heard.site) == site);
    let report = heard
        .map(|heard| heard.report.as_ref().map_err(ToString::to_string))
        .transpose()?;
    let unfit = report.and_then(|report| report.unfit.clone());
    unfit.ok_or_else(|| "its standby has not said whether it could take over".to_owned())
}

#[cfg(test)]
mod tests;
