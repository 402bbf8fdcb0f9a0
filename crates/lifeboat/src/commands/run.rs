//! `lifeboat runs` and `lifeboat run`: what was and is being carried out.

mod report;
mod resume;
mod say;
mod show;
mod start;

use crate::commands::span;
use crate::estate::Which;
use crate::failure::Failure;
use crate::printer::{Printer, Report, table};
use ::estate::{Kind, Name};
use engine::Ended;
use jiff::{SignedDuration, Timestamp};
use recovery::World;
use recovery::report::Measured;
use recovery::runs::{self, InDirectory, Kept, Run};
use repository::Repository;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Whose runs.
#[derive(clap::Args)]
struct Of {
    #[command(flatten)]
    which: Which,
    /// A cluster, by whose repository the runs are found; not needed where there is one repository, or one cluster with a standby
    #[arg(long, value_name = "NAME")]
    cluster: Option<Name>,
}

impl Of {
    /// The estate, and the repository that the runs are in.
    fn open(&self) -> Result<(World, Repository), Failure> {
        let world = self.which.open()?;
        let clusters = &world.estate.clusters;
        let repository = match (&self.cluster, world.estate.failover()) {
            (Some(name), _) => (*world.cluster(name)?.repository).clone(),
            (None, Some(of)) => (*of.of.repository).clone(),
            (None, None) => {
                let mut all: Vec<&Name> = clusters.values().map(|of| &*of.repository).collect();
                all.dedup();
                match all[..] {
                    [one] => one.clone(),
                    _ => {
                        let names: Vec<&str> = clusters.keys().map(Name::as_str).collect();
                        let message =
                            "the clusters of the estate have several repositories, and each has runs of its own";
                        return Err(Failure::new("LB0003", Kind::Invalid, message)
                            .hint(format!("--cluster one of: {}", names.join(", "))));
                    }
                }
            }
        };
        let repository = world.repository(&repository)?;
        Ok((world, repository))
    }
}

/// Where a run is.
#[derive(clap::Args)]
struct At {
    #[command(flatten)]
    of: Of,
    /// Its journal is in this directory, and not in a repository
    #[arg(long, value_name = "DIRECTORY")]
    journal: Option<PathBuf>,
}

/// An estate, and where its runs are.
struct Place {
    world: World,
    repository: Repository,
    directory: Option<InDirectory>,
}

impl At {
    fn open(&self) -> Result<Place, Failure> {
        let (world, repository) = self.of.open()?;
        let directory = self.journal.as_deref().map(kept_in).transpose()?;
        Ok(Place { world, repository, directory })
    }
}

impl Place {
    fn kept(&self) -> Kept<'_> {
        kept(&self.repository, self.directory.as_ref())
    }

    /// A run by its number, or the newest.
    async fn named(&self, number: Option<u64>) -> Result<Run, Failure> {
        if let Some(number) = number {
            return Ok(self.kept().read(number).await?);
        }
        let newest = self.kept().newest(&|_| true).await?;
        let none = || Failure::new("LB0705", Kind::Invalid, "there is no run yet").hint("lifeboat plan show");
        newest.ok_or_else(none)
    }

    /// Whether another run for the same cluster was begun after this one.
    async fn later(&self, run: &Run) -> Result<Option<Run>, Failure> {
        let later = self.kept().newest(&|plan| plan.cluster == run.plan.cluster).await?;
        Ok(later.filter(|later| later.number > run.number))
    }
}

impl Place {
    /// Whether another run for the same cluster was begun after this one, and has not been undone.
    async fn later_that_stands(&self, run: &Run) -> Result<Option<Run>, Failure> {
        if self.directory.is_some() {
            return Ok(None);
        }
        let mut numbers = self.repository.runs().await.map_err(recovery::Trouble::from)?;
        numbers.retain(|number| *number > run.number);
        numbers.sort_unstable();
        for number in numbers.into_iter().rev() {
            match runs::read(&self.repository, number).await {
                Ok(later) if later.plan.cluster != run.plan.cluster => {}
                Ok(later) if later.state.ended == Some(Ended::Undone) => {}
                Ok(later) => return Ok(Some(later)),
                Err(none) if none.code == "LB0705" => {}
                Err(trouble) => return Err(trouble.into()),
            }
        }
        Ok(None)
    }
}

/// A directory for a journal, by its whole path: commands that are told are given elsewhere.
fn kept_in(directory: &Path) -> Result<InDirectory, Failure> {
    let whole = std::path::absolute(directory).map_err(|reason| {
        let message = format!("{} is no directory for a journal", directory.display());
        Failure::new("LB0003", Kind::Invalid, message).because(&reason)
    })?;
    Ok(InDirectory(whole))
}

fn kept<'a>(repository: &'a Repository, directory: Option<&'a InDirectory>) -> Kept<'a> {
    directory.map_or(Kept::Repository(repository), Kept::Directory)
}

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    of: Of,
}

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    start: start::StartArgs,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Show a run: its steps, how long they took, what was lost
    Show(show::Args),
    /// Go on with a run that stopped, on any machine
    Resume(resume::Args),
    /// Undo what a run has done, the newest step first, back to a gate or to its beginning
    Undo(resume::UndoArgs),
    /// End a run that is not over; what its steps have done stays done
    Cancel(resume::CancelArgs),
    /// Agree at a gate, by name
    Approve(say::Args),
    /// Disagree at a gate: the run stops there
    Reject(say::Args),
    /// Say that a step is done that only a person can do
    Done(say::Args),
    /// Write the report of a run, signed
    Report(report::Args),
    /// Check the signature of a report
    VerifyReport(report::VerifyArgs),
}

#[derive(Serialize)]
#[serde(transparent)]
struct Listed(Vec<Measured>);

impl Report for Listed {
    fn text(&self) -> String {
        if self.0.is_empty() {
            return "no runs yet\n".to_owned();
        }
        let rows = self.0.iter().map(|run| {
            [
                run.run.to_string(),
                run.state.to_owned(),
                title(run),
                time(run.begun),
                run.ended
                    .map_or_else(String::new, |ended| format!("{:.1} s", seconds(run.begun, ended))),
            ]
        });
        table(["RUN", "STATE", "WHAT", "BEGUN", "TOOK"], rows)
    }
}

/// A run as people read it: times are counted from the loss of the site, or from the beginning.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Shown(pub(crate) Measured);

impl Report for Shown {
    fn text(&self) -> String {
        let run = &self.0;
        let mut text = format!("run {} {}: {}{}\n\n", run.run, run.state, title(run), copied(run));
        if let Some(reason) = &run.unsigned {
            text += &format!("the copy is not to be trusted, and a person accepted that: {reason}\n\n");
        }
        let zero = run.zero();
        let mut rows: Vec<[String; 4]> = Vec::new();
        let mut row = |what: &str, at: Option<Timestamp>, took: Option<f64>, note: String| {
            let after = at.map_or_else(|| "-".to_owned(), |at| format!("{:.1} s", seconds(zero, at)));
            rows.push([
                after,
                took.map_or_else(String::new, |took| format!("{took:.1} s")),
                what.to_owned(),
                note,
            ]);
        };
        if let Some(lost) = run.lost_at {
            let what = if run.epoch.is_some() {
                "last seen alive"
            } else {
                "newest known"
            };
            row(what, Some(lost), None, time(lost));
        }
        row("run begun", Some(run.begun), None, time(run.begun));
        for step in &run.steps {
            let took = step.begun.zip(step.done).map(|(begun, done)| seconds(begun, done));
            let mut note = match (step.done, &step.left_out, step.begun) {
                (Some(_), ..) => "done".to_owned(),
                (None, Some(why), _) if why.starts_with("failed") => "failed; the run went on".to_owned(),
                (None, Some(_), _) => "left out".to_owned(),
                (None, None, Some(_)) if run.state == "running" => "at work".to_owned(),
                (None, None, Some(_)) => "not done".to_owned(),
                (None, None, None) => String::new(),
            };
            if step.attempts > 1 {
                note = format!("{note}, attempt {}", step.attempts);
            }
            row(&step.step, step.done, took, note);
            let agents = step.outcome.as_ref().and_then(|outcome| outcome["agents"].as_array());
            for agent in agents.into_iter().flatten() {
                let at = agent["at"].as_str().and_then(|at| at.parse().ok());
                let name = agent["name"].as_str().unwrap_or("?");
                row(
                    &format!("  {name} connected"),
                    at,
                    None,
                    agent["version"].as_str().unwrap_or("").to_owned(),
                );
            }
        }
        text += &table(["AFTER", "TOOK", "WHAT", "NOTE"], rows);
        text += "\n\n";
        text += &lost(run);
        text += &left_out(run);
        if run.state == "running" {
            text += &format!("if it is broken off, to go on: {}\n", goes_on(run));
        }
        if run.state == "silent" {
            text += &format!("\nsilent: whoever carried it out has given no sign of life since {}\n", time(run.heard));
            text += &format!("  to go on: {}\n", goes_on(run));
        }
        if let Some(problem) = &run.problem {
            text += &format!("\nstopped: {} ({})\n", problem.message, problem.code);
            for cause in &problem.causes {
                text += &format!("  because: {cause}\n");
            }
            for hint in problem.hint.iter().flat_map(|hint| hint.lines()) {
                text += &format!("  next: {hint}\n");
            }
            if let Some(by_hand) = &run.by_hand {
                for line in by_hand.lines() {
                    text += &format!("  by hand: {line}\n");
                }
            }
            text += &format!("  to go on: {}\n", goes_on(run));
        }
        let undone: Vec<&str> = undoable(run);
        // What serves at its new site is not taken away with a line.
        let serves = run.epoch.is_some() && run.state == "succeeded";
        let moves = matches!(run.state, "running" | "undoing");
        if !undone.is_empty() && !serves && !moves {
            text += &format!("\nto undo what was done ({}): lifeboat run undo {}\n", undone.join(", "), run.typed());
        }
        text
    }
}

/// From where to where it goes.
fn title(run: &Measured) -> String {
    match run.epoch {
        Some(epoch) => format!("{} -> {}, epoch {epoch}", run.from, run.to),
        None if !run.onto.is_empty() => format!("restore of {} onto {}", run.cluster, run.onto.join(", ")),
        None => format!("playbook {} for {}", run.playbook, run.cluster),
    }
}

/// What it is from.
fn copied(run: &Measured) -> String {
    match (&run.snapshot, &run.point) {
        (Some(snapshot), Some(point)) => format!(", from snapshot {snapshot}, with the files of copy {point}"),
        (None, Some(point)) => {
            let newer = run.newer.as_ref().map(|it| format!(", with etcd's revision {}", it.revision));
            format!(", from copy {point}{}", newer.unwrap_or_default())
        }
        (_, None) => String::new(),
    }
}

/// The command that goes on with it.
pub(in crate::commands) fn goes_on(run: &Measured) -> String {
    format!("lifeboat run resume {}", run.typed())
}

/// What the copy lacks. Until a run has succeeded it may still come back.
fn lost(run: &Measured) -> String {
    let Some(begun) = run.point_begun else {
        return String::new();
    };
    let lost = if run.state == "succeeded" {
        "lost"
    } else {
        "would be lost"
    };
    let what = match run.seconds_lost {
        Some(seconds) => format!("what was written in the last {} of {}", span(seconds), run.from),
        None => format!("what was written at {} after {}", run.from, time(begun)),
    };
    let revisions = run.revisions_lost.map(|number| format!(", {number} known revisions of etcd"));
    format!("{lost}: {what}{}\n", revisions.unwrap_or_default())
}

/// What the steps did without.
fn left_out(run: &Measured) -> String {
    let mut text = String::new();
    for (field, about) in [
        ("wereAway", "not waited for, since it was not connected before either"),
        ("notSeenBy", "a resolver does not give the new answer yet"),
        ("notes", "note"),
    ] {
        let outcomes = run.steps.iter().filter_map(|step| step.outcome.as_ref()?[field].as_array());
        for told in outcomes.flatten().filter_map(|told| told.as_str()) {
            text += &format!("{about}: {told}\n");
        }
    }
    text
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    SignedDuration::as_secs_f64(&to.duration_since(from))
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

pub(crate) async fn list(args: ListArgs, printer: &Printer) -> Result<(), Failure> {
    let (_, repository) = args.of.open()?;
    let mut listed = Vec::new();
    for number in repository.runs().await.map_err(recovery::Trouble::from)? {
        match runs::read(&repository, number).await {
            Ok(run) => listed.push(Measured::of(&run, ambient::now())),
            Err(damaged) if damaged.code == "LB0703" => printer.talk(&format!("not listed: {damaged}")),
            Err(other) => return Err(other.into()),
        }
    }
    printer.show(&Listed(listed))
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    match args.command {
        Some(Command::Show(args)) => show::run(args, printer).await,
        Some(Command::Resume(args)) => resume::run(args, printer).await,
        Some(Command::Undo(args)) => resume::undo(args, printer).await,
        Some(Command::Cancel(args)) => resume::cancel(args, printer).await,
        Some(Command::Approve(args)) => say::run(args, recovery::APPROVE, printer).await,
        Some(Command::Reject(args)) => say::run(args, recovery::REJECT, printer).await,
        Some(Command::Done(args)) => say::run(args, recovery::DONE, printer).await,
        Some(Command::Report(args)) => report::run(args, printer).await,
        Some(Command::VerifyReport(args)) => report::verify(args, printer).await,
        None => start::run(args.start, printer).await,
    }
}

/// The steps of a run that have done something, the last one first.
fn undoable(run: &Measured) -> Vec<&str> {
    let steps = run.steps.iter().rev().filter(|step| step.undo.is_some());
    steps.map(|step| step.step.as_str()).collect()
}

/// What the steps of a run have done, the last one first, and how each is undone.
fn undone(run: &Measured) -> Vec<String> {
    let steps = run.steps.iter().rev();
    steps
        .filter_map(|step| Some(format!("{}: {}", step.step, step.undo.as_ref()?)))
        .collect()
}

#[cfg(test)]
mod tests;
