//! `lifeboat repository check` and `repair`: what is sound, and taking from another repository what is not.

use super::{Of, size, unfit};
use crate::commands::etcd::{Broken, IN_FLIGHT, broken};
use crate::commands::span;
use crate::failure::Failure;
use crate::printer::{Printer, Report, table};
use crate::progress::Progress;
use ::etcd::history::History;
use estate::{Kind, Name};
use protect::etcd::{RepositoryShelf, lost_moments, objects_of};
use recovery::{Trouble, World};
use repository::{
    CheckOptions, CheckReport, Fault, Flaw, LockState, Memory, Probed, Read, Reading, RepairPlan, Repaired, Repository,
    Scope, Severity,
};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    how: How,
}

/// How much is read.
#[derive(clap::Args)]
struct How {
    /// Read every byte, not only what is small and how large the rest is
    #[arg(long, conflicts_with = "sample")]
    read_data: bool,
    /// Read so many of a hundred large objects, chosen by chance
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    sample: Option<u8>,
    /// Choose the same sample as the check that printed this number
    #[arg(long, value_name = "NUMBER", requires = "sample")]
    seed: Option<u64>,
    /// Another repository of the estate, a copy of this one or what it is a copy of: name what it knows and this one does not
    #[arg(long, value_name = "NAME")]
    against: Option<Name>,
    /// Where to remember what was there, and to compare with next time: then it shows when the newest is taken away
    #[arg(long, value_name = "FILE")]
    memory: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(super) struct RepairArgs {
    #[command(flatten)]
    of: Of,
    /// The repository that has what this one lacks
    #[arg(long, value_name = "NAME")]
    from: Name,
    /// Read every byte to find what is damaged, not only what is small and how large the rest is
    #[arg(long)]
    read_data: bool,
    /// Only show what would be taken
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do it without asking: damaged objects are replaced
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    #[serde(flatten)]
    report: CheckReport,
    probe: Tried<Probed>,
    object_lock: Tried<LockState>,
}

/// What the store answered to a question that not everybody may ask.
#[derive(Serialize)]
#[serde(untagged)]
enum Tried<T> {
    Found(T),
    /// Who asks may not write.
    #[serde(rename_all = "camelCase")]
    ReadOnly {
        not_tried: String,
    },
    #[serde(rename_all = "camelCase")]
    Not {
        not_tried: String,
    },
}

impl<T> From<Result<T, repository::Error>> for Tried<T> {
    fn from(answer: Result<T, repository::Error>) -> Self {
        match answer {
            Ok(found) => Self::Found(found),
            Err(error) => Self::Not { not_tried: error.to_string() },
        }
    }
}

impl<T: fmt::Display> fmt::Display for Tried<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(found) => found.fmt(f),
            Self::ReadOnly { not_tried } => {
                write!(
                    f,
                    "it cannot be probed, since it cannot be written from here: leases and journals are not checked: {not_tried}"
                )
            }
            Self::Not { not_tried } => write!(f, "it could not be tried: {not_tried}"),
        }
    }
}

impl Report for Shown {
    fn text(&self) -> String {
        let report = &self.report;
        let mut text = format!(
            "{}: {} objects, {}; read {} of {} large objects",
            report.store,
            report.objects,
            size(report.bytes),
            report.read.objects,
            report.read.of_objects
        );
        if let Some(seed) = report.read.seed {
            text.push_str(&format!(", seed {seed}"));
        }
        text.push_str(&format!("\nstore: {}\nobject lock: {}", self.probe, self.object_lock));
        for (scope, why) in &report.closed {
            text.push_str(&format!("\nnot opened, so not looked into: {scope}: {why}"));
        }
        let points = report.points.iter().map(|point| {
            let state = match (point.unharmed(), point.proven()) {
                (true, true) => "unharmed, every byte read".to_owned(),
                (true, false) => "unharmed, as far as it was read".to_owned(),
                (false, _) => {
                    let parts = point
                        .parts
                        .iter()
                        .filter_map(|part| Some(format!("{}: {}", part.name, part.harm.as_ref()?)));
                    let manifest = point.manifest.iter().map(|why| format!("its manifest {why}"));
                    let moment = point.moment.iter().map(|why| format!("its moment of the history: {why}"));
                    manifest.chain(moment).chain(parts).collect::<Vec<_>>().join("; ")
                }
            };
            [point.cluster.to_string(), point.id.to_string(), state]
        });
        text.push_str(&format!("\n\n{}", table(["CLUSTER", "POINT", "STATE"], points)));
        if !report.faults.is_empty() {
            let faults = report.faults.iter().map(|it| {
                let severity = match it.severity {
                    Severity::Note => "note",
                    Severity::Warning => "warning",
                    Severity::Damage => "damage",
                };
                [severity.to_owned(), it.object.clone(), it.reason.clone()]
            });
            text.push_str(&format!("\n\n{}", table(["SEVERITY", "OBJECT", "WHAT IS WRONG"], faults)));
        }
        text
    }
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let (world, name) = args.of.open()?;
    let repository = world.repository(&name)?;
    let second = args.how.against.as_ref().map(|name| world.repository(name)).transpose()?;
    let memory = args.how.memory.as_deref().map(remembered).transpose()?.flatten();
    let reading = match (args.how.read_data, args.how.sample) {
        (true, _) => Reading::All,
        (false, Some(percent)) => Reading::Sample { percent, seed: args.how.seed },
        (false, None) => Reading::Structure,
    };
    let options = CheckOptions {
        reading,
        scopes: None,
        memory: memory.as_ref(),
        second: second.as_ref(),
    };
    let probed = repository.probe().await;
    let wanted = world.repository_of(&name)?.lock.as_deref().copied();
    let object_lock = repository.lock_state(wanted).await.into();
    let report = checked(&world, &name, &repository, &options, printer).await?;
    if let (Some(file), Some(memory)) = (&args.how.memory, &report.memory) {
        remember(file, memory)?;
    }
    let store = report.store.clone();
    let probe = match &probed {
        Err(error @ repository::Error::Refused { .. }) => Tried::ReadOnly { not_tried: error.to_string() },
        _ => probed.clone().into(),
    };
    let shown = Shown { report, probe, object_lock };
    printer.show(&shown)?;
    if let Tried::ReadOnly { .. } = shown.probe {
        printer.talk("hint: lifeboat check probes the store, where it may be written: on a site's host, with the credentials of lifeboat serve");
    }
    if shown.report.sound() {
        if shown.report.opened.is_empty() {
            return Err(unopened(&world, &name, &store)?);
        }
        return match probed {
            Ok(probed) if probed.sound() => Ok(()),
            Ok(probed) => Err(unfit(&store, &probed)),
            // What is stored was read; who only reads has no use for the rest.
            Err(repository::Error::Refused { .. }) => Ok(()),
            Err(error) => Err(untried(error)),
        };
    }
    Err(Failure::new("LB0306", Kind::Damaged, format!("{store} has damage"))
        .hint("lifeboat repository repair --from NAME, if there is another one; else lifeboat explain LB0306"))
}

/// Nothing was found, because nothing was looked into.
fn unopened(world: &World, name: &Name, store: &str) -> Result<Failure, Failure> {
    let identity = &world.repository_of(name)?.identity;
    let place = world.place_of(identity);
    let failed = |code: &'static str, why: String| {
        Failure::new(
            code,
            Kind::Person,
            format!("nothing in {store} was opened, so nothing is known of its copies: {why}"),
        )
    };
    Ok(match world.has(identity) {
        false => failed("LB0304", format!("{place} is not here"))
            .hint("the same command where that is: on a site's host, or on an operator's machine"),
        true => failed("LB0305", format!("{place} is none of its recipients")).hint("lifeboat repository keys"),
    })
}

/// What is stored seems sound, and whether the store can be built on is not known.
fn untried(error: repository::Error) -> Failure {
    let why = Trouble::from(error);
    let message = format!("the store could not be tried: {}", why.message);
    let failure = Failure::new(why.code, why.kind, message);
    match why.hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

async fn checked(
    world: &World,
    name: &Name,
    repository: &Repository,
    options: &CheckOptions<'_>,
    printer: &Printer,
) -> Result<CheckReport, Failure> {
    let progress = Progress::new(*printer);
    let told = progress.clone();
    let on = move |at: repository::CheckProgress| {
        let what = if at.bytes_now { "reading" } else { "looking" };
        told.hint(&format!("{what}: {} of {} objects, {}", at.objects, at.of_objects, size(at.bytes)));
    };
    let mut report = repository.check(options, &on).await.map_err(Trouble::from)?;
    for scope in world.scopes(name) {
        if let Scope::Cluster(cluster) = scope {
            progress.hint(&format!("files of {cluster}"));
            report.add(of_files(repository, &cluster, options.reading).await?);
            report.add(of_history(repository, options.second, &cluster).await);
            moments(&mut report, repository, options.second, &cluster).await?;
        }
    }
    progress.clear();
    Ok(report)
}

/// Where a cluster's history lacks something in its midst, as the names of its objects tell. What cannot be listed is told elsewhere.
async fn of_history(repository: &Repository, second: Option<&Repository>, cluster: &Name) -> Vec<Fault> {
    let look = || async {
        let shelf = RepositoryShelf::new(repository, cluster);
        let opened = tokio::task::spawn_blocking(move || History::open(Arc::new(shelf))).await;
        opened
            .ok()
            .and_then(Result::ok)
            .map(|history| broken(&history))
            .unwrap_or_default()
    };
    let mut found = look().await;
    if !found.is_empty() {
        ambient::sleep(IN_FLIGHT).await;
        let again = look().await;
        found.retain(|it: &Broken| again.iter().any(|other| it.is_at(other)));
    }
    let fault = |object: String, it: &Broken| Fault {
        object,
        severity: Severity::Damage,
        flaw: Flaw::Missing,
        reason: it.text(),
    };
    let (mut faults, history) = (Vec::new(), format!("clusters/{cluster}/history"));
    for it in &found {
        // What another repository has of the gap, it can give back.
        let elsewhere = missing(repository, second, cluster, it).await;
        if elsewhere.is_empty() {
            faults.push(fault(history.clone(), it));
        }
        faults.extend(elsewhere.iter().map(|name| fault(format!("{history}/{name}"), it)));
    }
    faults
}

/// The points whose moment of the history is gone, with what another repository can give back of it.
async fn moments(
    report: &mut CheckReport,
    repository: &Repository,
    second: Option<&Repository>,
    cluster: &Name,
) -> Result<(), Failure> {
    let look = async || lost_moments(repository, cluster).await.map_err(Trouble::from);
    let mut lost = look().await?;
    if !lost.is_empty() {
        // One that was merged or let go of while it was looked at.
        ambient::sleep(IN_FLIGHT).await;
        let again = look().await?;
        lost.retain(|it| again.iter().any(|other| other.point == it.point));
    }
    let here = repository.list_history(cluster).await.map_err(Trouble::from)?;
    let mut faults = Vec::new();
    for it in lost {
        let mut fault = |object: String, flaw: Flaw, reason: String| {
            faults.push(Fault { object, severity: Severity::Damage, flaw, reason });
        };
        let elsewhere = match second {
            Some(second) => objects_of(second, cluster, &it).await,
            None => BTreeSet::new(),
        };
        for name in elsewhere.iter().filter(|name| here.objects.iter().all(|it| it.name != **name)) {
            let reason = format!("it is not there, and point {} needs it", it.point);
            fault(format!("clusters/{cluster}/history/{name}"), Flaw::Missing, reason);
        }
        let reason = format!("its moment of the history is gone: {}", it.why);
        fault(format!("clusters/{cluster}/points/{}", it.point), Flaw::Incomplete, reason);
        let mut points = report.points.iter_mut();
        if let Some(point) = points.find(|point| point.cluster == *cluster && point.id == it.point) {
            point.moment = Some(it.why);
        }
    }
    report.add(faults);
    Ok(())
}

/// The objects of another repository's history that are in a gap of this one, and not here.
async fn missing(repository: &Repository, second: Option<&Repository>, cluster: &Name, gap: &Broken) -> Vec<String> {
    let Some(second) = second else { return Vec::new() };
    let (Ok(here), Ok(there)) = (repository.list_history(cluster).await, second.list_history(cluster).await) else {
        return Vec::new();
    };
    let is_here = |name: &str| here.objects.iter().any(|it| it.name == name);
    let names = there.objects.into_iter().map(|it| it.name);
    names.filter(|name| gap.holds(name) && !is_here(name)).collect()
}

/// What is wrong with a cluster's files, which restic's own format keeps.
async fn of_files(repository: &Repository, cluster: &Name, reading: Reading) -> Result<Vec<Fault>, Failure> {
    let files = match repository.files(cluster).await {
        Ok(files) => files,
        // Whoever cannot open the cluster is told so by the check of its keyring.
        Err(_) => return Ok(Vec::new()),
    };
    let read = match reading {
        Reading::Structure => Read::Nothing,
        Reading::Sample { percent, .. } => Read::Percent(percent),
        Reading::All => Read::All,
    };
    match files.check(read).await {
        Ok(checked) => Ok(checked.faults()),
        Err(repository::Error::NotFound { .. } | repository::Error::Uninitialised { .. }) => Ok(Vec::new()),
        Err(other) => Err(Trouble::from(other).into()),
    }
}

fn remembered(file: &Path) -> Result<Option<Memory>, Failure> {
    let unreadable = |reason: &dyn std::error::Error| {
        let message = format!("{} cannot be read as the memory of a check", file.display());
        Failure::new("LB0308", Kind::Person, message).because(reason)
    };
    match std::fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|reason| unreadable(&reason)),
        Err(reason) if reason.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(reason) => Err(unreadable(&reason)),
    }
}

fn remember(file: &Path, memory: &Memory) -> Result<(), Failure> {
    let beside = file.with_extension("new");
    let text = serde_json::to_vec_pretty(memory).unwrap_or_default();
    let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, file));
    written.map_err(|reason| {
        Failure::new("LB0308", Kind::Person, format!("{} cannot be written", file.display())).because(&reason)
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Mended {
    plan: RepairPlan,
    done: Option<Repaired>,
}

impl Report for Mended {
    fn text(&self) -> String {
        let done = self.done.as_ref();
        let takes = self.plan.take.iter().map(|it| {
            let failed = done.and_then(|done| done.failed.iter().find(|lost| lost.object == it.object));
            let state = match (failed, done) {
                (Some(lost), _) => format!("not mended: {}", lost.reason),
                (None, Some(_)) => "mended".to_owned(),
                (None, None) => "would be taken".to_owned(),
            };
            [it.object.clone(), size(it.bytes), it.reason.clone(), state]
        });
        let nobody = self.plan.nobody.iter();
        let nobody = nobody.map(|it| {
            [
                it.object.clone(),
                String::new(),
                it.reason.clone(),
                "nobody has it".to_owned(),
            ]
        });
        table(["OBJECT", "SIZE", "WHAT IS WRONG", "STATE"], takes.chain(nobody))
    }
}

pub(super) async fn repair(args: RepairArgs, printer: &Printer) -> Result<(), Failure> {
    let begun = ambient::monotonic();
    let (world, name) = args.of.open()?;
    let (repository, from) = (world.repository(&name)?, world.repository(&args.from)?);
    let reading = if args.read_data {
        Reading::All
    } else {
        Reading::Structure
    };
    let options = CheckOptions { reading, second: Some(&from), ..CheckOptions::default() };
    let report = checked(&world, &name, &repository, &options, printer).await?;
    let plan = repository.plan_repair(&from, &report).await.map_err(Trouble::from)?;
    let is_harm = |object: &str| {
        let mut faults = report.faults.iter();
        faults.any(|fault| fault.object == object && fault.severity == Severity::Damage)
    };
    let nobody = plan.nobody.iter().filter(|lost| is_harm(&lost.object)).count();
    if args.dry_run || plan.take.is_empty() {
        printer.show(&Mended { plan, done: None })?;
        return mended(nobody);
    }
    if !args.yes {
        printer.show(&Mended { plan, done: None })?;
        if nobody > 0 {
            printer.talk(&format!("{nobody} harmed objects are not in {} either", args.from));
        }
        return Err(
            Failure::new("LB0006", Kind::Invalid, "damaged objects would be replaced, and that needs --yes").hint(
                format!(
                    "lifeboat repository repair --from {}{} --yes",
                    args.from,
                    if args.read_data { " --read-data" } else { "" }
                ),
            ),
        );
    }
    let is_copy = match repository.is_copy().await {
        Ok(it) => it,
        // Of the two, one is the original.
        Err(_lost) => !from.is_copy().await.map_err(Trouble::from)?,
    };
    let done = repository.repair(&from, &plan, is_copy).await.map_err(Trouble::from)?;
    let failed = done.failed.len() + nobody;
    printer.show(&Mended { plan, done: Some(done) })?;
    printer.talk(&format!("it took {}", span(begun.elapsed().as_secs().cast_signed())));
    mended(failed)
}

/// Whether nothing harmed is left.
fn mended(failed: usize) -> Result<(), Failure> {
    match failed {
        0 => Ok(()),
        failed => Err(Failure::new("LB0306", Kind::Damaged, format!("{failed} objects could not be mended"))
            .hint("lifeboat repository check: it says which points are unharmed")),
    }
}
