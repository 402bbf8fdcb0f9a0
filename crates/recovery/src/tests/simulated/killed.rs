//! The runner of a failover is killed by SIGKILL at random moments, wherever it stands, and another one goes on: everything must be as
//! after a day on which nothing happened. `LIFEBOAT_KILLS` says how often, `PROPTEST_RNG_SEED` where chance begins.

use super::{Day, Ground, RANCHER, State, name, opened};
use crate::{Mode, Work, runs};
use engine::{Event, Runner};
use plan::Plan;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::process::{Child, Command};

/// How the process that is to be killed learns what to do: the directory of the estate, and the number of the run.
const DIRECTORY: &str = "LIFEBOAT_TEST_SIMULATED_DIRECTORY";
const RUN: &str = "LIFEBOAT_TEST_SIMULATED_RUN";

/// Where chance begins unless it is said.
const SEED: u64 = 20_261_129;

/// So many estates at once: the other runner waits for seconds until the first is known to be dead.
const AT_ONCE: usize = 4;

/// How many of those that came too late there may be for each kill.
const LATE_MAX: usize = 4;

/// What is killed, in turn.
const BOOKS: [&str; 2] = ["management-failover", "switchover"];

/// One whose death is noticed sooner than usual. The times must be the same for both.
fn runner(id: &str) -> Runner {
    Runner {
        heartbeat: Duration::from_millis(500),
        silence: Duration::from_secs(5),
        ..Runner::new(id)
    }
}

/// No test by itself: the process that is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a part of another test"]
async fn victim() {
    let (Some(directory), Ok(number)) = (std::env::var_os(DIRECTORY).map(PathBuf::from), std::env::var(RUN)) else {
        return;
    };
    let _done = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let world = opened(&directory);
    let repository = world.repository(&name("here")).unwrap();
    let number = number.parse().unwrap();
    let run = runs::read(&repository, number).await.unwrap();
    let journal = runs::InRepository { repository: &repository, run: number };
    let work = Work {
        world: &world,
        repository: &repository,
        journal: &journal,
        number,
        typed: "1",
        plan: &run.plan,
        mode: Mode::Scripted,
    };
    crate::run(work, &runner("victim"), &()).await.unwrap();
}

/// What came of all kills.
#[derive(Default)]
struct Tally {
    /// By the step that was under way.
    killed: BTreeMap<String, usize>,
    late: usize,
    failures: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root and knotd: cargo xtask test"]
async fn a_runner_killed_at_random_moments_is_followed_by_another() {
    let kills: usize = std::env::var("LIFEBOAT_KILLS").map_or(12, |text| text.parse().unwrap());
    let seed = std::env::var("PROPTEST_RNG_SEED").map_or(SEED, |text| text.parse().unwrap());
    let began = ambient::monotonic();
    let chance = Arc::new(Mutex::new(Chance(seed)));
    let (left, tally) = (Arc::new(Mutex::new(kills)), Arc::new(Mutex::new(Tally::default())));
    let mut lanes = Vec::new();
    for book in BOOKS.into_iter().cycle().take(AT_ONCE.min(kills)) {
        let ground = (Ground::new().await, Day::of(book, RANCHER));
        lanes.push(tokio::spawn(lane(ground, left.clone(), chance.clone(), tally.clone())));
    }
    for lane in lanes {
        lane.await.unwrap();
    }
    let tally = tally.lock().unwrap();
    tell(&tally, seed, began.elapsed());
    assert!(tally.failures.is_empty(), "seed {seed}: {}", tally.failures.join("\n"));
}

#[expect(clippy::print_stdout, reason = "the figures are what this is for")]
fn tell(tally: &Tally, seed: u64, took: Duration) {
    let kills: usize = tally.killed.values().sum();
    println!(
        "management-failover and switchover on simulated hosts: {kills} kills, {} failures, in {} s, seed {seed}; {} came too late; killed at {:?}",
        tally.failures.len(),
        took.as_secs(),
        tally.late,
        tally.killed
    );
}

/// Kills until there are enough.
async fn lane(
    (ground, day): (Ground, Day),
    left: Arc<Mutex<usize>>,
    chance: Arc<Mutex<Chance>>,
    tally: Arc<Mutex<Tally>>,
) {
    ground.reset(&day).await;
    let plan = ground.plan(&day).await;
    // Once undisturbed: how it ends, and how long that takes here.
    let number = begun(&ground, &day, &plan).await;
    let began = ambient::monotonic();
    let ended = spawn(ground.directory.path(), number).wait().await.unwrap();
    assert!(ended.success(), "{ended}");
    let (took, wanted) = (began.elapsed(), ground.state().await);
    let mut late = 0;
    loop {
        {
            let mut left = left.lock().unwrap();
            match left.checked_sub(1) {
                Some(less) => *left = less,
                None => return,
            }
        }
        // One that has ended before it was to be killed does not count.
        while !killed((&ground, &day, &plan), (took, &wanted), &chance, &tally).await {
            late += 1;
            assert!(late < LATE_MAX * 200, "the runner is never killed in time");
        }
    }
}

/// A run of the plan, from a fresh start.
async fn begun(ground: &Ground, day: &Day, plan: &Plan) -> u64 {
    ground.reset(day).await;
    runs::begin(&ground.repository, plan, &runner("victim")).await.unwrap()
}

/// Kills the runner once, and goes on. Says whether it was killed before it had ended.
async fn killed(
    (ground, day, plan): (&Ground, &Day, &Plan),
    (took, wanted): (Duration, &State),
    chance: &Mutex<Chance>,
    tally: &Mutex<Tally>,
) -> bool {
    let number = begun(ground, day, plan).await;
    let after = took.mul_f64(chance.lock().unwrap().next());
    let mut victim = spawn(ground.directory.path(), number);
    ambient::sleep(after).await;
    let in_time = victim.try_wait().unwrap().is_none();
    victim.kill().await.unwrap();
    let journal = runs::InRepository { repository: &ground.repository, run: number };
    let run = runs::read(&ground.repository, number).await.unwrap();
    if !in_time || run.ended() {
        tally.lock().unwrap().late += 1;
        if !run.ended() {
            let failed = format!("it ended by itself: {:?}", run.entries.last());
            tally.lock().unwrap().failures.push(failed);
            engine::cancel(&journal, &runner("other")).await.unwrap();
        }
        return false;
    }
    let at = run.entries.iter().rev().find_map(|entry| match &entry.event {
        Event::Intent { step, .. } => Some(format!("{} in {step}", day.book)),
        Event::Done { step, .. } => Some(format!("{} after {step}", day.book)),
        _ => None,
    });
    let at = at.unwrap_or_else(|| "before the first step".to_owned());
    let work = Work {
        world: &ground.world,
        repository: &ground.repository,
        journal: &journal,
        number,
        typed: "1",
        plan,
        mode: Mode::Scripted,
    };
    let went_on = crate::run(work, &runner("other"), &()).await;
    let found = match went_on {
        Ok(_) => ground.state().await.differs(wanted),
        Err(trouble) => {
            engine::cancel(&journal, &runner("other")).await.unwrap();
            vec![format!("it does not go on: {trouble:?}")]
        }
    };
    let mut tally = tally.lock().unwrap();
    *tally.killed.entry(at.clone()).or_default() += 1;
    if !found.is_empty() {
        tally
            .failures
            .push(format!("killed after {after:?}, {at}: {}", found.join("; ")));
    }
    true
}

fn spawn(directory: &Path, number: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "tests::simulated::killed::victim",
            "--nocapture",
        ])
        .env(DIRECTORY, directory)
        .env(RUN, number.to_string())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Numbers that look like chance, and are the same for a seed (SplitMix64).
struct Chance(u64);

impl Chance {
    /// The next, from 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}
