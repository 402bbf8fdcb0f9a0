//! `lifeboat repository prune`: what the estate no longer keeps, and letting go of it.

use super::Of;
use crate::failure::Failure;
use crate::printer::{Printer, Report};
use crate::progress::Progress;
use estate::{Kind, PointId};
use recovery::Trouble;
use repository::{PrunePlan, Pruning, Removed, Retention, Sightings};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    of: Of,
    /// Only show what would go
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
    /// Keep this point, too, whatever the estate says; the newest one that was proven, for example
    #[arg(long, value_name = "POINT")]
    keep: Vec<PointId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    plan: PrunePlan,
    removed: Option<Removed>,
}

impl Report for Shown {
    fn text(&self) -> String {
        match &self.removed {
            Some(removed) => format!("{}\n\n{removed}", self.plan),
            None => self.plan.to_string(),
        }
    }
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let (world, name) = args.of.open()?;
    let repository = world.repository(&name)?;
    if args.yes {
        // Which points are the newest, and which of a time to come, is told by this clock.
        repository.compare_clocks().await.map_err(Trouble::from)?;
    }
    let of = world.estate.clusters.iter().filter(|(_, of)| *of.repository == name);
    let retention = |of: &estate::Cluster| Retention {
        keep: *of.protect.keep,
        proven: args.keep.iter().cloned().collect(),
        needs: BTreeMap::new(),
    };
    let clusters = of.map(|(cluster, of)| (cluster.clone(), retention(of))).collect();
    let pruning = Pruning { clusters, shared: true };
    let plan = repository
        .prune_plan(&pruning, &mut Sightings::default())
        .await
        .map_err(Trouble::from)?;
    if args.dry_run || plan.removals.is_empty() {
        return printer.show(&Shown { plan, removed: None });
    }
    if !args.yes {
        let objects = plan.objects();
        printer.show(&Shown { plan, removed: None })?;
        return Err(Failure::new(
            "LB0006",
            Kind::Invalid,
            format!("{objects} objects would be removed, and that needs --yes"),
        )
        .hint("lifeboat repository prune --yes"));
    }
    let progress = Progress::new(*printer);
    let told = progress.clone();
    let each = move |removal: &repository::Removal| told.hint(&removal.to_string());
    let removed = repository.prune(&plan, each).await.map_err(Trouble::from)?;
    progress.clear();
    printer.show(&Shown { plan, removed: Some(removed) })
}
