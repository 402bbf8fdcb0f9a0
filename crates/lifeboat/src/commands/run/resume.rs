//! `lifeboat run resume`, `undo` and `cancel`: going on with a run, back, or not at all.

use super::{At, Shown, undone};
use crate::commands::carrying::{Modes, Way, carry_out, point_of};
use crate::failure::Failure;
use crate::guiding::person;
use crate::printer::Printer;
use crate::runner::{Hold, Watching, broken_off, interruptible, voice};
use ::estate::Kind;
use engine::{Answer, Word};
use plan::Action;
use recovery::report::Measured;
use recovery::runs::{Ending, Run};
use recovery::{Mode, Trouble, Work};
use serde_json::json;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,
    /// Its number; without this the newest
    number: Option<u64>,
    #[command(flatten)]
    modes: Modes,
    /// Begin this step again, though nobody knows how far it came
    #[arg(long, value_name = "STEP", requires = "because")]
    repeat: Option<String>,
    /// This step is done: somebody has looked
    #[arg(long, value_name = "STEP", requires = "because", conflicts_with = "repeat")]
    done: Option<String>,
    /// Leave this step out
    #[arg(long, value_name = "STEP", requires = "because", conflicts_with_all = ["repeat", "done"])]
    skip: Option<String>,
    /// Why: it is written down
    #[arg(long, value_name = "REASON")]
    because: Option<String>,
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let place = args.at.open()?;
    let run = place.named(args.number).await?;
    let number = run.number;
    if let Some(later) = place.later(&run).await? {
        let message = format!(
            "run {} for {} was begun after run {number}, so this one stays as it is",
            later.number, run.plan.cluster
        );
        return Err(Failure::new("LB0706", Kind::Conflict, message).hint(format!("lifeboat run show {}", later.number)));
    }
    let (world, journal) = (&place.world, place.kept().journal(number));
    let by = args.modes.by.clone().unwrap_or_else(person);
    let because = args.because.clone().unwrap_or_default();
    if let Some(step) = &args.repeat {
        let word = Word {
            word: Word::REPEAT.to_owned(),
            by: by.clone(),
            because: because.clone(),
        };
        engine::say(&*journal, &voice(world), step, word).await.map_err(Trouble::from)?;
    }
    let answered = match (&args.done, &args.skip) {
        (Some(step), _) => Some((step, Answer::Done(json!({ "byHand": true, "by": by, "because": because })))),
        (None, Some(step)) => Some((step, Answer::Skip(format!("{by} leaves it out: {because}")))),
        (None, None) => None,
    };
    if let Some((step, answer)) = answered {
        in_turn(&run, step)?;
        let hold = Hold::take(world)?;
        engine::answer(&*journal, &hold.runner, step, answer)
            .await
            .map_err(Trouble::from)?;
    }
    let copy = run.plan.point.as_ref().map(|_| format!(", from copy {}", point_of(&run.plan)));
    printer.talk(&format!("run {number} goes on{}", copy.unwrap_or_default()));
    let guide = args.modes.guide(*printer, &run.plan);
    let again = format!("lifeboat run resume {}", place.kept().typed(number));
    let way = Way {
        world,
        repository: &place.repository,
        kept: place.kept(),
        mode: args.modes.mode(guide.as_ref()),
        again: &again,
    };
    carry_out(way, Some(number), &run.plan, printer).await
}

/// Whether anything can be said of a step: only once those that it comes after are over, or the journal would tell of a run that cannot be.
fn in_turn(run: &Run, step: &str) -> Result<(), Failure> {
    let (plan, typed) = (&run.plan, Measured::of(run, ambient::now()).typed());
    let invalid = |message: String| {
        Failure::new("LB0003", Kind::Invalid, message).hint(format!("lifeboat run show {typed}: its steps"))
    };
    let Some(index) = plan.steps.iter().position(|planned| planned.id == step) else {
        return Err(invalid(format!("run {} has no step {step}", run.number)));
    };
    match plan.after(index).iter().find(|id| !run.state.is_settled(id)) {
        // On the way back the engine says which step is next.
        _ if run.state.turned.is_some() => Ok(()),
        None => Ok(()),
        Some(first) => Err(invalid(format!("step {step} comes after {first}, which is not over"))),
    }
}

#[derive(clap::Args)]
pub(crate) struct UndoArgs {
    #[command(flatten)]
    at: At,
    /// Its number; without this the newest
    number: Option<u64>,
    /// Stop at this gate: what was done before it stays done
    #[arg(long, value_name = "STEP")]
    to: Option<String>,
    /// Leave this step as it is, since it cannot be undone, and go on with the others
    #[arg(long, value_name = "STEP", requires = "because")]
    leave: Option<String>,
    /// Why: it is written down
    #[arg(long, value_name = "REASON")]
    because: Option<String>,
    /// Undo a failover after its cluster was started at its new site: nobody serves it then
    #[arg(long)]
    leave_nobody_serving: bool,
    /// Really undo it
    #[arg(long)]
    yes: bool,
}

pub(super) async fn undo(args: UndoArgs, printer: &Printer) -> Result<(), Failure> {
    let place = args.at.open()?;
    let run = place.named(args.number).await?;
    let (number, plan) = (run.number, &run.plan);
    let cluster = &plan.cluster;
    if let Some(later) = place.later_that_stands(&run).await? {
        let message = format!("run {} for {cluster} was begun after run {number}: undo that one first", later.number);
        return Err(Failure::new("LB0706", Kind::Conflict, message).hint(format!("lifeboat run undo {}", later.number)));
    }
    let has_done = |is_it: &dyn Fn(&Action) -> bool| {
        let mut done = plan.steps.iter().filter(|step| run.state.outcome(&step.id).is_some());
        done.any(|step| is_it(&step.action))
    };
    // A site that was lost is down anyway; one that lives and was fenced stays down.
    let nobody_serves = match plan.epoch {
        Some(_) if has_done(&|it| matches!(it, Action::StartControlPlane(_))) => {
            Some(format!("has started {cluster} at {}", plan.to))
        }
        Some(_) if plan.hands_over() && has_done(&|it| matches!(it, Action::Fence(_))) => {
            Some(format!("has fenced {}, which stays down", plan.from))
        }
        _ => None,
    };
    if let (Some(what), false) = (nobody_serves, args.leave_nobody_serving) {
        let message = format!("run {number} {what}: undoing it leaves nobody serving it");
        return Err(Failure::new("LB0006", Kind::Person, message).hint(format!(
            "lifeboat run resume {}: goes on with it\nlifeboat status: who serves it now\nthe same command with --leave-nobody-serving, if that is meant",
            place.kept().typed(number)
        )));
    }
    let back = run
        .state
        .turned
        .as_ref()
        .and_then(|turned| turned.to.clone())
        .or_else(|| args.to.clone());
    let steps = run.state.to_undo(back.as_deref());
    if !args.yes {
        printer.talk(&format!("run {number}: {}\nwould be undone, in this order:", plan.title()));
        for id in &steps {
            let undo = plan.step(id).map(|step| step.undo.to_string()).unwrap_or_default();
            printer.talk(&format!("  {id}: {}", undo.replace('\n', "\n    ")));
        }
        let message = format!("this undoes {} steps of run {number}", steps.len());
        if !printer.asks(&format!("{message}: go on?")) {
            return Err(Failure::new("LB0006", Kind::Person, message).hint("the same command with --yes"));
        }
    }
    let hold = Hold::take(&place.world)?;
    let journal = place.kept().journal(number);
    if let Some(step) = &args.leave {
        let because = format!("{}: {}", person(), args.because.clone().unwrap_or_default());
        engine::answer(&*journal, &hold.runner, step, Answer::Skip(because))
            .await
            .map_err(Trouble::from)?;
    }
    let watching = Watching::new(*printer, plan);
    let typed = place.kept().typed(number);
    let work = Work {
        world: &place.world,
        repository: &place.repository,
        journal: &*journal,
        number,
        typed: &typed,
        plan,
        mode: Mode::Scripted,
    };
    let done = interruptible(recovery::undo(work, &hold.runner, &watching, args.to.as_deref())).await;
    watching.clear();
    match done {
        Some(done) => done?,
        None => return Err(broken_off(number, &typed, &format!("lifeboat run undo {typed} --yes"))),
    }
    let run = place.kept().read(number).await?;
    printer.show(&Shown(Measured::of(&run, ambient::now())))
}

#[derive(clap::Args)]
pub(crate) struct CancelArgs {
    #[command(flatten)]
    at: At,
    /// Its number; 0 in a directory
    number: u64,
    /// Really end it
    #[arg(long)]
    yes: bool,
}

pub(super) async fn cancel(args: CancelArgs, printer: &Printer) -> Result<(), Failure> {
    let place = args.at.open()?;
    let number = args.number;
    let typed = place.kept().typed(number);
    let ending = place.kept().ending(number).await?;
    if !args.yes {
        let (message, first) = match ending {
            Ending::Whole => {
                let message = format!("this ends run {number} for good; what its steps have done stays done");
                (message, format!("lifeboat run show {typed}"))
            }
            Ending::Broken { sound } => {
                let message = format!(
                    "this ends run {number} for good, and removes all of its journal after the {sound} entries that can be read"
                );
                (message, "lifeboat explain LB0703".to_owned())
            }
        };
        return Err(Failure::new("LB0006", Kind::Person, message)
            .hint(format!("{first}, then lifeboat run cancel {typed} --yes")));
    }
    if let Ending::Broken { sound } = ending {
        let _hold = Hold::take(&place.world)?;
        let removed = place.repository.remove_entries_from(number, sound).await;
        let removed = removed.map_err(Trouble::from)?;
        printer.talk(&format!("removed {removed} entries of run {number} from entry {sound} on"));
        if sound == 0 {
            return Ok(());
        }
    }
    // Whoever is at work on it, here or elsewhere, stops at its next entry.
    let journal = place.kept().journal(number);
    engine::cancel(&*journal, &voice(&place.world)).await.map_err(Trouble::from)?;
    printer.talk(&format!("run {number} is over"));
    let run = place.kept().read(number).await?;
    let lines = undone(&Measured::of(&run, ambient::now()));
    let done: Vec<&str> = run.state.done.iter().map(|(step, _)| step).collect();
    printer.talk(&match (lines.is_empty(), done.is_empty()) {
        (true, true) => "none of its steps has done anything".to_owned(),
        (true, false) => format!("done, and there is nothing to undo of it: {}", done.join(", ")),
        (false, _) => "what was begun is undone so, in this order:".to_owned(),
    });
    lines.iter().for_each(|line| printer.talk(line));
    if !lines.is_empty() {
        printer.talk(&format!("Lifeboat does it: lifeboat run undo {typed}"));
    }
    Ok(())
}
