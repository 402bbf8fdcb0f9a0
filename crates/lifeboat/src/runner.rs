//! What a command that carries out a run holds and shows.

use crate::failure::Failure;
use crate::printer::Printer;
use crate::progress::Progress;
use engine::{Hooks, Point, Runner};
use estate::Kind;
use nix::fcntl::{Flock, FlockArg};
#[cfg(feature = "lab")]
use nix::sys::signal::Signal;
use plan::Plan;
use recovery::World;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};

/// Not in /tmp, where anybody could hold it. Who is not root has a directory of their own.
fn locks() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(own) if !nix::unistd::geteuid().is_root() => Path::new(&own).join("lifeboat"),
        _ => PathBuf::from("/run/lifeboat"),
    }
}

/// The right to carry out runs from this machine: one process at a time, let go by the kernel when it dies. So a command
/// that is given again after a kill need not wait until its own earlier life counts as dead.
pub(crate) struct Hold {
    pub(crate) runner: Runner,
    _lock: Flock<File>,
}

impl Hold {
    pub(crate) fn take(world: &World) -> Result<Self, Failure> {
        let path = locks().join("failover.lock");
        let cannot = |reason: &dyn std::error::Error| {
            Failure::new("LB0701", Kind::Person, format!("{} cannot be locked", path.display())).because(reason)
        };
        fs::create_dir_all(locks()).map_err(|e| cannot(&e))?;
        let file = File::options().create(true).append(true).open(&path).map_err(|e| cannot(&e))?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, _)| {
            Failure::new("LB0701", Kind::Conflict, "another lifeboat failover is at work on this machine")
                .hint("lifeboat runs")
        })?;
        Ok(Self { runner: daemon::runner(&here(world), "person"), _lock: lock })
    }
}

/// Two machines must not have one name in journals: the engine would take them for one process.
fn here(world: &World) -> String {
    let machine = || nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let here = world.here.as_ref().map(ToString::to_string).or_else(machine);
    here.unwrap_or_else(|| format!("unknown-{}", ambient::random_id(8)))
}

/// One that only says something in journals, or ends a run, while another may be at work here.
pub(crate) fn voice(world: &World) -> Runner {
    daemon::runner(&here(world), &format!("says-{}", ambient::random_id(6)))
}

/// What `run` comes to; none, when somebody types ctrl-C or the system ends the process first.
pub(crate) async fn interruptible<T>(run: impl Future<Output = T>) -> Option<T> {
    let mut ended = signal(SignalKind::terminate()).ok();
    let ended = async {
        match &mut ended {
            Some(ended) => drop(ended.recv().await),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        done = run => Some(done),
        Ok(()) = tokio::signal::ctrl_c() => None,
        () = ended => None,
    }
}

/// What a person is told whose command was broken off in the middle of run `number`, which is `typed` so; `again` goes on with it.
pub(crate) fn broken_off(number: u64, typed: &str, again: &str) -> Failure {
    let message =
        format!("run {number} is broken off: what its steps have done stays done, and something may be stopped");
    Failure::new("LB0704", Kind::Person, message)
        .hint(format!("{again}: goes on where it was\nlifeboat run cancel {typed} --yes: gives it up, and says how its steps are undone"))
}

/// Shows how a run goes.
pub(crate) struct Watching {
    progress: Progress,
    steps: Vec<(String, String)>,
    is_quiet: bool,
    #[cfg(feature = "lab")]
    signals: Vec<(String, Signal)>,
}

impl Watching {
    pub(crate) fn new(printer: Printer, plan: &Plan) -> Self {
        Self {
            progress: Progress::new(printer),
            steps: plan.steps.iter().map(|step| (step.id.clone(), step.what.clone())).collect(),
            is_quiet: false,
            #[cfg(feature = "lab")]
            signals: [
                ("LIFEBOAT_LAB_DIE_AT", Signal::SIGKILL),
                ("LIFEBOAT_LAB_STOP_AT", Signal::SIGSTOP),
            ]
            .into_iter()
            .filter_map(|(variable, signal)| Some((std::env::var(variable).ok()?, signal)))
            .collect(),
        }
    }

    /// For a person who is led through each step: nothing is said beside that.
    pub(crate) fn quiet(printer: Printer, plan: &Plan) -> Self {
        let watching = Self::new(printer, plan);
        watching.progress.clear();
        Self { is_quiet: true, ..watching }
    }

    pub(crate) fn clear(&self) {
        self.progress.clear();
    }

    /// In a lab, a run can be made to die at a point, as if somebody had pulled the plug, or to stand still there.
    #[cfg(feature = "lab")]
    fn signal_at(&self, point: &Point) {
        let name = match point {
            Point::Before { step } => format!("{step}:before"),
            Point::Inside { step, n } => format!("{step}:inside:{n}"),
            Point::After { step } => format!("{step}:after"),
            Point::BeforeUndo { step } => format!("{step}:undo:before"),
            Point::AfterUndo { step } => format!("{step}:undo:after"),
        };
        for (_, signal) in self.signals.iter().filter(|(at, _)| *at == name) {
            let _killed = nix::sys::signal::kill(nix::unistd::Pid::this(), *signal);
        }
    }
}

impl Hooks for Watching {
    fn reached(&self, point: Point) {
        #[cfg(feature = "lab")]
        self.signal_at(&point);
        if self.is_quiet {
            return;
        }
        if let Point::BeforeUndo { step } = &point {
            self.progress.step(&format!("undoing {step}"));
        }
        if let Point::Before { step } = &point {
            let number = self.steps.iter().position(|(id, _)| id == step).map_or(0, |index| index + 1);
            let what = self.steps.iter().find(|(id, _)| id == step).map_or("", |(_, what)| what);
            self.progress.step(&format!("{number}/{} {step}: {what}", self.steps.len()));
        }
    }

    fn said(&self, step: &str, text: &str) {
        match self.is_quiet {
            true => self.progress.talk(&format!("     {step}: {text}")),
            false => self.progress.step(&format!("     {step}: {text}")),
        }
    }
}
