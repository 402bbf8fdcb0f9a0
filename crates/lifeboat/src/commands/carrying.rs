//! Carrying a plan out from the command line, whichever command asked for it. Start at [`carry_out`].

use crate::commands::run::Shown;
use crate::failure::Failure;
use crate::guiding::{Guiding, person};
use crate::printer::Printer;
use crate::runner::{Hold, Watching, broken_off, interruptible};
use ::estate::{Distribution, Name, Placed};
use plan::{Action, Plan, StopControlPlane};
use recovery::report::Measured;
use recovery::runs::Kept;
use recovery::{Mode, Work, World};
use repository::Repository;
use std::collections::BTreeSet;

/// What a plan is carried out with.
#[derive(Clone, Copy)]
pub(crate) struct Way<'a> {
    pub(crate) world: &'a World,
    pub(crate) repository: &'a Repository,
    pub(crate) kept: Kept<'a>,
    pub(crate) mode: Mode<'a>,
    /// The command that goes on with it.
    pub(crate) again: &'a str,
}

/// How a plan is carried out.
#[derive(Clone, Default, clap::Args)]
pub(crate) struct Modes {
    /// Be led through, step by step: do each yourself, or let Lifeboat do it
    #[arg(long, group = "mode")]
    guided: bool,
    /// Lifeboat does it, and stops at gates; this is so without a word
    #[arg(long, group = "mode")]
    scripted: bool,
    /// Lifeboat does it, and passes gates that are not for every run
    #[arg(long, group = "mode")]
    automatic: bool,
    /// Who you are, for the record; without this, who is logged in
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) by: Option<String>,
}

impl Modes {
    /// The one who leads a person, if one is asked for.
    pub(crate) fn guide(&self, printer: Printer, plan: &Plan) -> Option<Guiding> {
        let by = || self.by.clone().unwrap_or_else(person);
        self.guided.then(|| Guiding::new(printer, by(), plan))
    }

    pub(crate) fn mode<'a>(&self, guide: Option<&'a Guiding>) -> Mode<'a> {
        match (guide, self.automatic) {
            (Some(guide), _) => Mode::Guided(guide),
            (None, true) => Mode::Automatic,
            (None, false) => Mode::Scripted,
        }
    }
}

/// Carries a plan out: as run `number`, or as a new one. Shows the run when it is over.
pub(crate) async fn carry_out(
    way: Way<'_>,
    number: Option<u64>,
    plan: &Plan,
    printer: &Printer,
) -> Result<(), Failure> {
    let Way { world, repository, kept, mode, again } = way;
    let hold = Hold::take(world)?;
    let number = match number {
        Some(number) => number,
        None => kept.begin(plan, &hold.runner).await?,
    };
    printer.talk(&format!("run {number}: {}", plan.title()));
    let watching = match mode {
        Mode::Guided(_) => Watching::quiet(*printer, plan),
        _ => Watching::new(*printer, plan),
    };
    let journal = kept.journal(number);
    let typed = kept.typed(number);
    let work = Work {
        world,
        repository,
        journal: &*journal,
        number,
        typed: &typed,
        plan,
        mode,
    };
    let done = interruptible(recovery::run(work, &hold.runner, &watching)).await;
    watching.clear();
    match done {
        Some(done) => done.map(drop)?,
        None => return Err(broken_off(number, &typed, again)),
    }
    let run = kept.read(number).await?;
    printer.show(&Shown(Measured::of(&run, ambient::now())))?;
    for line in afterwards(world, plan) {
        printer.talk(&line);
    }
    Ok(())
}

/// What is left to do for a person: hosts that stand still join anew, and the estate says where the cluster is now.
fn afterwards(world: &World, plan: &Plan) -> Vec<String> {
    let stopped = plan.steps.iter().filter_map(|step| match &step.action {
        Action::StopControlPlane(it) if plan.is_restore() && !plan.onto.contains(&it.host) => Some(it),
        _ => None,
    });
    let joins = |it: &StopControlPlane| match it.distribution {
        Distribution::Kubeadm => "kubeadm reset, then kubeadm join --control-plane".to_owned(),
        Distribution::Rke2 => "move server/db in its data directory away, then systemctl start rke2-server".to_owned(),
        other => format!("move server/db in its data directory away, then systemctl start {other}"),
    };
    let left = plan.steps.iter().filter_map(|step| match &step.action {
        Action::FetchCopy(it) => Some((&it.host, &it.directory)),
        _ => None,
    });
    // A planned move fetches twice.
    let left: BTreeSet<_> = left.collect();
    let left = left.into_iter().map(|(host, directory)| {
        format!("on {host}, {directory} has keys and etcd in clear: when all is well, there: rm -rf {directory}")
    });
    let stands = |hosts: &[Placed<Name>]| hosts.iter().any(|host| plan.onto.contains(host));
    let of = world.estate.clusters.get(&plan.cluster);
    let moved = of.filter(|of| plan.is_restore() && !plan.onto.is_empty() && !stands(&of.hosts));
    let moved = moved.map(|_| {
        let hosts: Vec<&str> = plan.onto.iter().map(Name::as_str).collect();
        format!(
            "{} is protected there from when the estate says so: hosts: [{}] in {}, and lifeboat serve on one of them",
            plan.cluster,
            hosts.join(", "),
            world.file.display()
        )
    });
    stopped
        .map(|it| format!("{} stands still. To let it join again, there: {}", it.host, joins(it)))
        .chain(left)
        .chain(moved)
        .collect()
}

/// The copy of a plan, for people.
pub(crate) fn point_of(plan: &Plan) -> String {
    plan.point.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)
}
