//! `lifeboat run PLAYBOOK`: makes the plan of a playbook and carries it out, with a person, by scripts or by itself.

use super::{kept, kept_in};
use crate::commands::carrying::{Modes, Way, carry_out, point_of};
use crate::commands::plan::{Asked, ask_for};
use crate::failure::Failure;
use crate::guiding::outcome;
use crate::printer::{Printer, Report};
use ::estate::Kind;
use plan::Plan;
use recovery::{Trouble, Work, runs};
use serde::Serialize;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct StartArgs {
    #[command(flatten)]
    asked: Asked,
    #[command(flatten)]
    modes: Modes,
    /// Keep its journal in this directory, for when no repository can be reached: nobody sees the run who does not see the directory
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "dry_run")]
    journal: Option<PathBuf>,
    /// Only try what can be tried, and say what would be done: nothing is changed
    #[arg(long)]
    dry_run: bool,
    /// Really do it
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

/// What a dry run has found.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tried<'a> {
    plan: &'a Plan,
    steps: Vec<TriedStep>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TriedStep {
    step: String,
    is_ready: bool,
    found: Vec<String>,
}

impl Report for Tried<'_> {
    fn text(&self) -> String {
        let mut text = format!("{}\nnothing was changed; what was tried:\n", self.plan.text());
        for it in &self.steps {
            let word = if it.is_ready { "ready" } else { "NOT READY" };
            text += &format!("  {:9} {}\n", word, it.step);
            for line in &it.found {
                text += &format!("            {line}\n");
            }
        }
        text
    }
}

pub(super) async fn run(args: StartArgs, printer: &Printer) -> Result<(), Failure> {
    if !args.asked.names_one() {
        return Err(Failure::new("LB0003", Kind::Invalid, "no playbook is named").hint("lifeboat playbook list"));
    }
    let (world, cluster) = args.asked.open()?;
    let repository = world.repository(&world.cluster(&cluster)?.repository)?;
    let directory = args.journal.as_deref().map(kept_in).transpose()?;
    let kept = kept(&repository, directory.as_ref());
    let newest = kept.newest(&|plan| directory.is_some() || plan.cluster == cluster).await;
    let newest = newest.map_err(|trouble| world.about_identity(&cluster, trouble))?;
    if let (Some(run), false) = (newest.filter(|run| directory.is_some() || !run.ended()), args.dry_run) {
        let who = run.state.claimant.as_deref().unwrap_or("nobody");
        let message = match (run.ended(), &run.directory) {
            (true, Some(directory)) => {
                format!("{} keeps a run that is over: {}", directory.display(), run.plan.title())
            }
            _ => format!(
                "run {}, {}, is not over: {who} is at work on it, or was last",
                run.number,
                run.plan.title()
            ),
        };
        let typed = kept.typed(run.number);
        return Err(Failure::new("LB0706", Kind::Conflict, message).hint(match run.ended() {
            true => "another directory for another run".to_owned(),
            false => format!(
                "lifeboat run show {typed} --follow: watches it\nlifeboat run resume {typed}: goes on with it, when nobody does\nlifeboat run cancel {} --yes: gives it up",
                typed
            ),
        }));
    }
    let plan = ask_for(&args.asked, &world, &cluster, &repository).await?;
    if args.dry_run {
        return tried(&args, &world, &repository, &plan, printer).await;
    }
    let guide = args.modes.guide(*printer, &plan);
    if let Some(reason) = &plan.unsigned {
        printer.talk(&format!("copy {} is not to be trusted, and is accepted: {reason}", point_of(&plan)));
    }
    let message = format!("this is {}, losing {}", plan.title(), plan.losing());
    // Whoever is led through each step decides there.
    if !args.yes && guide.is_none() && !printer.asks(&format!("{message}: go on?")) {
        printer.show(&crate::commands::plan::Shown(plan))?;
        return Err(Failure::new("LB0006", Kind::Person, message).hint("the same command with --yes"));
    }
    let again = match &directory {
        Some(_) => format!("lifeboat run resume {}", kept.typed(0)),
        None => "lifeboat run resume".to_owned(),
    };
    let way = Way {
        world: &world,
        repository: &repository,
        kept,
        mode: args.modes.mode(guide.as_ref()),
        again: &again,
    };
    carry_out(way, None, &plan, printer).await
}

async fn tried(
    args: &StartArgs,
    world: &recovery::World,
    repository: &repository::Repository,
    plan: &Plan,
    printer: &Printer,
) -> Result<(), Failure> {
    // No run is begun, so there is no journal to write to.
    let journal = runs::InRepository { repository, run: 0 };
    let work = Work {
        world,
        repository,
        journal: &journal,
        number: 0,
        typed: "0",
        plan,
        mode: args.modes.mode(None),
    };
    let mut steps = Vec::new();
    for (step, found) in recovery::dry(work).await {
        let is_ready = found.is_ok();
        let found = match found {
            Ok(found) => found,
            Err(trouble) => outcome(&trouble),
        };
        steps.push(TriedStep { step, is_ready, found });
    }
    let unready: Vec<&str> = steps.iter().filter(|it| !it.is_ready).map(|it| it.step.as_str()).collect();
    let trouble = (!unready.is_empty()).then(|| {
        Trouble::new("LB0806", Kind::Person, format!("not ready: {}", unready.join(", ")))
            .hint("put that right, then the same command again")
    });
    printer.show(&Tried { plan, steps })?;
    trouble.map_or(Ok(()), |trouble| Err(trouble.into()))
}
