//! A history that is followed: promoted beside rebuilt, and what following costs while it is written to. Start at [`run`]; what
//! runs as processes of their own stands below.

use crate::flags::Flags;
use crate::large::{Seeded, Segments};
use crate::{large, rebuilds};
use anyhow::{Context, Result, ensure};
use etcd::FileError;
use etcd::follow::{Done, Follower, Promotion};
use etcd::history::{Directory, History, Name, Object, Put, Shelf};
use etcd::rebuild::{DEFAULT_BUMP, Line, Members};
use measure::{Cost, Costs, Goal, Row, itself, percentile, say, settle};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The size for which there is a goal, in bytes.
const GOAL_BYTES: u64 = 200_000_000;
const GOAL_S: f64 = 1.0;
const MEMORY_GOAL_MIB: f64 = 256.0;
/// What comes after the file was built, and is appended.
const REVISIONS: u64 = 10_000;
/// The churn: two segments a second.
const WRITES_A_SECOND: u64 = 100;
const CUT_EVERY: Duration = Duration::from_millis(500);
/// How long it lasts at most, in seconds; figures for an hour are extrapolated.
const CHURN_S: u64 = 60;

/// The rows: of the size with a goal, and of the large one.
pub(crate) async fn run(flags: &Flags) -> Result<Vec<Row>> {
    let mut rows = sized(flags, GOAL_BYTES, Goal::AtMost(GOAL_S)).await?;
    if flags.bytes > GOAL_BYTES {
        rows.extend(sized(flags, flags.bytes, Goal::None).await?);
    }
    Ok(rows)
}

async fn sized(flags: &Flags, bytes: u64, goal: Goal) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(&flags.work)?;
    let path = |name: &str| folder.path().join(name);
    let (shelf, home, into) = (path("history"), path("followed"), path("made"));
    let mut seeded = large::seed(&path("db"), bytes, true)?;
    let megabytes = seeded.bytes / 1_000_000;
    rebuilds::base(&path("db"), &shelf, folder.path())?;
    std::fs::remove_file(path("db"))?;
    settle().await?;
    let (_, built) = measure::run(itself()?.arg("follow").arg(&shelf).arg(&home)).await?;
    let history = History::open(Arc::new(Directory::open(&shelf)?))?;
    let tail = history.tail()?.context("there is a base")?;
    large::segments(&mut seeded, tail, &Directory::open(&shelf)?, REVISIONS)?;
    let (_, appended) = measure::run(itself()?.arg("follow").arg(&shelf).arg(&home)).await?;
    say(&format!(
        "{megabytes} MB: built in {:.2} s, {REVISIONS} revisions appended in {:.2} s; {} MB here",
        built.wall_s,
        appended.wall_s,
        size(&home)? / 1_000_000
    ));
    let [mut ours, mut theirs] = [(); 2].map(|()| Costs::default());
    for run in 0..=flags.runs {
        let costs = [
            promoted(&home, &path("copy"), &into).await?,
            rebuilt(&shelf, &into).await?,
        ];
        say(&format!(
            "run {run}: promoted in {:.3} s, rebuilt in {:.3} s",
            costs[0].wall_s, costs[1].wall_s
        ));
        // Before the first, files come from the disk, whoever reads them.
        if run > 0 {
            ours.push(costs[0]);
            theirs.push(costs[1]);
        }
    }
    let row = |work: String, unit, ours: Vec<f64>, theirs: Vec<f64>, goal| Row {
        work,
        unit,
        ours,
        peer: (!theirs.is_empty()).then(|| ("rebuilt from the history".to_owned(), theirs)),
        goal,
    };
    let peak = built.peak_mib.max(appended.peak_mib);
    let memory = Goal::AtMost(MEMORY_GOAL_MIB);
    let mut rows = vec![
        row(format!("promotion of {megabytes} MB"), "s", ours.wall_s, theirs.wall_s, goal),
        row("its peak memory".to_owned(), "MiB", ours.peak_mib, theirs.peak_mib, memory),
        row("peak memory of following".to_owned(), "MiB", vec![peak], vec![], memory),
    ];
    let churned = churned(flags, &mut seeded, &shelf, &home).await?;
    let what = |what: &str| format!("{what}, at {WRITES_A_SECOND} writes a second");
    for (name, unit, figure) in [
        ("read from the shelf in an hour", "MB", churned.shelf_mb_an_hour),
        ("written to the disk in an hour", "MB", churned.disk_mb_an_hour),
        ("a look at the shelf, 99 of 100 within", "ms", churned.look_ms),
        ("CPU of one core", "%", churned.cpu_percent),
    ] {
        rows.push(row(what(name), unit, vec![figure], vec![], Goal::None));
    }
    rows.push(row(
        "size here, of what would be rebuilt".to_owned(),
        "x",
        vec![churned.ratio],
        vec![],
        Goal::AtMost(2.1),
    ));
    Ok(rows)
}

/// A promotion takes what was followed: each has a copy of its own.
async fn promoted(home: &Path, copy: &Path, into: &Path) -> Result<Cost> {
    std::fs::create_dir(copy)?;
    std::fs::copy(home.join("db"), copy.join("db"))?;
    settle().await?;
    let (_, cost) = measure::run(itself()?.arg("promote").arg(copy).arg(into)).await?;
    std::fs::remove_dir_all(into)?;
    std::fs::remove_dir_all(copy)?;
    Ok(cost)
}

async fn rebuilt(shelf: &Path, into: &Path) -> Result<Cost> {
    settle().await?;
    let (_, cost) = measure::run(itself()?.arg("rebuild").arg(shelf).arg(into)).await?;
    std::fs::remove_dir_all(into)?;
    Ok(cost)
}

/// What following costs.
struct Churned {
    shelf_mb_an_hour: f64,
    disk_mb_an_hour: f64,
    look_ms: f64,
    cpu_percent: f64,
    /// The size of the file, and of that what exists.
    ratio: f64,
}

/// Writes for a while, as a capture does, while another process follows.
async fn churned(flags: &Flags, seeded: &mut Seeded, shelf: &Path, home: &Path) -> Result<Churned> {
    let seconds = flags.seconds.min(CHURN_S);
    let directory = Directory::open(shelf)?;
    let history = History::open(Arc::new(Directory::open(shelf)?))?;
    let tail = history.tail()?.context("there is a base")?;
    let mut open = Segments::after(tail.link, tail.through, tail.dictionary);
    let mut command = itself()?;
    command.arg("churn").arg(shelf).arg(home).arg(seconds.to_string());
    let following = tokio::spawn(async move { measure::run(&mut command).await });
    let end = ambient::monotonic() + Duration::from_secs(seconds + 1);
    while ambient::monotonic() < end {
        let next = ambient::monotonic() + CUT_EVERY;
        let mut at_ms = 0;
        for _ in 0..WRITES_A_SECOND / 2 {
            let (ms, write) = seeded.churn.next().context("churn never ends")?;
            at_ms = ms;
            let records = seeded.store.apply(&write);
            open.add(ms, &write, records);
        }
        if let Some((written, body)) = open.cut(at_ms, seeded.store.revision)? {
            directory.create(&written.name, &mut &*body)?;
        }
        ambient::sleep(next.saturating_duration_since(ambient::monotonic())).await;
    }
    let (said, _) = following.await??;
    let said: Vec<f64> = said.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [shelf_bytes, disk_bytes, look_ms, cpu_s, records] = said[..] else {
        anyhow::bail!("{said:?} is not what it says");
    };
    ensure!(records > 0.0, "nothing was followed");
    let an_hour = 3600.0 / seconds as f64 / 1e6;
    Ok(Churned {
        shelf_mb_an_hour: shelf_bytes * an_hour,
        disk_mb_an_hour: disk_bytes * an_hour,
        look_ms,
        cpu_percent: 100.0 * cpu_s / seconds as f64,
        ratio: size(home)? as f64 / seeded.bytes as f64,
    })
}

fn size(home: &Path) -> Result<u64> {
    Ok(std::fs::metadata(home.join("db"))?.len())
}

/// `bench do follow`: everything that is there, once.
pub(crate) fn follow(shelf: &Path, home: &Path) -> Result<()> {
    let shelf: Arc<dyn Shelf> = Arc::new(Directory::open(shelf)?);
    Follower::open(home)?.advance(&shelf)?;
    Ok(())
}

/// `bench do promote`.
pub(crate) fn promote(home: &Path, into: &Path) -> Result<()> {
    let promoted = Follower::open(home)?.promote(&Promotion {
        members: Members::one("bench", "http://127.0.0.1:2380", "bench"),
        name: "bench".to_owned(),
        into: into.to_owned(),
        line: Line::V3_6,
        least: None,
        bump: Some(DEFAULT_BUMP),
    })?;
    say(&format!("{} keys, {} bytes", promoted.rebuilt.keys, promoted.rebuilt.bytes));
    Ok(())
}

/// `bench do churn`: follows for so many seconds, with a look a second. Says the bytes that were read from the shelf and written to
/// the disk, how long a look took, the CPU, and how many records there were.
pub(crate) async fn churn(shelf: &Path, home: &Path, seconds: u64) -> Result<()> {
    let counted = Arc::new(Counted { shelf: Directory::open(shelf)?, read: Arc::default() });
    let shelf: Arc<dyn Shelf> = Arc::<Counted>::clone(&counted);
    let mut follower = Follower::open(home)?;
    follower.advance(&shelf)?;
    let begun = (
        counted.read.load(Ordering::Relaxed),
        written()?,
        measure::Usage::of("self").unwrap_or_default(),
    );
    let (mut looks, mut records) = (Vec::new(), 0);
    for _ in 0..seconds {
        let began = ambient::monotonic();
        if let Done::Appended { records: more, .. } = follower.advance(&shelf)? {
            records += more;
        }
        looks.push(began.elapsed().as_secs_f64() * 1e3);
        ambient::sleep(Duration::from_secs(1).saturating_sub(began.elapsed())).await;
    }
    let cpu_s = measure::Usage::of("self").unwrap_or_default().cpu_s - begun.2.cpu_s;
    let (read, disk) = (counted.read.load(Ordering::Relaxed) - begun.0, written()? - begun.1);
    say(&format!("{read} {disk} {} {cpu_s} {records}", percentile(&looks, 0.99)));
    Ok(())
}

/// The bytes that this process has had written to a disk.
fn written() -> Result<u64> {
    let io = std::fs::read_to_string("/proc/self/io")?;
    let bytes = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    Ok(bytes.context("/proc/self/io has no wchar")?.parse()?)
}

/// A directory that counts what is read of its objects.
struct Counted {
    shelf: Directory,
    read: Arc<AtomicU64>,
}

struct CountedObject(Arc<dyn Object>, Arc<AtomicU64>);

impl Object for CountedObject {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> std::io::Result<()> {
        self.1.fetch_add(into.len() as u64, Ordering::Relaxed);
        self.0.read_at(offset, into)
    }
}

impl Shelf for Counted {
    fn create(&self, name: &Name, body: &mut dyn Read) -> Result<Put, FileError> {
        self.shelf.create(name, body)
    }

    fn list(&self) -> Result<Vec<Name>, FileError> {
        self.shelf.list()
    }

    fn open(&self, name: &Name) -> Result<Arc<dyn Object>, FileError> {
        Ok(Arc::new(CountedObject(self.shelf.open(name)?, Arc::clone(&self.read))))
    }

    fn remove(&self, name: &Name) -> Result<(), FileError> {
        self.shelf.remove(name)
    }
}
