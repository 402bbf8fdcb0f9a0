//! Some processes under one seed: clocks that are a little off, pauses longer than the lease at any await, crashes, requests that
//! are lost, late, repeated or carried out without an answer, also after what they ask for was removed. Start at [`run`];
//! `world` carries requests, `process` is what one process does, `audit` what must hold at every step.
//!
//! `LIFEBOAT_SCHEDULES` says how many seeds are tried; 2,000 by itself. A failure names its seed and tells its whole story.

mod audit;
mod process;
mod world;

use super::*;
use futures::future::BoxFuture;
use process::live;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use world::{Event, Shared, World};

/// A lease's time to live here, in milliseconds.
const TTL_MS: u64 = 1000;

/// How long things go wrong, and how long they then do not, in milliseconds.
const WILD_MS: u64 = 10_000;
const CALM_MS: u64 = 4_000;

/// How many processes want the lease.
const PROCESSES: usize = 3;

/// What is left out, and what goes wrong.
#[derive(Clone, Copy)]
struct Plan {
    wild: bool,
    omitted: Option<Omission>,
}

/// What happened in some schedules, to see that they are not idle.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    acquired: u64,
    renewed: u64,
    released: u64,
    fenced: u64,
    unknown: u64,
    appended: u64,
    /// Entries written under an epoch older than one that had accepted.
    cut_off: u64,
    /// Records created below newer ones, where an older one had been removed.
    resurrected: u64,
    removed: u64,
    crashed: u64,
    paused: u64,
    /// The longest list of acceptances.
    longest: u64,
}

/// Plays one schedule; the error is what went wrong, with the story when it was told.
fn run(seed: u64, plan: Plan, tell: bool, tally: &mut Tally) -> Result<(), String> {
    let world = World::new(seed, plan.wild, tell);
    let time = world.time.clone();
    let world: Shared = Arc::new(std::sync::Mutex::new(world));
    let start = |process: usize| -> BoxFuture<'static, ()> { Box::pin(live(world.clone(), process, plan.omitted)) };
    let mut lives: Vec<_> = (0..PROCESSES).map(start).collect();
    for process in 0..PROCESSES {
        world.lock().unwrap().wake(process);
    }
    let mut context = Context::from_waker(Waker::noop());
    loop {
        let Some(event) = world.lock().unwrap().next() else {
            break;
        };
        if let Event::Crash { process } = event {
            lives[process] = start(process);
        }
        let polled = match event {
            Event::Poll { process } | Event::Crash { process } => Some(process),
            Event::Nothing => None,
        };
        if let Some(process) = polled {
            assert!(lives[process].as_mut().poll(&mut context).is_pending(), "a process ended");
        }
        let mut world = world.lock().unwrap();
        world.audit();
        if let Some(wrong) = world.wrong.take() {
            return Err(format!("seed {seed}: {wrong}\n{}", world.story.join("\n")));
        }
        if time.load(Ordering::SeqCst) > WILD_MS + CALM_MS {
            break;
        }
    }
    let mut world = world.lock().unwrap();
    world.audit_end();
    tally.add(&world.tally);
    match world.wrong.take() {
        Some(wrong) => Err(format!("seed {seed}: {wrong}\n{}", world.story.join("\n"))),
        None => Ok(()),
    }
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.acquired += other.acquired;
        self.renewed += other.renewed;
        self.released += other.released;
        self.fenced += other.fenced;
        self.unknown += other.unknown;
        self.appended += other.appended;
        self.cut_off += other.cut_off;
        self.resurrected += other.resurrected;
        self.removed += other.removed;
        self.crashed += other.crashed;
        self.paused += other.paused;
        self.longest = self.longest.max(other.longest);
    }
}

/// Plays a schedule again, with its story.
fn tell(seed: u64, plan: Plan) -> String {
    run(seed, plan, true, &mut Tally::default()).expect_err("the same seed has the same end")
}

/// Plays schedules on all processors until one goes wrong: its seed.
fn first_wrong(seeds: u64, plan: Plan, tally: &mut Tally) -> Option<u64> {
    let (next, wrong) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
    let work = || {
        let mut tally = Tally::default();
        while wrong.load(Ordering::SeqCst) == u64::MAX {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= seeds {
                break;
            }
            if run(seed, plan, false, &mut tally).is_err() {
                wrong.fetch_min(seed, Ordering::SeqCst);
            }
        }
        tally
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().for_each(|thread| tally.add(&thread.join().unwrap()));
    });
    Some(wrong.into_inner()).filter(|seed| *seed != u64::MAX)
}

fn schedules() -> u64 {
    std::env::var("LIFEBOAT_SCHEDULES").map_or(2000, |text| text.parse().expect("LIFEBOAT_SCHEDULES is a number"))
}

#[test]
fn nothing_is_broken_whatever_goes_wrong() {
    let plan = Plan { wild: true, omitted: None };
    let mut tally = Tally::default();
    if let Some(seed) = first_wrong(schedules(), plan, &mut tally) {
        panic!("{}", tell(seed, plan));
    }
    let seldom = [
        tally.acquired,
        tally.renewed,
        tally.released,
        tally.fenced,
        tally.unknown,
        tally.appended,
        tally.cut_off,
        tally.resurrected,
        tally.removed,
        tally.crashed,
        tally.paused,
    ];
    assert!(schedules() < 100 || seldom.iter().all(|count| *count > 0), "{tally:?}");
    // Acceptances are dropped when they are not needed any more.
    assert!(tally.longest < 8, "{tally:?}");
}

#[test]
fn where_nothing_goes_wrong_one_process_keeps_the_lease() {
    for seed in 0..20 {
        let plan = Plan { wild: false, omitted: None };
        let mut tally = Tally::default();
        if run(seed, plan, false, &mut tally).is_err() {
            panic!("{}", tell(seed, plan));
        }
        assert_eq!((tally.acquired, tally.fenced, tally.unknown), (1, 0, 0), "{tally:?}");
        assert!(tally.renewed > 30 && tally.appended > 30, "{tally:?}");
    }
}

/// The simulation would notice: each step that is left out breaks a rule under some seed. The seeds are where that was found last;
/// when the simulation has changed, others are looked for.
#[test]
fn every_step_of_the_protocol_is_needed() {
    let unowned = "was acknowledged, and does not count";
    let broken = [
        (Omission::Relist, 1813, "believe"),
        (Omission::ReadBack, 6, "believe"),
        (Omission::ListAfterReading, 58, "damage that nobody did"),
        (Omission::AskedBefore, 18, "believe"),
        (Omission::Patience, 10, "believe"),
        (Omission::DisbelieveBeforeRelease, 338, "believe"),
        (Omission::ListAfterWinning, 851, unowned),
        (Omission::CarryAcceptances, 10, "was too late, and may count"),
        (Omission::EpochBeforeAcknowledging, 211, unowned),
    ];
    for (step, seed, rule) in broken {
        let plan = Plan { wild: true, omitted: Some(step) };
        let found = match run(seed, plan, false, &mut Tally::default()) {
            Err(_) => Some(seed),
            Ok(()) => first_wrong(20_000, plan, &mut Tally::default()),
        };
        let seed = found.unwrap_or_else(|| panic!("nobody misses {step:?}"));
        let story = tell(seed, plan);
        assert!(story.contains(rule), "{step:?}: {story}");
    }
}
