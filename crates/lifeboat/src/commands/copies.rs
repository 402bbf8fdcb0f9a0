//! `lifeboat copies`: what could be recovered from.

use crate::commands::span;
use crate::estate::Which;
use crate::failure::Failure;
use crate::printer::{Printer, Report, table};
use estate::{Point, PointId};
use recovery::Trouble;
use serde::Serialize;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    #[command(subcommand)]
    command: Option<Command>,
    /// How many of the newest to show
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    newest: usize,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Open a copy, check all of it, and write its parts into a directory
    Fetch(FetchArgs),
}

#[derive(clap::Args)]
struct FetchArgs {
    #[command(flatten)]
    which: Which,
    /// The copy
    id: PointId,
    /// A directory that is there; the parts are written below it, readable by their owner alone
    #[arg(long, value_name = "DIRECTORY")]
    into: PathBuf,
    /// Accept this copy even if nobody who is trusted has signed it
    #[arg(long)]
    accept_unsigned: bool,
    /// Leave out the snapshot of etcd, which is made out of the cluster's history
    #[arg(long)]
    files_only: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: PointId,
    /// Seconds since everything in it was written, by this machine's clock.
    age_s: Option<i64>,
    /// What its manifest says; none when it cannot be opened here.
    point: Option<Point>,
    /// Why it cannot be opened.
    reason: Option<String>,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Rows(Vec<Row>);

impl Report for Rows {
    fn text(&self) -> String {
        if self.0.is_empty() {
            return "no copies yet\n".to_owned();
        }
        let rows = self.0.iter().map(|row| {
            let point = row.point.as_ref();
            let bytes = point.map(|point| point.parts.iter().map(|part| part.bytes).sum::<u64>());
            [
                row.id.to_string(),
                row.age_s.map_or_else(|| "?".to_owned(), span),
                point.map_or_else(String::new, |point| point.site.to_string()),
                point.map_or_else(String::new, |point| point.revision.to_string()),
                bytes.map_or_else(String::new, |bytes| format!("{:.1} MB", bytes as f64 / 1e6)),
                row.reason.clone().unwrap_or_default(),
            ]
        });
        table(["COPY", "AGE", "SITE", "REVISION", "SIZE", "NOTE"], rows)
    }
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    match args.command {
        None => list(&args.which, args.newest, printer).await,
        Some(Command::Fetch(args)) => fetch(args, printer).await,
    }
}

async fn list(which: &Which, newest: usize, printer: &Printer) -> Result<(), Failure> {
    let (world, cluster) = which.open_cluster()?;
    let repository = world.repository(&world.cluster(&cluster)?.repository)?;
    let listing = repository.points(&cluster).await.map_err(Trouble::from)?;
    let now = ambient::now();
    let mut rows = Vec::new();
    for id in listing.points.into_iter().take(newest) {
        let opened = repository.point(&cluster, &id).await;
        rows.push(Row {
            age_s: id.at().map(|at| now.duration_since(at).as_secs()),
            reason: opened.as_ref().err().map(ToString::to_string),
            point: opened.ok(),
            id,
        });
    }
    for strange in listing.strange {
        printer.talk(&format!("{strange} does not belong there"));
    }
    printer.show(&Rows(rows))
}

async fn fetch(args: FetchArgs, printer: &Printer) -> Result<(), Failure> {
    let (world, cluster) = args.which.open_cluster()?;
    let repository = world.repository(&world.cluster(&cluster)?.repository)?;
    let point = match args.accept_unsigned {
        true => {
            let (point, unsigned) = repository.point_unsigned(&cluster, &args.id).await.map_err(Trouble::from)?;
            if let Some(reason) = unsigned {
                printer.talk(&format!("copy {} is not to be trusted, and is accepted: {reason}", args.id));
            }
            point
        }
        false => repository.point(&cluster, &args.id).await.map_err(Trouble::from)?,
    };
    for part in &point.parts {
        let file = args.into.join(&part.name);
        repository
            .fetch(&cluster, &point, &part.name, &file)
            .await
            .map_err(Trouble::from)?;
        printer.talk(&format!("{} is whole and sound", file.display()));
    }
    if args.files_only {
        return Ok(());
    }
    let file = args.into.join("etcd");
    protect::etcd::export(&repository, &cluster, &point, None, &file)
        .await
        .map_err(Trouble::from)?;
    printer.talk(&format!("{} is a snapshot of etcd at revision {}", file.display(), point.revision));
    Ok(())
}

#[cfg(test)]
mod tests;
