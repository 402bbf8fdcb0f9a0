//! `lifeboat plan`: what a failover would do now, without doing anything.

use crate::estate::{Which, me};
use crate::failure::Failure;
use crate::printer::{Printer, Report};
use estate::PointId;
use plan::Plan;
use recovery::World;
use recovery::gather::{self, Because};
use serde::Serialize;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    /// Recover from this copy instead of the newest
    #[arg(long, value_name = "ID")]
    copy: Option<PointId>,
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
    printer.show(&Shown(make(&world, &cluster, &repository, args.copy.as_ref()).await?))
}

/// The plan of a failover that a person asks for.
pub(crate) async fn make(
    world: &World,
    cluster: &estate::Name,
    repository: &repository::Repository,
    copy: Option<&PointId>,
) -> Result<Plan, Failure> {
    let reports = gather::reports(world, &me(world)).await?;
    let plan = gather::plan(world, cluster, repository, &reports, copy, Because::Person).await;
    Ok(plan.map_err(|trouble| world.about_identity(cluster, trouble))?)
}
