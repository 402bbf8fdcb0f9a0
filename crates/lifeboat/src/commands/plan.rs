//! `lifeboat plan`: what a playbook would do now, without doing anything, and how two plans differ.

use crate::commands::restore::etcd::{Source, Wanted as Restored};
use crate::commands::restore::host;
use crate::estate::{Which, me};
use crate::failure::Failure;
use crate::printer::{Printer, Report};
use ::estate::{Kind, Name, PointId};
use plan::{Difference, Plan};
use recovery::gather::{self, Because, Playbook, Wanted};
use recovery::{Trouble, World, runs};
use repository::Repository;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    asked: Asked,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Show what a playbook would do now, step by step, also by hand
    Show(Asked),
    /// Show how two plans differ: each a run's number, a file with a plan in JSON, or `now`
    Diff(DiffArgs),
}

/// A plan that is asked for.
#[derive(Clone, clap::Args)]
pub(crate) struct Asked {
    /// The playbook; without this, the failover of the cluster that has a standby
    playbook: Option<Name>,
    #[command(flatten)]
    which: Which,
    /// The cluster; not needed where one has a standby and the playbook moves it, or where there is one
    #[arg(long, value_name = "NAME")]
    cluster: Option<Name>,
    /// A parameter of the playbook
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// A host that the cluster is restored onto, where the playbook restores it; without this, all of its control plane
    #[arg(long, value_name = "HOST")]
    to: Vec<Name>,
    /// Fail over from this copy instead of the newest
    #[arg(long, value_name = "ID", conflicts_with = "at")]
    copy: Option<PointId>,
    #[command(flatten)]
    from: Source,
}

#[derive(clap::Args)]
struct DiffArgs {
    /// The earlier one
    before: String,
    /// The later one
    #[arg(default_value = "now")]
    after: String,
    #[command(flatten)]
    which: Which,
    /// A cluster, by whose repository runs are found
    #[arg(long, value_name = "NAME")]
    cluster: Option<Name>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is not NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

/// A plan, as people or programs read it.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Shown(pub(crate) Plan);

impl Report for Shown {
    fn text(&self) -> String {
        self.0.text()
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct Differs(Difference);

impl Report for Differs {
    fn text(&self) -> String {
        match self.0.is_empty() {
            true => "they do the same\n".to_owned(),
            false => self.0.text(),
        }
    }
}

impl Asked {
    /// Whether a playbook is named at all.
    pub(crate) fn names_one(&self) -> bool {
        self.playbook.is_some()
    }

    /// The playbook and what it is given.
    fn playbook(&self) -> Playbook {
        let parameters = self.set.iter().map(|(name, value)| (name.clone(), Value::from(value.clone())));
        Playbook {
            name: self.playbook.clone(),
            parameters: parameters.collect(),
        }
    }

    /// The estate, and the cluster that the playbook is about.
    pub(crate) fn open(&self) -> Result<(World, Name), Failure> {
        let world = self.which.open()?;
        let clusters = &world.estate.clusters;
        let with_standby = world.estate.failover().map(|of| of.name.clone());
        let cluster = match (&self.cluster, with_standby) {
            (Some(name), _) => {
                world.cluster(name)?;
                name.clone()
            }
            (None, Some(name)) => name,
            (None, None) if clusters.len() == 1 => clusters.keys().next().cloned().unwrap_or_else(|| unnamed(&world)),
            (None, None) => {
                let names: Vec<&str> = clusters.keys().map(Name::as_str).collect();
                let message = "the estate has several clusters, and none of them has a standby";
                return Err(Failure::new("LB0003", Kind::Invalid, message)
                    .hint(format!("--cluster one of: {}", names.join(", "))));
            }
        };
        Ok((world, cluster))
    }
}

/// An estate without clusters is none.
fn unnamed(world: &World) -> Name {
    world.estate.name.clone()
}

/// The plan that is asked for. Changes nothing.
pub(crate) async fn ask_for(
    asked: &Asked,
    world: &World,
    cluster: &Name,
    repository: &Repository,
) -> Result<Plan, Failure> {
    let playbook = asked.playbook();
    let usual = "management-failover";
    let name = playbook.named(usual);
    let books = world.books_for(name)?;
    let needs = books
        .iter()
        .find(|book| book.name.as_str() == name)
        .map(|book| plan::needs(&books, book));
    let needs = needs.unwrap_or_default();
    let invalid = |message: String, hint: &str| Failure::new("LB0003", Kind::Invalid, message).hint(hint);
    if !needs.copy && (asked.copy.is_some() || !asked.to.is_empty() || asked.from.at.is_some()) {
        return Err(invalid(format!("playbook {name} restores nothing"), "without --to, --at and --copy"));
    }
    if needs.moves.is_some() {
        if !asked.to.is_empty() || asked.from.at.is_some() || asked.from.from_snapshot.is_some() {
            let message = format!("playbook {name} moves {cluster} to its standby");
            return Err(invalid(message, "--copy ID, without --to, --at and --from-snapshot"));
        }
        let wanted = wanted(asked.copy.as_ref(), asked.from.accept_unsigned);
        return make(world, cluster, repository, wanted, &playbook).await;
    }
    if needs.copy {
        if needs.makes && asked.to.is_empty() {
            let message = format!("playbook {name} brings {cluster} up on hosts that are named, and none is");
            return Err(invalid(
                message,
                "--to HOST, once for each host of its control plane; --without HOST for each that is lost",
            ));
        }
        let onto = onto(asked, world, cluster)?;
        let again = format!("lifeboat run {name} --cluster {cluster}");
        let restored = Restored { which: &asked.which, cluster, from: &asked.from, again };
        return host::planned(&restored, world, repository, &onto, &playbook).await;
    }
    Ok(gather::plan_of(world, cluster, Some(repository), &playbook).await?)
}

/// The plan of a playbook for a print, which outlives the day: a restore is of whatever the newest copy has.
pub(crate) async fn ask_for_print(
    asked: &Asked,
    world: &World,
    cluster: &Name,
    repository: &Repository,
) -> Result<Plan, Failure> {
    let playbook = asked.playbook();
    let name = playbook.named("management-failover");
    let books = world.books_for(name)?;
    let needs = books
        .iter()
        .find(|book| book.name.as_str() == name)
        .map(|book| plan::needs(&books, book));
    match needs {
        Some(needs) if needs.copy && needs.moves.is_none() => {
            let again = format!("lifeboat runbook {name} --cluster {cluster}");
            let restored = Restored { which: &asked.which, cluster, from: &asked.from, again };
            host::planned_of_copy(&restored, world, repository, &onto(asked, world, cluster)?, &playbook).await
        }
        _ => ask_for(asked, world, cluster, repository).await,
    }
}

/// The hosts that a cluster is restored onto.
fn onto(asked: &Asked, world: &World, cluster: &Name) -> Result<Vec<Name>, Failure> {
    if !asked.to.is_empty() {
        return Ok(asked.to.clone());
    }
    let hosts = world.cluster(cluster)?.hosts.iter().map(|host| (**host).clone());
    Ok(hosts.filter(|host| !asked.from.without.contains(host)).collect())
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let asked = match args.command {
        Some(Command::Diff(args)) => return diff(args, printer).await,
        Some(Command::Show(asked)) => asked,
        None => args.asked,
    };
    let (world, cluster) = asked.open()?;
    let repository = world.repository(&world.cluster(&cluster)?.repository)?;
    printer.show(&Shown(ask_for(&asked, &world, &cluster, &repository).await?))
}

async fn diff(args: DiffArgs, printer: &Printer) -> Result<(), Failure> {
    let asked = Asked {
        playbook: None,
        which: args.which.clone(),
        cluster: args.cluster.clone(),
        set: Vec::new(),
        to: Vec::new(),
        copy: None,
        from: Source::default(),
    };
    let (world, cluster) = asked.open()?;
    let repository = world.repository(&world.cluster(&cluster)?.repository)?;
    let before = named(&args.before, None, (&asked, &world, &cluster, &repository)).await?;
    let after = named(&args.after, Some(&before), (&asked, &world, &cluster, &repository)).await?;
    printer.show(&Differs(Difference::between(&before, &after)))
}

/// A plan by what people call it; `now` is that of the other's playbook.
async fn named(
    text: &str,
    other: Option<&Plan>,
    (asked, world, cluster, repository): (&Asked, &World, &Name, &Repository),
) -> Result<Plan, Failure> {
    if text == "now" {
        let like = other.and_then(|plan| plan.playbook.parse().ok());
        let asked = Asked {
            playbook: like,
            to: other.map(|plan| plan.onto.clone()).unwrap_or_default(),
            ..asked.clone()
        };
        let cluster = other.map_or(cluster, |plan| &plan.cluster);
        return ask_for(&asked, world, cluster, repository).await;
    }
    if let Ok(number) = text.parse() {
        return Ok(runs::read(repository, number).await?.plan);
    }
    let bad = |reason: String| {
        Trouble::new("LB0003", Kind::Invalid, format!("{text} is no plan: {reason}"))
            .hint("a run's number, `now`, or a file made by lifeboat plan show --output json")
    };
    let read = std::fs::read_to_string(Path::new(text)).map_err(|reason| bad(reason.to_string()))?;
    Ok(serde_json::from_str(&read).map_err(|reason| bad(reason.to_string()))?)
}

/// The copy that a person asks for.
pub(crate) fn wanted(copy: Option<&PointId>, accept_unsigned: bool) -> Option<Wanted<'_>> {
    copy.map(|id| Wanted { id, accept_unsigned, exactly: true })
}

/// The plan of a failover that a person asks for.
pub(crate) async fn make(
    world: &World,
    cluster: &Name,
    repository: &Repository,
    copy: Option<Wanted<'_>>,
    playbook: &Playbook,
) -> Result<Plan, Failure> {
    let reports = gather::reports(world, &me(world)).await?;
    let plan = gather::plan(world, cluster, repository, &reports, copy, (Because::Person, playbook)).await;
    Ok(plan.map_err(|trouble| world.about_identity(cluster, trouble))?)
}
