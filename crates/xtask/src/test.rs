//! `cargo xtask test`: everything that must hold, in order. What fails is told at once, and what does not need it goes on: one run
//! shows all that is broken.
//!
//! There is no other check: what the build server asks for is asked for here.

use crate::install::install;
use crate::printer::{heading, say};
use crate::runner::{binary, command, root, run as run_command};
use crate::tally::Tally;
use anyhow::{Result, bail};
use std::process::ExitCode;
use std::thread::JoinHandle;

/// The arguments of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out what needs the network, Go or root: the installation, the manager and the lab
    #[arg(long)]
    fast: bool,
}

struct Step {
    name: &'static str,
    /// Whether `--fast` runs it too.
    fast: bool,
    /// Whether the steps behind it need it.
    needed: bool,
    run: fn(&mut Work) -> Result<()>,
}

/// What the steps share.
#[derive(Default)]
struct Work {
    tally: Tally,
    /// The installation, which goes on beside the first steps: linting and building leave much of a machine idle.
    installation: Option<JoinHandle<Result<()>>>,
}

const STEPS: &[Step] = &[
    Step {
        name: "format",
        fast: true,
        needed: false,
        run: |work| format(&mut work.tally),
    },
    Step {
        name: "lint",
        fast: true,
        needed: false,
        run: |work| lint(&mut work.tally),
    },
    Step {
        name: "build the tests",
        fast: true,
        needed: true,
        run: |work| build(&mut work.tally),
    },
    Step {
        name: "install what is missing, begun beside the steps before",
        fast: false,
        needed: true,
        run: installed,
    },
    Step {
        name: "unit tests and tidiness",
        fast: true,
        needed: false,
        run: |work| unit_tests(&mut work.tally),
    },
    Step {
        name: "the manager, in Go",
        fast: false,
        needed: false,
        run: |work| manager(&mut work.tally),
    },
    Step {
        name: "with real servers: etcd, DNS, S3, SSH",
        fast: false,
        needed: false,
        run: |work| servers(&mut work.tally),
    },
    Step {
        name: "the lab",
        fast: false,
        needed: false,
        run: |work| lab(&mut work.tally),
    },
    Step {
        name: "the whole road, in the lab",
        fast: false,
        needed: false,
        run: |work| road(&mut work.tally),
    },
];

/// Runs the steps and closes with one line that sums up all runners.
pub(crate) fn run(Args { fast }: Args) -> Result<ExitCode> {
    let started = ambient::monotonic();
    let mut work = Work::default();
    if !fast {
        work.installation = Some(std::thread::spawn(install));
    }
    let mut broken: Vec<&str> = Vec::new();
    let mut stopped = false;
    for (number, step) in STEPS.iter().enumerate() {
        let title = format!("{}/{} {}", number + 1, STEPS.len(), step.name);
        if fast && !step.fast {
            heading(&format!("{title}: left out by --fast"));
            continue;
        }
        heading(&title);
        let began = ambient::monotonic();
        let failed_before = work.tally.failed;
        let outcome = (step.run)(&mut work);
        let seconds = began.elapsed().as_secs_f32();
        match outcome {
            Ok(()) => say(&format!("{}: done in {seconds:.1} s", step.name)),
            Err(error) => {
                say(&format!("{}: FAILED after {seconds:.1} s: {error:#}", step.name));
                // A step that is no test, or never came to its tests, still counts: no sum may look green.
                work.tally.failed += u32::from(work.tally.failed == failed_before);
                broken.push(step.name);
                if !step.needed {
                    continue;
                }
                stopped = true;
                // Broken off, it would leave half a build behind; and the next run needs it as well.
                if work.installation.is_some() {
                    say("waiting for the installation, which goes on beside");
                    if let Err(error) = installed(&mut work) {
                        say(&format!("it failed too: {error:#}"));
                    }
                }
                break;
            }
        }
    }
    let seconds = started.elapsed().as_secs_f32();
    let names = broken.join("; ");
    heading(&match (broken.is_empty(), stopped) {
        (true, _) => format!("all steps done in {seconds:.1} s"),
        (false, false) => format!("done in {seconds:.1} s, but these failed: {names}"),
        (false, true) => format!("stopped after {seconds:.1} s, since these failed: {names}"),
    });
    say(&work.tally.summary());
    Ok(if broken.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Waits for the installation.
fn installed(work: &mut Work) -> Result<()> {
    match work.installation.take().map(JoinHandle::join) {
        Some(Ok(outcome)) => outcome,
        Some(Err(_)) => bail!("the installation broke off"),
        None => install(),
    }
}

fn format(tally: &mut Tally) -> Result<()> {
    run_command(command("cargo fmt --all --check"), tally)
}

fn lint(tally: &mut Tally) -> Result<()> {
    run_command(command("cargo clippy --workspace --all-targets --locked -- -D warnings"), tally)
}

/// Nothing is tested while something is installed: neither would be sure to end in time.
fn build(tally: &mut Tally) -> Result<()> {
    run_command(command("cargo test --workspace --locked --no-run"), tally)
}

fn unit_tests(tally: &mut Tally) -> Result<()> {
    let mut tests = command("cargo test --workspace --locked --no-fail-fast");
    if std::env::var_os(SEED).is_none() {
        tests.env(SEED, EVERYBODYS);
    }
    run_command(tests, tally)
}

/// From where property tests take their cases: without it from another place each time.
const SEED: &str = "PROPTEST_RNG_SEED";

/// Here the same change has the same outcome, wherever it is tested. `cargo xtask soak` tries other cases.
const EVERYBODYS: &str = "20261129";

fn manager(tally: &mut Tally) -> Result<()> {
    let here = root().join("crates/lab/manager");
    for line in ["go vet ./...", "go test ./..."] {
        let mut go = command(line);
        go.current_dir(&here);
        run_command(go, tally)?;
    }
    // gofmt succeeds also when it has something to say.
    let unformatted = command("gofmt -l .").current_dir(&here).output()?;
    if !unformatted.status.success() || !unformatted.stdout.is_empty() {
        let files = String::from_utf8_lossy(&unformatted.stdout).into_owned();
        bail!("gofmt would change: {}", files.split_whitespace().collect::<Vec<_>>().join(", "));
    }
    Ok(())
}

/// Tests that start one real server each, of the programs that the lab brings.
fn servers(tally: &mut Tally) -> Result<()> {
    let targets: Vec<String> = SERVERS.iter().map(|name| format!("--test {name}")).collect();
    let line = format!(
        "cargo test --workspace --lib {} --locked --no-fail-fast -- --ignored --skip soaked::",
        targets.join(" ")
    );
    let mut tests = Tally::default();
    let outcome = run_command(command(&line), &mut tests);
    tally.add_made_up_for(tests);
    outcome
}

/// The tests that start servers, beside those that stand in the crates themselves. Like all steps they are chosen out of the whole
/// workspace: of one package alone, cargo would build everything anew with fewer features.
const SERVERS: &[&str] = &[
    "captures",
    "cli",
    "emergency",
    "history",
    "objects",
    "samples",
    "server",
];

/// Sites die and are cut off, copies are damaged, Lifeboat is killed: on labs that Lifeboat serves.
fn road(tally: &mut Tally) -> Result<()> {
    let skip: Vec<String> = LONG.iter().map(|name| format!("--skip {name}")).collect();
    let line = format!("{ROAD} {}", skip.join(" "));
    let mut tests = Tally::default();
    let outcome = run_command(command(&line), &mut tests);
    tally.add_made_up_for(tests);
    // What a failed one left is of no use.
    let _absent = std::process::Command::new(binary()?)
        .args(["lab", "down", "--name", "road"])
        .output()?;
    outcome
}

/// `cargo xtask soak`: what takes too long for every change. Run it before a release, and after changes to who may serve, to
/// how histories are captured, to what `lifeboat serve` does, to what a recovery does on hosts, or to how a repository is written.
pub(crate) fn soak() -> Result<ExitCode> {
    install()?;
    let mut tally = Tally::default();
    let mut killed = command("cargo test --workspace --test server --locked -- --ignored killed_at");
    killed.env("LIFEBOAT_KILLS", "100");
    let killed = run_command(killed, &mut tally);
    let mut writers = command(WRITERS);
    writers.env("LIFEBOAT_KILLS", "500");
    let writers = run_command(writers, &mut tally);
    let mut runners = command(RUNNERS);
    runners.env("LIFEBOAT_KILLS", "200").env("LIFEBOAT_EVERY_POINT", "1");
    let runners = run_command(runners, &mut tally);
    let mut soaked = command(SOAKED);
    soaked.env("LIFEBOAT_KILLS", "100").env("LIFEBOAT_OUTAGE_SECONDS", "600");
    let soaked = run_command(soaked, &mut tally);
    let mut objects = command("cargo test --workspace --test objects --locked -- --ignored --nocapture");
    objects.env("LIFEBOAT_OBJECTS", "2000");
    let objects = run_command(objects, &mut tally);
    let mut properties = Ok(());
    for _ in 0..ROUNDS {
        let tests = command("cargo test --workspace --lib --locked --no-fail-fast");
        properties = properties.and(run_command(tests, &mut tally));
    }
    let mut manual = command(&format!("{LAB} {MANUAL}"));
    manual.env("LIFEBOAT_BIN", binary()?);
    let manual = run_command(manual, &mut tally);
    let mut road = command(ROAD);
    road.env("LIFEBOAT_BUSY_SECONDS", "600").env("LIFEBOAT_EVERY_POINT", "1");
    let road = run_command(road, &mut tally);
    let _absent = std::process::Command::new(binary()?)
        .args(["lab", "down", "--name", "road"])
        .output();
    say(&tally.summary());
    killed
        .and(writers)
        .and(runners)
        .and(soaked)
        .and(objects)
        .and(properties)
        .and(manual)
        .and(road)?;
    Ok(ExitCode::SUCCESS)
}

/// How often `soak` repeats all property tests, with other cases each time.
const ROUNDS: usize = 10;

/// Kills who writes a repository, on disks that forget what was not synced.
const WRITERS: &str = "cargo test --workspace --lib --locked -- --ignored --nocapture nothing_acknowledged";

/// Kills who recovers and strikes every step, on simulated hosts.
const RUNNERS: &str = "cargo test --workspace --lib --locked -- --ignored --nocapture simulated::";

/// Breaks what stands around `lifeboat serve`, and kills it.
const SOAKED: &str = "cargo test --workspace --test captures --locked -- --ignored --nocapture soaked";

/// Plays the whole road in the lab.
const ROAD: &str = "cargo test --workspace --test road --locked -- --ignored --test-threads=1 --nocapture";

/// The tests of the road that only `soak` runs: each waits for minutes for things to become old or to stay away.
const LONG: &[&str] = &[
    "agents_that_stay_away",
    "each_mismatch_of_a_living",
    "no_young_copy",
    "main_cut_off_from_one_observer",
    // Its steps are those of the other restore, and of units; what it adds takes two minutes.
    "files_of_rke2",
    // On simulated hosts runners are killed at random moments always.
    "killed_at_random_moments",
    // As one that was killed, but that it wakes up later.
    "keeper_that_hangs",
];

/// The lab's tests are ignored by `cargo test`, since they need root and the machine for themselves.
fn lab(tally: &mut Tally) -> Result<()> {
    // Built with the tests; building it by itself would build much anew, with fewer features.
    let lifeboat = binary()?;
    let mut tests = command(&format!("{LAB} --skip {MANUAL}"));
    tests.env("LIFEBOAT_BIN", &lifeboat);
    let mut lab = Tally::default();
    let outcome = run_command(tests, &mut lab);
    tally.add_made_up_for(lab);
    // What the tests share stays up between them, and what a failed one left is of no use after them.
    for name in LABS {
        let _absent = std::process::Command::new(&lifeboat)
            .args(["lab", "down", "--name", name])
            .output()?;
    }
    outcome
}

/// Plays with the lab itself.
const LAB: &str = "cargo test --workspace --test lab --locked -- --ignored --test-threads=1 --nocapture";

/// The lab's test that only `soak` runs: a recovery by hand, which is measured, and in which nothing of Lifeboat is.
const MANUAL: &str = "manual";

/// The names that the lab's tests give their labs.
const LABS: &[&str] = &["test", "two", "crash", "pods", "road"];
