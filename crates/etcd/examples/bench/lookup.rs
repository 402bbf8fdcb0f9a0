//! One object out of a large history: looked up, beside reading all of it. Start at [`run`].

use crate::flags::Flags;
use crate::{large, rebuilds};
use anyhow::{Context, Result};
use etcd::history::{Directory, History, Role};
use measure::{Costs, Goal, Row, itself, say, settle};
use std::path::Path;
use std::sync::Arc;

/// Revisions after the base: what an hour brings where nothing was merged yet.
const REVISIONS: u64 = 10_000;
const GOAL_S: f64 = 1.0;

/// The rows.
pub(crate) async fn run(flags: &Flags) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(&flags.work)?;
    let (db, shelf) = (folder.path().join("db"), folder.path().join("history"));
    let mut seeded = large::seed(&db, flags.bytes, true)?;
    rebuilds::base(&db, &shelf, folder.path())?;
    std::fs::remove_file(&db)?;
    let history = History::open(Arc::new(Directory::open(&shelf)?))?;
    let tail = history.tail()?.context("there is a base")?;
    large::segments(&mut seeded, tail, &Directory::open(&shelf)?, REVISIONS)?;
    let key = some_key(&shelf)?;
    say(&format!(
        "{:.0} MB with {} records, then {REVISIONS} revisions; looking for {key}",
        seeded.bytes as f64 / 1e6,
        seeded.records
    ));
    let [mut quick, mut whole] = [(); 2].map(|()| (Costs::default(), Vec::new()));
    for run in 0..=flags.runs {
        for (work, kept) in [("lookup", &mut quick), ("scan", &mut whole)] {
            settle().await?;
            let (said, cost) = measure::run(itself()?.arg(work).arg(&shelf).arg(&key)).await?;
            let read = said.trim().parse::<f64>().context("the bytes that it read")? / 1e6;
            say(&format!("run {run}: {work} {:.3} s, {read:.1} MB read", cost.wall_s));
            // Before the first, files come from the disk, whoever reads them.
            if run > 0 {
                kept.0.push(cost);
                kept.1.push(read);
            }
        }
    }
    let row = |work: &str, unit, ours: Vec<f64>, theirs: Vec<f64>, goal| Row {
        work: work.to_owned(),
        unit,
        ours,
        peer: Some(("reading all of it".to_owned(), theirs)),
        goal,
    };
    Ok(vec![
        row("one object out of a history", "s", quick.0.wall_s, whole.0.wall_s, Goal::AtMost(GOAL_S)),
        row("what is read for it", "MB", quick.1, whole.1, Goal::None),
        row("its peak memory", "MiB", quick.0.peak_mib, whole.0.peak_mib, Goal::None),
    ])
}

/// A key in the midst of the base.
fn some_key(shelf: &Path) -> Result<String> {
    let history = History::open(Arc::new(Directory::open(shelf)?))?;
    let timeline = history.newest().context("the history is empty")?;
    let newest = timeline.newest().context("the timeline is empty")?;
    let moment = history.moment(timeline.number, newest)?;
    let base = moment.base();
    let live = base.frames_of(Role::Live);
    let middle = live
        .get(live.len() / 2)
        .and_then(|it| base.frames().get(*it))
        .context("the base is empty")?;
    Ok(String::from_utf8_lossy(&middle.first_key).into_owned())
}
