//! `lifeboat repository prune`: what the estate no longer keeps, and letting go of it.

use super::Of;
use crate::failure::Failure;
use crate::printer::{Printer, Report};
use crate::progress::Progress;
use estate::{Kind, LockMode, PointId};
use recovery::Trouble;
use repository::{Locks, PointLock, PrunePlan, Pruning, Removed, Repository, Retention, Sightings};
use serde::Serialize;

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
    /// The locks that were made longer, where the bucket has object lock and the estate uses it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locked: Vec<PointLock>,
    removed: Option<Removed>,
}

impl Report for Shown {
    fn text(&self) -> String {
        let mut text = self.plan.to_string();
        for PointLock { cluster, point, until } in &self.locked {
            text.push_str(&format!("\nlocked until {until}: point {point} of {cluster}"));
        }
        if let Some(removed) = &self.removed {
            text.push_str(&format!("\n\n{removed}"));
        }
        text
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
        asked: args.keep.iter().cloned().collect(),
        ..Retention::default()
    };
    let clusters = of.map(|(cluster, of)| (cluster.clone(), retention(of))).collect();
    let pruning = Pruning { clusters, shared: true };
    let plan = repository
        .prune_plan(&pruning, &mut Sightings::default())
        .await
        .map_err(Trouble::from)?;
    let is_there = |id: &PointId| plan.points.values().flatten().any(|it| it.point == *id);
    if let Some(unknown) = args.keep.iter().find(|id| !is_there(id)) {
        let message = format!("there is no copy {unknown} in {}", repository.store());
        return Err(Failure::new("LB0303", Kind::Invalid, message).hint("lifeboat points"));
    }
    let planned = |plan| Shown { plan, locked: Vec::new(), removed: None };
    let wanted = world.repository_of(&name)?.lock.as_deref().copied();
    let locks = args.yes && wanted.is_some();
    if args.dry_run || (plan.removals.is_empty() && !locks) {
        return printer.show(&planned(plan));
    }
    if !args.yes {
        let objects = plan.objects();
        printer.show(&planned(plan))?;
        return Err(Failure::new(
            "LB0006",
            Kind::Invalid,
            format!("{objects} objects would be removed, and that needs --yes"),
        )
        .hint("lifeboat repository prune --yes"));
    }
    let progress = Progress::new(*printer);
    let locked = match wanted {
        Some(wanted) => lock(&repository, wanted, plan.locks(&pruning), printer).await?,
        None => Vec::new(),
    };
    let told = progress.clone();
    let each = move |removal: &repository::Removal| told.hint(&removal.to_string());
    let removed = repository.prune(&plan, each).await.map_err(Trouble::from)?;
    progress.clear();
    printer.show(&Shown { plan, locked, removed: Some(removed) })
}

/// Makes the locks of what stays longer, where the bucket can.
async fn lock(
    repository: &Repository,
    wanted: LockMode,
    locks: Vec<PointLock>,
    printer: &Printer,
) -> Result<Vec<PointLock>, Failure> {
    let state = repository.lock_state(Some(wanted)).await.map_err(Trouble::from)?;
    let Some(mode) = state.mode() else {
        printer.talk(&format!("object lock of {}: {state}", repository.store()));
        return Ok(Vec::new());
    };
    let made = repository.lock_points(locks, mode, &mut Locks::default()).await;
    Ok(made.map_err(Trouble::from)?)
}
