//! A process that writes a repository is killed again and again, on disks that forget what was not synced: whatever was acknowledged is
//! there, and nothing is half there. Start at [`hunt`].
//!
//! The writer (`writer.rs`) says on a pipe what it begins and what it has done, so that what was acknowledged is known exactly
//! (`ledger.rs`). At a random moment it is killed, and the disk loses its power, before or after. Then the
//! repository is opened and everything in it is compared (`found.rs`), and the next writer goes on with it.
//!
//! `LIFEBOAT_KILLS` says how often, and `LIFEBOAT_SEED` what is decided by chance: moments are not, so the same seed does not promise
//! the same story. Everything happens in namespaces of mounts and processes that end with the test, however it ends.

mod careless;
mod disk;
mod forgetful;
mod found;
mod ledger;
mod writer;

use super::chance::Chance;
use super::*;
use careless::Omission;
use disk::{Disk, Ext4};
use forgetful::Forgetful;
use ledger::{Ledger, Said};
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use writer::{ORDERS, Orders};

/// Losses of power after which a new repository is begun.
const ROUNDS: u64 = 25;

/// What is decided beforehand.
#[derive(Clone, Copy)]
struct Plan {
    kills: u64,
    seed: u64,
    /// Whether now and then the disk keeps its power, and the next writer finds what was not synced.
    deaths: bool,
    copies: bool,
    omits: Option<Omission>,
}

/// What happened.
#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    /// Kills after which the disk kept its power.
    deaths: u64,
    begun: u64,
    acknowledged: u64,
    /// Files under names that are no objects', as they were seen in checks.
    left: u64,
    /// What evidence named, and nobody had acknowledged.
    behind: u64,
    /// Copies that knew what was lost before anybody had acknowledged it.
    differing: u64,
    took: Duration,
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn nothing_acknowledged_is_lost_on_ext4() {
    alone("nothing_acknowledged_is_lost_on_ext4", |folder| {
        let plan = Plan { kills: kills(6), ..plan() };
        let tally = hunt(Ext4::new(folder), folder, plan).unwrap_or_else(|wrong| panic!("{wrong}"));
        tell("ext4", plan, &tally);
    });
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn nothing_acknowledged_is_lost_on_a_disk_that_keeps_no_more_than_it_must() {
    alone("nothing_acknowledged_is_lost_on_a_disk_that_keeps_no_more_than_it_must", |folder| {
        // The kernel hands no `syncfs` on to it, which a copy asks for after somebody else's death.
        for deaths in [false, true] {
            let plan = Plan {
                kills: kills(8).div_ceil(2),
                deaths,
                copies: !deaths,
                ..plan()
            };
            let disk = Forgetful::new(&folder.join(format!("{deaths}")), plan.seed);
            let tally = hunt(disk, folder, plan).unwrap_or_else(|wrong| panic!("{wrong}"));
            tell("a forgetful disk", plan, &tally);
        }
    });
}

/// That the disk forgets, and that these tests would see it.
#[test]
#[ignore = "needs root: cargo xtask test"]
fn writers_that_do_not_sync_are_found_out_on_ext4() {
    alone("writers_that_do_not_sync_are_found_out_on_ext4", |folder| {
        for omits in [Omission::Content, Omission::Names] {
            found_out(Ext4::new(&folder.join(format!("{omits:?}"))), folder, omits);
        }
    });
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn writers_that_do_not_sync_are_found_out_on_a_disk_that_keeps_no_more_than_it_must() {
    alone(
        "writers_that_do_not_sync_are_found_out_on_a_disk_that_keeps_no_more_than_it_must",
        |folder| {
            for omits in [Omission::Content, Omission::Names, Omission::Ways] {
                found_out(Forgetful::new(&folder.join(format!("{omits:?}")), seed()), folder, omits);
            }
        },
    );
}

fn found_out(disk: impl Disk, folder: &Path, omits: Omission) {
    let plan = Plan {
        kills: 60,
        deaths: false,
        copies: false,
        omits: Some(omits),
        ..plan()
    };
    let found = hunt(disk, folder, plan);
    assert!(found.is_err(), "{omits:?} is not synced, and nobody noticed: {found:?}");
}

fn plan() -> Plan {
    Plan {
        kills: 0,
        seed: seed(),
        deaths: true,
        copies: true,
        omits: None,
    }
}

fn kills(few: u64) -> u64 {
    std::env::var("LIFEBOAT_KILLS").map_or(few, |text| text.parse().unwrap())
}

fn seed() -> u64 {
    std::env::var("LIFEBOAT_SEED")
        .map_or_else(|_| u64::from_le_bytes(ambient::random_bytes()), |text| text.parse().unwrap())
}

#[expect(clippy::print_stdout, reason = "what a long run has done is worth knowing")]
fn tell(disk: &str, plan: Plan, tally: &Tally) {
    let Tally {
        kills,
        deaths,
        begun,
        acknowledged,
        left,
        behind,
        differing,
        took,
    } = tally;
    println!(
        "killed on {disk}: {kills} losses of power and {deaths} deaths alone in {} s, seed {}: {begun} begun, {acknowledged} \
         acknowledged, none of them lost; {left} half written files, {behind} premature statements and {differing} premature copies were seen",
        took.as_secs(),
        plan.seed,
    );
}

/// Runs the test of this name in namespaces of its own, with a folder in memory. When the process that began it ends, however
/// it does, so does everything that was started or mounted.
fn alone(test: &str, work: impl FnOnce(&Path)) {
    const INSIDE: &str = "LIFEBOAT_TEST_INSIDE";
    let folder = Path::new("/mnt");
    if std::env::var_os(INSIDE).is_some() {
        std::thread::spawn(end_with_parent);
        work(folder);
        return;
    }
    let script = "mount -t tmpfs -o size=2g,mode=700 none /mnt && exec \"$0\" --ignored --exact \"$1\" --nocapture";
    let mut inside = Command::new("unshare")
        .args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "sh",
            "-c",
            script,
        ])
        .arg(std::env::current_exe().unwrap())
        .arg(format!("tests::killed::{test}"))
        .env(INSIDE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Open for as long as this process lives.
    let _held = inside.stdin.take();
    let done = inside.wait_with_output().unwrap();
    let [said, errors] = [&done.stdout, &done.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(done.status.success() && said.contains("1 passed"), "{}\n{said}\n{errors}", done.status);
    told(&said);
}

#[expect(clippy::print_stdout, reason = "what a long run has done is worth knowing")]
fn told(said: &str) {
    said.lines()
        .filter(|line| line.contains("killed on"))
        .for_each(|line| println!("{line}"));
}

#[expect(
    clippy::disallowed_methods,
    reason = "the first process of its namespace, which cannot be killed from inside"
)]
fn end_with_parent() {
    let _nobody_writes = std::io::stdin().read(&mut [0]);
    std::process::exit(1);
}

/// Kills writers, and takes the power of their disk, as often as planned. What was wrong, if something was.
fn hunt(disk: impl Disk, folder: &Path, plan: Plan) -> Result<Tally, String> {
    let (runtime, begun) = (tokio::runtime::Runtime::new().unwrap(), ambient::monotonic());
    let mut hunt = Hunt {
        disk,
        orders: orders(folder, plan),
        plan,
        chance: Chance::new(plan.seed),
        ledger: Ledger::default(),
        tally: Tally::default(),
        story: Vec::new(),
    };
    std::fs::create_dir_all(&hunt.orders.own).unwrap();
    runtime.block_on(hunt.run()).map_err(|wrong| {
        let story = hunt.story.iter().rev().take(30).rev().cloned().collect::<Vec<_>>().join("\n");
        let Tally { kills, .. } = hunt.tally;
        format!(
            "seed {}, after {kills} losses of power:\n{}\nthe last of what was said:\n{story}",
            plan.seed,
            wrong.join("\n")
        )
    })?;
    hunt.tally.took = begun.elapsed();
    Ok(hunt.tally)
}

fn orders(folder: &Path, plan: Plan) -> Orders {
    let key = key();
    Orders {
        place: PathBuf::new(),
        own: folder.join("own"),
        identity: key.identity,
        recipient: key.recipient,
        signer: key.signer,
        root: key.root,
        seed: plan.seed,
        tasks: 1,
        copies: plan.copies,
        omits: plan.omits,
    }
}

struct Hunt<D> {
    disk: D,
    orders: Orders,
    plan: Plan,
    chance: Chance,
    ledger: Ledger,
    tally: Tally,
    /// What was said, for when something is wrong.
    story: Vec<String>,
}

impl<D: Disk> Hunt<D> {
    async fn run(&mut self) -> Result<(), Vec<String>> {
        while self.tally.kills < self.plan.kills {
            let cut = !(self.plan.deaths && self.chance.one_in(4));
            self.life(cut).await.map_err(|wrong| vec![wrong])?;
            if !cut {
                self.tally.deaths += 1;
                continue;
            }
            self.tally.kills += 1;
            self.disk.mend();
            let wrong = self.wrong().await;
            if !wrong.is_empty() {
                return Err(wrong);
            }
            if self.tally.kills.is_multiple_of(ROUNDS) {
                self.disk.renew();
                self.forget();
            }
        }
        self.forget();
        Ok(())
    }

    fn forget(&mut self) {
        let ledger = std::mem::take(&mut self.ledger);
        self.tally.begun += ledger.begun;
        self.tally.acknowledged += ledger.acknowledged;
        self.tally.differing += ledger.differing;
    }

    /// Lets a writer live for a while.
    async fn life(&mut self, cut: bool) -> Result<(), String> {
        self.orders.place = self.disk.place().to_owned();
        self.orders.seed = self.chance.next();
        self.orders.tasks = 1 + 2 * self.chance.below(2);
        let orders = self.orders.own.join("orders");
        std::fs::write(&orders, serde_json::to_vec(&self.orders).unwrap()).unwrap();
        let log = std::fs::File::create(self.orders.own.join("log")).unwrap();
        let mut writer = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "tests::killed::writer::writer", "--nocapture"])
            .env(ORDERS, &orders)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        let mut left = self.chance.below(60);
        let moment = Duration::from_micros(self.chance.below(12_000));
        while left > 0 {
            let line = tokio::time::timeout(Duration::from_secs(60), lines.next_line()).await;
            match line.map(Result::unwrap) {
                Ok(Some(line)) => left -= u64::from(self.hear(&line, false)?),
                silent => return Err(format!("the writer has ended, or is stuck: {silent:?}\n{}", self.log())),
            }
        }
        ambient::sleep(moment).await;
        let first = cut && self.chance.one_in(3);
        if first {
            self.disk.cut();
        }
        writer.kill().await.unwrap();
        if cut && !first {
            self.disk.cut();
        }
        while let Some(line) = lines.next_line().await.unwrap() {
            self.hear(&line, first)?;
        }
        self.ledger.died();
        self.story.push(if cut {
            "killed, and the power went".to_owned()
        } else {
            "killed".to_owned()
        });
        Ok(())
    }

    /// Takes in a line. Once the power is gone, the writer may fail.
    fn hear(&mut self, line: &str, may_fail: bool) -> Result<bool, String> {
        let Some(line) = line.strip_prefix('@') else {
            return Ok(false);
        };
        if self.story.len() > 200 {
            self.story.drain(..100);
        }
        self.story.push(line.to_owned());
        let (task, said): (u64, Said) = serde_json::from_str(line).unwrap();
        match said {
            Said::Failed(reason) if !may_fail => return Err(format!("the writer failed: {reason}\n{}", self.log())),
            said => self.ledger.hear(task, said),
        }
        Ok(true)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.orders.own.join("log")).unwrap()
    }

    /// What is wrong with what the disk has kept.
    async fn wrong(&mut self) -> Vec<String> {
        let repository = Repository::open(self.orders.settings()).unwrap();
        match (repository.id().await, &self.ledger.id) {
            (Ok(id), Some(known)) if id == known => {}
            (found, Some(known)) => return vec![format!("it was repository {known}, and now: {found:?}")],
            // Making it was not acknowledged yet.
            (_, None) => return Vec::new(),
        }
        let mut wrong = match found::things(&repository).await {
            Ok(things) => self.ledger.compare(things),
            Err(error) => vec![format!("it cannot be read: {error:?}")],
        };
        match found::faults(&repository).await {
            Ok((faults, harmless)) => {
                wrong.extend(faults);
                self.tally.left += harmless.left;
                self.tally.behind += harmless.behind;
            }
            Err(error) => wrong.push(format!("it cannot be checked: {error:?}")),
        }
        if self.ledger.has_copy() {
            wrong.extend(self.wrong_in_copy().await);
        }
        wrong
    }

    async fn wrong_in_copy(&mut self) -> Vec<String> {
        let second = Repository::open(self.orders.settings_of_copy()).unwrap();
        let found = async {
            let mut wrong = self.ledger.compare_copy(&found::things(&second).await?);
            wrong.extend(found::faults(&second).await?.0);
            Ok::<_, crate::Error>(wrong)
        };
        let wrong = found.await.unwrap_or_else(|error| vec![format!("{error:?}")]);
        wrong.into_iter().map(|wrong| format!("in the copy: {wrong}")).collect()
    }
}
