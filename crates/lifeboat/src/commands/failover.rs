//! `lifeboat failover`: fails over because a person says so, or goes on with a failover that stopped.

use crate::commands::carrying::{Way, carry_out, point_of};
use crate::commands::plan;
use crate::estate::Which;
use crate::failure::Failure;
use crate::printer::Printer;
use estate::{Kind, PointId};
use recovery::runs::{self, Kept};
use recovery::{Mode, Trouble};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    /// Recover from this copy instead of the newest
    #[arg(long, value_name = "ID")]
    copy: Option<PointId>,
    /// Accept this copy even if nobody who is trusted has signed it; the run's record says so
    #[arg(long, requires = "copy")]
    accept_unsigned: bool,
    /// Really do it: the other site is stopped, and what the copy lacks is lost
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let (world, cluster) = args.which.open_cluster()?;
    let repository = world.repository(&world.cluster(&cluster)?.repository)?;
    let newest = runs::newest(&repository, &|plan| plan.cluster == cluster && plan.moves_cluster()).await;
    let newest = newest.map_err(|trouble| world.about_identity(&cluster, trouble))?;
    let unfinished = newest.filter(|run| !run.ended());
    if let Some(run) = unfinished.as_ref().filter(|run| run.plan.is_restore()) {
        let message = format!("run {}, a restore of {cluster} by a person, is not over", run.number);
        return Err(Failure::new("LB0706", Kind::Conflict, message)
            .hint(format!(
                "lifeboat run show {0}: says which command goes on with it\nlifeboat run cancel {0} --yes, then the same command again, when its host is lost",
                run.number
            )));
    }
    let (number, plan) = match unfinished {
        Some(run) => {
            printer.talk(&format!("run {} is not over: it goes on, from copy {}", run.number, point_of(&run.plan)));
            if let Some(copy) = args.copy.as_ref().filter(|copy| Some(*copy) != run.plan.point.as_ref()) {
                let message = format!("run {} goes on from copy {}, not from {copy}", run.number, point_of(&run.plan));
                return Err(Failure::new("LB0706", Kind::Conflict, message)
                    .hint(format!("lifeboat run cancel {} --yes, then the same command again", run.number)));
            }
            // Before the fence nothing is decided yet: a newer copy would lose less than the one that was newest then.
            if run.state.outcome("fence").is_none() && args.copy.is_none() {
                let newest = repository
                    .points(&cluster)
                    .await
                    .map_err(Trouble::from)?
                    .points
                    .into_iter()
                    .next();
                if let Some(newest) = newest.filter(|newest| Some(newest) != run.plan.point.as_ref()) {
                    let message = format!(
                        "run {} would go on from copy {}, and {newest} is newer",
                        run.number,
                        point_of(&run.plan)
                    );
                    return Err(Failure::new("LB0706", Kind::Conflict, message).hint(format!(
                        "lifeboat run cancel {0} --yes, then the same command again\nor, if the newer copy is damaged: lifeboat failover --yes --copy {1}",
                        run.number, point_of(&run.plan)
                    )));
                }
            }
            (Some(run.number), run.plan)
        }
        None => {
            let wanted = plan::wanted(args.copy.as_ref(), args.accept_unsigned);
            (
                None,
                plan::make(&world, &cluster, &repository, wanted, &recovery::gather::Playbook::default()).await?,
            )
        }
    };
    if let Some(reason) = &plan.unsigned {
        printer.talk(&format!("copy {} is not to be trusted, and is accepted: {reason}", point_of(&plan)));
    }
    if !args.yes {
        let message = format!(
            "this fails {} over from {} to {}, losing {}",
            plan.cluster,
            plan.from,
            plan.to,
            plan.losing()
        );
        let look = number.map_or_else(|| "lifeboat plan".to_owned(), |number| format!("lifeboat run show {number}"));
        let copy = args.copy.map_or_else(String::new, |copy| format!(" --copy {copy}"));
        let accept = if args.accept_unsigned { " --accept-unsigned" } else { "" };
        let hint = format!("{look}, then lifeboat failover --yes{copy}{accept}");
        return Err(Failure::new("LB0006", Kind::Person, message).hint(hint));
    }
    let again = "lifeboat failover --yes";
    let way = Way {
        world: &world,
        repository: &repository,
        kept: Kept::Repository(&repository),
        mode: Mode::Scripted,
        again,
    };
    carry_out(way, number, &plan, printer).await
}
