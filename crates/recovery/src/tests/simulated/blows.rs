//! Every step of Lifeboat's own playbooks is failed, hung, killed and repeated, and the run resumed; it is broken off at every point and
//! undone; and its undoing is killed and repeated. Each time, everything must be as after a day on which nothing happened. Start at
//! [`every_step_survives_every_blow`]. With `LIFEBOAT_EVERY_POINT`, cases are tried as well that differ little from others.

use super::{Day, Ground, State, days};
use crate::run::{Carrier, steps};
use crate::{Mode, Work};
use engine::harness::{Blow, Memory, strike};
use engine::{Hooks, Point, Runner};
use estate::OnFailure;
use futures::FutureExt;
use plan::Plan;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// So many estates are recovered at once: much of what is done is waiting.
const AT_ONCE: usize = 4;

/// No step has more inner points.
const POINTS_MAX: u32 = 20;

/// Of so many it is killed at each, unless all are asked for: those after are much like them.
const POINTS_FEW: u32 = 1;

/// For how long a step hangs: several times as long as any takes.
const HANG: Duration = Duration::from_secs(4);

/// What may have been done before it was seen to fail, or be done twice.
const BLOWS: [Blow; 3] = [Blow::FailAfter, Blow::DieAfter, Blow::Repeat];

/// What comes to much the same as failing, or as dying after the step before, or takes its time.
const ALIKE: [Blow; 5] = [Blow::Fail, Blow::HangAfter, Blow::Flicker, Blow::Hang, Blow::DieBefore];

/// What was tried, by playbook and kind, and what went wrong.
#[derive(Default)]
struct Tally {
    cases: BTreeMap<(String, &'static str), usize>,
    failures: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root and knotd: cargo xtask test"]
async fn every_step_survives_every_blow() {
    let began = ambient::monotonic();
    let mut all = Vec::new();
    let first = Ground::new().await;
    let (every, mut seen) = (std::env::var_os("LIFEBOAT_EVERY_POINT").is_some(), BTreeSet::new());
    for day in days() {
        first.reset(&day).await;
        for (number, step) in first
            .plan(&day)
            .await
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| day.has(step))
        {
            // The same step of the same cluster is struck once, unless what is around it makes it another.
            let is_new = seen.insert((day.cluster, step.action.kind(), step.on_failure == OnFailure::Undo));
            if every || is_new || step.action.kind() == "fence" {
                all.push((day.clone(), number));
            }
        }
    }
    let (queue, tally) = (Arc::new(Mutex::new(all)), Arc::new(Mutex::new(Tally::default())));
    let mut grounds = vec![first];
    while grounds.len() < AT_ONCE {
        grounds.push(Ground::new().await);
    }
    let lanes = grounds
        .into_iter()
        .map(|ground| tokio::spawn(lane(ground, queue.clone(), tally.clone())));
    for lane in lanes.collect::<Vec<_>>() {
        lane.await.unwrap();
    }
    let tally = tally.lock().unwrap();
    tell(&tally, began.elapsed());
    assert!(tally.failures.is_empty(), "{}", tally.failures.join("\n"));
}

#[expect(clippy::print_stdout, reason = "the figures are what this is for")]
fn tell(tally: &Tally, took: Duration) {
    for ((book, kind), cases) in &tally.cases {
        println!("{book}: {kind}: {cases} cases");
    }
    let (cases, failures): (usize, _) = (tally.cases.values().sum(), tally.failures.len());
    println!(
        "Lifeboat's own playbooks on simulated hosts: {cases} cases, {failures} failures, in {} s",
        took.as_secs()
    );
}

/// Takes steps until there are none left.
async fn lane(ground: Ground, queue: Arc<Mutex<Vec<(Day, usize)>>>, tally: Arc<Mutex<Tally>>) {
    let mut known: BTreeMap<Day, Quiet> = BTreeMap::new();
    loop {
        let Some((day, step)) = queue.lock().unwrap().pop() else {
            return;
        };
        if !known.contains_key(&day) {
            known.insert(day.clone(), Quiet::of(&ground, &day).await);
        }
        let quiet = &known[&day];
        let (ground, step) = (&ground, &quiet.plan.steps[step].id);
        let of = format!("{} of {}", day.book, day.cluster);
        every(&Case { ground, quiet, step }, &of, &tally).await;
    }
}

/// Every case of one step.
async fn every(case: &Case<'_>, book: &str, tally: &Mutex<Tally>) {
    let (resumed, undone, twice) = ("struck, resumed and undone", "killed and undone", "killed while it is undone");
    let note = |kind: &'static str, what: &(dyn std::fmt::Debug + Sync), found: Result<bool, String>| {
        let mut tally = tally.lock().unwrap();
        let fell = found != Ok(false);
        *tally.cases.entry((book.to_owned(), kind)).or_default() += usize::from(fell);
        tally.failures.extend(
            found
                .err()
                .map(|why| format!("{book}: {kind}: {what:?} at {}: {why}", case.step)),
        );
        fell
    };
    let all = std::env::var_os("LIFEBOAT_EVERY_POINT").is_some();
    let points = if all { POINTS_MAX } else { POINTS_FEW };
    for blow in BLOWS.into_iter().chain(ALIKE.into_iter().filter(|_| all)) {
        assert!(note(resumed, &blow, case.struck(blow).await), "{blow:?} did not fall on {}", case.step);
    }
    for n in 1..=points {
        let blow = Blow::DieInside(n);
        if !note(resumed, &blow, case.struck(blow).await) {
            break;
        }
    }
    let step = case.step.to_owned();
    let inside = |n| Point::Inside { step: step.clone(), n };
    let (before, after) = (Point::Before { step: step.clone() }, Point::After { step: step.clone() });
    for point in [Some(after), all.then_some(before)].into_iter().flatten() {
        note(undone, &point, case.broken_off(point.clone()).await);
    }
    for n in 1..=points {
        if !note(undone, &inside(n), case.broken_off(inside(n)).await) {
            break;
        }
    }
    note(twice, &"after it", case.undone_twice(Point::AfterUndo { step: step.clone() }).await);
    for n in 1..=points {
        if !note(twice, &inside(n), case.undone_twice(inside(n)).await) {
            break;
        }
    }
}

/// A plan, and what comes of it on a day on which nothing happens.
struct Quiet {
    day: Day,
    plan: Plan,
    before: State,
    after: State,
}

impl Quiet {
    async fn of(ground: &Ground, day: &Day) -> Self {
        ground.reset(day).await;
        let (before, plan) = (ground.state().await, ground.plan(day).await);
        let journal = Memory::default();
        let work = ground.work(&plan, &journal);
        carried_out(work, &()).await.unwrap_or_else(|why| panic!("{day:?}: {why}"));
        let after = ground.state().await;
        assert_ne!(after, before, "{day:?} does nothing");
        crate::undo(work, &Runner::new("one"), &(), None)
            .await
            .unwrap_or_else(|trouble| panic!("{day:?} is undone: {trouble:?}"));
        let left = stays(day, ground.state().await.differs(&before));
        assert!(left.is_empty(), "{day:?} is undone: {}", left.join("\n"));
        Self { day: day.clone(), plan, before, after }
    }
}

/// One step of a day.
struct Case<'a> {
    ground: &'a Ground,
    quiet: &'a Quiet,
    step: &'a str,
}

impl Case<'_> {
    /// Lets a blow fall, resumes the run, and undoes it if something may have been done twice. Says whether the blow fell.
    async fn struck(&self, blow: Blow) -> Result<bool, String> {
        self.ground.reset(&self.quiet.day).await;
        let journal = Memory::default();
        let work = self.ground.work(&self.quiet.plan, &journal);
        let carrier = Carrier { work };
        let struck = strike(&steps(work), &journal, &carrier, (self.step, blow), HANG)
            .await
            .map_err(|e| e.to_string())?;
        let undoes = |step: &plan::Step| step.id == self.step && step.on_failure == OnFailure::Undo;
        let goes_back = self.quiet.plan.steps.iter().any(undoes);
        match struck.end {
            Err(engine::Error::TurnedBack { .. }) if goes_back => {
                self.as_before().await?;
                return Ok(true);
            }
            end => end.map_err(|error| format!("it is not resumed: {error:?}"))?,
        };
        if !struck.fell {
            return Ok(false);
        }
        self.same(&self.quiet.after, "in the end").await?;
        if matches!(blow, Blow::Fail | Blow::Flicker | Blow::Hang | Blow::DieBefore) {
            // Nothing was done twice, so that going back is as on any other day.
            return Ok(true);
        }
        let runner = Runner::new("runner");
        crate::undo(work, &runner, &(), None)
            .await
            .map_err(|trouble| format!("it is not undone: {trouble:?}"))?;
        self.as_before().await?;
        Ok(true)
    }

    /// Kills the runner at a point, and undoes what it has begun. Says whether it came there.
    async fn broken_off(&self, point: Point) -> Result<bool, String> {
        self.ground.reset(&self.quiet.day).await;
        let journal = Memory::default();
        let work = self.ground.work(&self.quiet.plan, &journal);
        match carried_out(work, &Dies::at(point)).await {
            Ok(()) => return Ok(false),
            Err(why) if why == KILLED => {}
            Err(why) => return Err(why),
        }
        undone(work, &()).await?;
        self.as_before().await?;
        Ok(true)
    }

    /// Kills the runner at a point of its way back, and lets another go on. Says whether it came there.
    async fn undone_twice(&self, point: Point) -> Result<bool, String> {
        self.ground.reset(&self.quiet.day).await;
        let journal = Memory::default();
        let work = self.ground.work(&self.quiet.plan, &journal);
        carried_out(work, &()).await?;
        match undone(work, &Dies::at(point)).await {
            Ok(()) => return Ok(false),
            Err(why) if why == KILLED => {}
            Err(why) => return Err(why),
        }
        undone(work, &()).await?;
        self.as_before().await?;
        Ok(true)
    }

    async fn same(&self, wanted: &State, when: &str) -> Result<(), String> {
        let mut differs = self.ground.state().await.differs(wanted);
        if self.step == "promote" {
            // What stands in for it has laid etcd's part of the copy ready, too.
            differs.retain(|line| !line.starts_with("standby-1:var/lib/lifeboat/takeover-000002/etcd is "));
        }
        match differs.is_empty() {
            true => Ok(()),
            false => Err(format!("{when}: {}", differs.join("; "))),
        }
    }

    async fn as_before(&self) -> Result<(), String> {
        let differs = stays(&self.quiet.day, self.ground.state().await.differs(&self.quiet.before));
        match differs.is_empty() {
            true => Ok(()),
            false => Err(format!("once it is undone: {}", differs.join("; "))),
        }
    }
}

/// What undoing does not say that it leaves behind: an epoch once promised is promised, and the site that was fenced stays down; Lifeboat's
/// own directories stay, and so do leases that were deleted, and, on a host that was empty, directories and what kubeadm has issued.
fn stays(day: &Day, differs: Vec<String>) -> Vec<String> {
    let was_fenced = differs.iter().any(|line| line.starts_with("the epoch is "));
    let former = match day.book.as_str() {
        "switchover" if was_fenced => Some("main-1:"),
        "failback" if was_fenced => Some("standby-1:"),
        _ => None,
    };
    let is_known = |line: &String| {
        let path = line.split(" is ").next().unwrap_or_default();
        let of_former = former.and_then(|former| path.strip_prefix(former));
        if of_former.is_some_and(|it| it.starts_with("etc/kubernetes/manifests") || it == "var/lib/simulated/rancher") {
            return true;
        }
        let was_empty = path.starts_with("shop-1:") && (path.ends_with(".conf") || line.contains("\"directory\""));
        was_empty || path.contains("lifeboat") || ["the epoch", "what the API servers have"].contains(&path)
    };
    differs.into_iter().filter(|line| !is_known(line)).collect()
}

/// Carries a plan out on a day on which nothing happens.
pub(super) async fn carried_out_once(ground: &Ground, plan: &Plan) {
    let journal = Memory::default();
    carried_out(ground.work(plan, &journal), &()).await.unwrap();
}

const KILLED: &str = "killed by the test";

/// Carries a plan out from wherever its journal stands, a step after the other: nothing else is under way when its runner dies.
async fn carried_out(work: Work<'_>, hooks: &dyn Hooks) -> Result<(), String> {
    let runner = Runner { at_once: 1, ..Runner::new("one") };
    let plan = serde_json::to_value(work.plan).unwrap();
    engine::begin(work.journal, plan, &runner)
        .await
        .map_err(|error| error.to_string())?;
    life(crate::run(work, &runner, hooks)).await
}

async fn undone(work: Work<'_>, hooks: &dyn Hooks) -> Result<(), String> {
    let runner = Runner::new("one");
    life(crate::undo(work, &runner, hooks, None)).await
}

/// How a runner's life ends.
async fn life<T>(life: impl Future<Output = Result<T, crate::Trouble>>) -> Result<(), String> {
    match AssertUnwindSafe(life).catch_unwind().await {
        Ok(end) => end.map(drop).map_err(|trouble| format!("{trouble:?}")),
        Err(payload) if payload.downcast_ref() == Some(&KILLED) => Err(KILLED.to_owned()),
        Err(payload) => std::panic::resume_unwind(payload),
    }
}

/// Ends a runner at a point as SIGKILL ends a process, without the noise of a panic.
struct Dies {
    at: Point,
    dead: AtomicBool,
}

impl Dies {
    fn at(at: Point) -> Self {
        Self { at, dead: AtomicBool::new(false) }
    }
}

impl Hooks for Dies {
    fn reached(&self, point: Point) {
        if point == self.at && !self.dead.swap(true, Ordering::Relaxed) {
            std::panic::resume_unwind(Box::new(KILLED));
        }
    }
}

impl Ground {
    /// The first run of a plan, whose journal is this.
    fn work<'a>(&'a self, plan: &'a Plan, journal: &'a Memory) -> Work<'a> {
        Work {
            world: &self.world,
            repository: &self.repository,
            journal,
            number: 1,
            typed: "1",
            plan,
            mode: Mode::Scripted,
        }
    }
}
