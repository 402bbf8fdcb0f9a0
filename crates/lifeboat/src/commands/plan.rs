//! `lifeboat plan`: what a failover would do now, without doing anything.

use crate::estate::{Which, me};
use crate::failure::Failure;
use crate::printer::{Printer, Report};
use estate::PointId;
use plan::Plan;
use recovery::World;
use recovery::gather::{self, Because, Wanted};
use serde::Serialize;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    /// Recover from this copy instead of the newest
    #[arg(long, value_name = "ID")]
    copy: Option<PointId>,
    /// Accept this copy even if nobody who is trusted has signed it
    #[arg(long, requires = "copy")]
    accept_unsigned: bool,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Shown(Plan);

impl Report for Shown {
    fn text(&self) -> String {
        self.0.text()
    }
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let (world, cluster) = args.which.open_cluster()?;
    let repository = world.repository(&world.cluster(&cluster)?.repository)?;
    let wanted = wanted(args.copy.as_ref(), args.accept_unsigned);
    printer.show(&Shown(make(&world, &cluster, &repository, wanted).await?))
}

/// The copy that a person asks for.
pub(crate) fn wanted(copy: Option<&PointId>, accept_unsigned: bool) -> Option<Wanted<'_>> {
    copy.map(|id| Wanted { id, accept_unsigned })
}

/// The plan of a failover that a person asks for.
pub(crate) async fn make(
    world: &World,
    cluster: &estate::Name,
    repository: &repository::Repository,
    copy: Option<Wanted<'_>>,
) -> Result<Plan, Failure> {
    let reports = gather::reports(world, &me(world)).await?;
    let plan = gather::plan(world, cluster, repository, &reports, copy, Because::Person).await;
    Ok(plan.map_err(|trouble| world.about_identity(cluster, trouble))?)
}
