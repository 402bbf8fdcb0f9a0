//! `lifeboat restore etcd --to HOST`: a whole control plane comes back where its cluster serves. What is done is a plan and a run, as with a
//! failover: shown first, carried out with `--yes`, gone on with by the same command.

use super::etcd::{Args, Lost, Wanted, of_history, of_snapshot};
use crate::commands::carrying::{Way, carry_out, point_of};
use crate::estate::me;
use crate::failure::Failure;
use crate::printer::{Printer, Report};
use ::estate::{Kind, Name};
use jiff::Timestamp;
use plan::{Loss, Moment, Plan, State};
use recovery::asked::{self, Asked};
use recovery::gather::Playbook;
use recovery::put_back::Onto;
use recovery::restoring::{self, Wish};
use recovery::runs::Kept;
use recovery::{Mode, Trouble, World, adopted, runs};
use repository::Repository;
use serde::Serialize;
use std::collections::BTreeSet;

#[derive(Serialize)]
#[serde(transparent)]
struct Planned<'a>(&'a Plan);

impl Report for Planned<'_> {
    fn text(&self) -> String {
        self.0.text()
    }
}

pub(super) async fn run(
    args: &Args,
    world: &World,
    repository: &Repository,
    places: &[Onto],
    printer: &Printer,
) -> Result<(), Failure> {
    let invalid = |message: &str, hint: String| Failure::new("LB0003", Kind::Invalid, message).hint(hint);
    let onto = places.iter().map(|place| match place {
        Onto::Host(host) => Some(host.clone()),
        Onto::Directory(_) => None,
    });
    let onto = onto.collect::<Option<Vec<Name>>>().ok_or_else(|| {
        invalid(
            "--to names hosts and a directory: one or the other",
            "--to HOST, once for each host".to_owned(),
        )
    })?;
    let mut seen = BTreeSet::new();
    if let Some(twice) = onto.iter().find(|host| !seen.insert(*host)) {
        return Err(invalid(&format!("--to names {twice} twice"), format!("--to {twice}, once")));
    }
    if let Some(both) = args.from.without.iter().find(|host| onto.contains(*host)) {
        return Err(invalid(
            &format!("{both} is named by --to and by --without"),
            format!("--to {both}, or --without {both}"),
        ));
    }
    let hosts = &world.cluster(&args.cluster)?.hosts;
    if let Some(stranger) = args
        .from
        .without
        .iter()
        .find(|host| !hosts.iter().any(|known| **known == **host))
    {
        let known: Vec<&str> = hosts.iter().map(|host| host.as_str()).collect();
        let message = format!("{stranger} is no host of the control plane of {}", args.cluster);
        return Err(invalid(&message, format!("--without one of: {}", known.join(", "))));
    }
    if let Some(option) = args.for_directories() {
        let message = format!("{option} goes with a directory, and --to names a host");
        return Err(invalid(
            &message,
            format!("lifeboat restore etcd {} --to ./DIRECTORY {option} ...", args.cluster),
        ));
    }
    if let (Some(_), Some(at)) = (&args.from.from_snapshot, &args.from.at)
        && at.point().is_none()
    {
        return Err(invalid(
            "--from-snapshot names etcd's moment, and --at another",
            "--at COPY: whose files the hosts get".to_owned(),
        ));
    }
    let of_cluster = |plan: &Plan| plan.cluster == args.cluster && plan.moves_cluster();
    let newest = runs::newest(repository, &of_cluster).await;
    let newest = newest.map_err(|trouble| world.about_identity(&args.cluster, trouble))?;
    let (number, plan) = match newest.filter(|run| !run.ended()) {
        Some(run) => {
            goes_on(args, &onto, run.number, &run.plan)?;
            printer.talk(&format!("run {} is not over: it goes on, from {}", run.number, goes_from(&run.plan)));
            (Some(run.number), run.plan)
        }
        None => (None, planned(&args.wanted(), world, repository, &onto, &Playbook::default()).await?),
    };
    if let Some(reason) = &plan.unsigned {
        printer.talk(&format!("copy {} is not to be trusted, and is accepted: {reason}", point_of(&plan)));
    }
    if args.dry_run || !args.yes {
        printer.show(&Planned(&plan))?;
    }
    if args.dry_run {
        return Ok(());
    }
    let message = format!("this restores {} onto {}, losing {}", plan.cluster, names(&plan.onto), plan.losing());
    if !args.yes && !printer.asks(&format!("{message}: go on?")) {
        return Err(Failure::new("LB0006", Kind::Person, message).hint("the same command with --yes"));
    }
    let again = format!("{} --yes", args.again());
    let kept = Kept::Repository(repository);
    let way = Way { world, repository, kept, mode: Mode::Scripted, again: &again };
    carry_out(way, number, &plan, printer).await
}

/// What a plan restores from.
fn goes_from(plan: &Plan) -> String {
    match plan.snapshot() {
        Some(snapshot) => format!("snapshot {}, with the files of copy {}", snapshot.name, point_of(plan)),
        None => format!("copy {}", point_of(plan)),
    }
}

/// A run that is not over keeps to what it began with.
fn goes_on(args: &Args, onto: &[Name], number: u64, plan: &Plan) -> Result<(), Failure> {
    let cancel = format!(
        "lifeboat run cancel {number} --cluster {} --yes, then the same command again",
        args.cluster
    );
    let other = |message: String, hint: String| Err(Failure::new("LB0706", Kind::Conflict, message).hint(hint));
    if !plan.is_restore() {
        return other(format!("run {number}, a failover, is not over"), format!("lifeboat run show {number}"));
    }
    if plan.onto != onto {
        return other(format!("run {number} restores onto {}, and is not over", names(&plan.onto)), cancel);
    }
    if let Some(asked) = args.from.from_snapshot.as_deref()
        && plan.snapshot().is_none_or(|it| it.name != asked)
    {
        let message = format!("run {number} goes on from {}, and not from snapshot {asked}", goes_from(plan));
        return other(message, format!("{cancel}\nwithout --from-snapshot: it goes on"));
    }
    if args.from.at.is_some() && args.from.from_snapshot.is_none() && plan.snapshot().is_some() {
        let message = format!("run {number} goes on from {}, and not from what --at says", goes_from(plan));
        return other(message, format!("{cancel}\nwithout --at: it goes on"));
    }
    if let Some(asked) = &args.from.at
        && asked.point().is_none_or(|point| Some(point) != plan.point.as_ref())
    {
        let message = format!("run {number} goes on from copy {}, and not from what --at says", point_of(plan));
        return other(message, format!("{cancel}\nwithout --at: it goes on"));
    }
    Ok(())
}

/// The plan of a restore onto hosts.
pub(crate) async fn planned(
    wanted: &Wanted<'_>,
    world: &World,
    repository: &Repository,
    onto: &[Name],
    playbook: &Playbook,
) -> Result<Plan, Failure> {
    let cluster = wanted.cluster;
    let (etcd, lost) = match &wanted.from.from_snapshot {
        Some(name) => adopted_state(wanted, world, repository, name).await?,
        None => {
            let (found, lost) = of_history(wanted, repository).await?;
            let timeline = found.timeline.ok_or_else(|| {
                Failure::new("LB0422", Kind::Invalid, format!("the moment is in no history of {cluster}"))
                    .hint("without --at: the newest")
            })?;
            (State::Moment(Moment { timeline, revision: found.revision }), lost)
        }
    };
    // The files of the host as they were then: those of the newest copy that is not younger.
    let asked = match (wanted.from.at.as_ref().and_then(|at| at.point()), lost.at) {
        (Some(id), _) => Asked::Point { id: id.clone(), accept_unsigned: wanted.from.accept_unsigned },
        (None, Some(at)) if wanted.from.at.is_some() || wanted.from.from_snapshot.is_some() => Asked::At(at),
        _ => Asked::Newest,
    };
    let copied = match asked::files(repository, cluster, &asked, &wanted.again).await {
        // Snapshots may be older than anything that Lifeboat has taken.
        Err(trouble) if trouble.code == "LB0309" && wanted.from.from_snapshot.is_some() => {
            asked::files(repository, cluster, &Asked::Newest, &wanted.again)
                .await
                .map_err(no_files)
        }
        copied => copied,
    };
    let copied = copied.map_err(|trouble| world.about_identity(cluster, trouble))?;
    let wish = Wish {
        cluster,
        onto,
        without: &wanted.from.without,
        begun: begun(&lost, copied.point.begun),
        loss: Loss {
            last_seen: lost.newest,
            last_revision: lost
                .revisions_lost
                .and_then(|after| i64::try_from(lost.revision.saturating_add(after)).ok()),
        },
        highest: lost.newest_revision,
        etcd: Some(etcd),
        copied,
        playbook,
    };
    Ok(restoring::plan(world, &me(world), repository, wish).await?)
}

/// The plan of a restore of just what a copy has, etcd at the copy's own moment.
pub(crate) async fn planned_of_copy(
    wanted: &Wanted<'_>,
    world: &World,
    repository: &Repository,
    onto: &[Name],
    playbook: &Playbook,
) -> Result<Plan, Failure> {
    let cluster = wanted.cluster;
    let copied = asked::files(repository, cluster, &Asked::Newest, &wanted.again).await;
    let copied = copied.map_err(|trouble| world.about_identity(cluster, trouble))?;
    let wish = Wish {
        cluster,
        onto,
        without: &wanted.from.without,
        begun: copied.point.begun,
        loss: Loss::default(),
        highest: None,
        etcd: None,
        copied,
        playbook,
    };
    Ok(restoring::plan(world, &me(world), repository, wish).await?)
}

/// A snapshot that others made, opened once before anything is planned: its revision, and what is lost with it.
async fn adopted_state(
    wanted: &Wanted<'_>,
    world: &World,
    repository: &Repository,
    name: &str,
) -> Result<(State, Lost), Failure> {
    let spool = wanted.from.spool.clone().unwrap_or_else(std::env::temp_dir);
    let (found, opened) = adopted::opened(world, wanted.cluster, name, &spool).await?;
    let (_, lost) = of_snapshot(&opened, name, wanted.cluster, repository).await?;
    Ok((State::Snapshot(found.as_planned(&opened)?), lost))
}

/// A snapshot has etcd and nothing else.
fn no_files(trouble: Trouble) -> Trouble {
    let hint = "lifeboat serve, until there is a point: keys and settings of the hosts are in it\nor with --to ./DIRECTORY: etcd alone";
    match &*trouble.code {
        "LB0309" => trouble.hint(hint),
        _ => trouble,
    }
}

/// What was written before this is in it. The newest moment lacks nothing that is known.
fn begun(lost: &Lost, point: Timestamp) -> Timestamp {
    let newest = lost.newest.filter(|_| lost.seconds_lost == Some(0));
    newest.or(lost.at).unwrap_or(point)
}

fn names(hosts: &[Name]) -> String {
    hosts.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
}
