//! `lifeboat points`: what could be recovered from, of every cluster: its points, and the snapshots that others made. `fetch` and
//! `hold` are in files of their own.

mod fetch;
mod hold;

pub(in crate::commands) use fetch::asked;

use crate::commands::etcd::size;
use crate::commands::known::told;
use crate::commands::span;
use crate::commands::status::chosen;
use crate::estate::Which;
use crate::failure::Failure;
use crate::printer::{self, Printer, lines_in, shown, table_in};
use estate::{Name, Point, PointId, Told};
use jiff::Timestamp;
use protect::snapshots::{self, Listing, Row, State};
use recovery::{Trouble, World, elsewhere};
use repository::Held;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(flatten)]
    list: ListArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Open a point, check all of it, and write its parts into a directory
    Fetch(fetch::Args),
    /// Keep a point until it is released, whatever retention says
    Hold(hold::HoldArgs),
    /// Let retention decide about a point again
    Release(hold::ReleaseArgs),
}

#[derive(clap::Args)]
struct ListArgs {
    /// Only this cluster
    cluster: Option<Name>,
    #[command(flatten)]
    which: Which,
    /// How many of the newest to show, of each cluster; those that are held come after them
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    newest: usize,
    /// Look for snapshots that others made; without this, where the estate names places of them
    #[arg(long)]
    snapshots: bool,
}

/// What there is of one cluster.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfCluster {
    cluster: Name,
    repository: Name,
    /// How many points there are in all; none where that is not known.
    all: Option<usize>,
    /// The newest of them, and those that are held.
    points: Vec<Listed>,
    /// What is among them and is no point.
    strange: Vec<String>,
    /// Snapshots that others made; none where nobody looked.
    snapshots: Option<Vec<Row>>,
    /// What people should know of the places of snapshots.
    notes: Vec<String>,
    /// What could not be looked at.
    troubles: Vec<Told>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: PointId,
    /// Seconds since everything in it was written, by this machine's clock.
    age_s: Option<i64>,
    /// What its manifest says; none when it cannot be opened here.
    point: Option<Point>,
    /// Why it cannot be opened.
    reason: Option<String>,
    /// What holds it against retention; none where nothing does.
    held: Option<Held>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Points {
    now: Timestamp,
    clusters: Vec<OfCluster>,
}

impl printer::Report for Points {
    fn text(&self) -> String {
        self.in_columns(None)
    }
}

impl Points {
    /// The form for people, for a terminal with so many columns, or with as many as there are.
    fn in_columns(&self, columns: Option<u16>) -> String {
        let all: Vec<String> = self.clusters.iter().map(|of| of.in_columns(columns, self.now)).collect();
        all.join("\n")
    }
}

impl OfCluster {
    fn in_columns(&self, columns: Option<u16>, now: Timestamp) -> String {
        let mut text = format!("cluster {}, in {}\n\n", self.cluster, self.repository);
        match (self.all, self.points.is_empty()) {
            (None, _) => text += "points: not known\n",
            (Some(0), _) => text += "no points yet\n",
            (Some(all), true) => text += &format!("{all} points\n"),
            (Some(all), false) => {
                let headers = [
                    "POINT", "AGE", "REVISION", "SITE", "HOST", "PROVEN", "LACKS", "SIZE", "HELD", "REASON",
                ];
                text += &table_in(columns, headers, self.points.iter().map(Listed::row));
                text.push('\n');
                if all > self.points.len() {
                    text += &format!("and {} older: --newest {all}\n", all - self.points.len());
                }
            }
        }
        match self.snapshots.as_deref() {
            None => {}
            Some([]) => text += "\nno snapshots of others were found\n",
            Some(rows) => {
                let headers = ["SNAPSHOT", "AGE", "MADE BY", "NODE", "SIZE", "STATE", "WHERE", "LACKS"];
                text += &format!("\n{}\n", table_in(columns, headers, rows.iter().map(|row| adopted(row, now))));
            }
        }
        text + &lines_in(columns, &self.lines())
    }

    /// What stands under the tables.
    fn lines(&self) -> String {
        let mut text = String::new();
        for it in &self.points {
            if let Some(held) = &it.held {
                text += &format!("held: {} {}\n", it.id, shown(&held.to_string()));
            }
        }
        for note in &self.notes {
            text += &format!("note: {}\n", shown(note));
        }
        for strange in &self.strange {
            text += &format!("note: {} does not belong there\n", shown(strange));
        }
        for trouble in &self.troubles {
            let next = trouble
                .next
                .as_ref()
                .map(|next| format!("\n  next: {}", shown(next)))
                .unwrap_or_default();
            text += &format!("trouble: {} ({}){next}\n", shown(&trouble.text), trouble.code);
        }
        text
    }
}

impl Listed {
    fn row(&self) -> [String; 10] {
        let age = self.age_s.map_or_else(|| "?".to_owned(), span);
        let Some(point) = &self.point else {
            let why = shown(self.reason.as_deref().unwrap_or_default());
            let unknown = || "?".to_owned();
            return [
                self.id.to_string(),
                age,
                unknown(),
                unknown(),
                unknown(),
                unknown(),
                unknown(),
                unknown(),
                self.held(),
                why,
            ];
        };
        let bytes = point.parts.iter().map(|part| part.bytes).sum();
        [
            self.id.to_string(),
            age,
            point.revision.to_string(),
            point.site.to_string(),
            point.host.to_string(),
            proven(point),
            match point.lacks.as_ref().map(Vec::len) {
                None => "?".to_owned(),
                Some(0) if !point.untested.is_empty() => "?".to_owned(),
                Some(some) => some.to_string(),
            },
            size(bytes),
            self.held(),
            shown(point.reason.as_deref().unwrap_or_default()),
        ]
    }
}

impl Listed {
    /// Why it is held, or that it is.
    fn held(&self) -> String {
        match &self.held {
            None => String::new(),
            Some(Held::By(hold)) => hold.reason.as_deref().map_or_else(|| "yes".to_owned(), shown),
            Some(Held::Unsound(_)) => "?".to_owned(),
        }
    }
}

/// How far its history was proven when it was made.
fn proven(point: &Point) -> String {
    match &point.proof {
        None => "no".to_owned(),
        Some(proof) if i64::try_from(proof.revision).is_ok_and(|proven| proven >= point.revision) => "yes".to_owned(),
        Some(proof) => format!("to {}", proof.revision),
    }
}

fn adopted(row: &Row, now: Timestamp) -> [String; 8] {
    [
        shown(&row.id),
        span(now.duration_since(row.at).as_secs()),
        row.made_by.clone(),
        row.node.as_deref().map_or_else(|| "?".to_owned(), shown),
        size(row.bytes),
        match row.state {
            State::Unverified => "not looked into",
            State::Sound => "sound",
            State::Damaged => "damaged",
        }
        .to_owned(),
        shown(&row.place),
        row.lacks.len().to_string(),
    ]
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    match args.command {
        None => all(args.list, printer).await,
        Some(Command::Fetch(args)) => fetch::run(args, printer).await,
        Some(Command::Hold(args)) => hold::hold(args, printer).await,
        Some(Command::Release(args)) => hold::release(args, printer).await,
    }
}

/// Lists what there is of each cluster.
async fn all(args: ListArgs, printer: &Printer) -> Result<(), Failure> {
    let world = args.which.open()?;
    let mut points = Points { now: ambient::now(), clusters: Vec::new() };
    let mut first = None;
    for cluster in chosen(&world, args.cluster.as_ref())? {
        let (of, trouble) = of_cluster(&world, &cluster, &args, points.now).await?;
        points.clusters.push(of);
        first = first.or(trouble);
    }
    printer.show(&points)?;
    match first {
        None => Ok(()),
        Some(trouble) => Err(trouble.into()),
    }
}

/// What there is of a cluster, and the first thing that is in the way of knowing its points.
async fn of_cluster(
    world: &World,
    cluster: &Name,
    args: &ListArgs,
    now: Timestamp,
) -> Result<(OfCluster, Option<Trouble>), Trouble> {
    let repository = (*world.cluster(cluster)?.repository).clone();
    let mut of = OfCluster {
        cluster: cluster.clone(),
        repository,
        all: None,
        points: Vec::new(),
        strange: Vec::new(),
        snapshots: None,
        notes: Vec::new(),
        troubles: Vec::new(),
    };
    let trouble = list(world, &mut of, args.newest, now).await.err();
    of.troubles.extend(trouble.as_ref().map(told));
    adopt(world, &mut of, args.snapshots).await?;
    Ok((of, trouble))
}

async fn list(world: &World, of: &mut OfCluster, newest: usize, now: Timestamp) -> Result<(), Trouble> {
    let repository = world.repository(&of.repository)?;
    let listing = repository.points(&of.cluster).await?;
    of.all = Some(listing.points.len());
    of.strange = listing.strange;
    let mut held = held(&repository, of).await?;
    let shown = |(number, id): (usize, PointId)| (number < newest || held.contains_key(&id)).then_some(id);
    let shown: Vec<PointId> = listing.points.into_iter().enumerate().filter_map(shown).collect();
    for id in shown {
        let opened = repository.point(&of.cluster, &id).await;
        of.points.push(Listed {
            age_s: id.at().map(|at| now.duration_since(at).as_secs()),
            reason: opened.as_ref().err().map(ToString::to_string),
            point: opened.ok(),
            held: held.remove(&id),
            id,
        });
    }
    Ok(())
}

/// What is held. Who cannot open that lists the points all the same, as far as they can be opened.
async fn held(repository: &repository::Repository, of: &mut OfCluster) -> Result<BTreeMap<PointId, Held>, Trouble> {
    use repository::Error as E;
    match repository.held(&of.cluster).await {
        Err(error @ (E::NoIdentity { .. } | E::WrongKey { .. })) => {
            of.notes.push(format!("which of them are held is not known: {error}"));
            Ok(BTreeMap::new())
        }
        known => Ok(known?),
    }
}

/// Lists what others made, where the estate says that it lies.
async fn adopt(world: &World, of: &mut OfCluster, wanted: bool) -> Result<(), Trouble> {
    let cluster = world.cluster(&of.cluster)?;
    if cluster.snapshots.is_empty() {
        if wanted {
            of.notes
                .push(format!("the estate names no snapshots: clusters.{}.snapshots", of.cluster));
        }
        return Ok(());
    }
    let nodes: Vec<String> = cluster.hosts.iter().map(|host| host.to_string()).collect();
    let mut listings: Vec<Listing> = Vec::new();
    for place in &cluster.snapshots {
        match elsewhere::snapshots(world, place, cluster.distribution(), &nodes).await {
            Ok(listing) => listings.push(listing),
            Err(trouble) => of.troubles.push(told(&trouble)),
        }
    }
    of.notes.extend(listings.iter().flat_map(|listing| listing.notes.clone()));
    // Nobody looks into them here: that fetches each whole.
    of.snapshots = Some(snapshots::rows(&listings, cluster.distribution(), &|_, _| None));
    Ok(())
}

#[cfg(test)]
mod tests;
