//! One very large file, in every way in which Lifeboat stores one and reads it back: what memory that takes. Start at [`run`].

use crate::data;
use crate::flags::Flags;
use crate::home::Home;
use crate::objects::{MEMORY_GOAL, row};
use crate::peers::Restic;
use crate::works::measured;
use anyhow::Result;
use measure::{Cost, Goal, Row, say, settle};
use std::fs;

const SEED: u64 = 3;

/// The rows. Some three times the file has to be free.
pub(crate) async fn run(flags: &Flags) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(&flags.work)?;
    let [tree, home, peer, made] = ["tree", "home", "restic", "made"].map(|name| folder.path().join(name));
    let source = tree.join("large");
    fs::create_dir(&tree)?;
    data::file(&source, SEED, flags.large)?;
    let gb = flags.large as f64 / 1e9;
    let mut rows = Vec::new();
    for (there, what, back) in [
        ("part", "a part of a point", "fetch"),
        ("history", "an object of a history", "unpack"),
    ] {
        Home::make(&home).await?;
        let stored = measured(there, &home, &source).await?;
        let read = measured(back, &home, &made).await?;
        fs::remove_file(&made)?;
        fs::remove_dir_all(&home)?;
        for (cost, how) in [(stored, "stored"), (read, "read back")] {
            say(&told(what, how, cost));
            let work = format!("{gb} GB as {what}, {how}: peak memory");
            rows.push(Row {
                work,
                unit: "MiB",
                ours: vec![cost.peak_mib],
                peer: None,
                goal: MEMORY_GOAL,
            });
        }
    }
    Home::make(&home).await?;
    let ours = [
        measured("take", &home, &tree).await?,
        measured("restore", &home, &made).await?,
    ];
    fs::remove_dir_all(&made)?;
    fs::remove_dir_all(&home)?;
    let restic = Restic::make(&peer).await?;
    settle().await?;
    let backup = restic.backup(&tree).await?;
    settle().await?;
    let theirs = [backup, restic.restore(&made).await?];
    for ((ours, theirs), (how, name)) in ours
        .into_iter()
        .zip(theirs)
        .zip([("copied", "restic backup"), ("put back", "restic restore")])
    {
        say(&format!("{}; {}", told("a file", how, ours), told("restic", how, theirs)));
        let one = |what: &str, unit, a: f64, b: f64, goal| {
            row(&format!("{gb} GB as a file, {how}{what}"), unit, &[a], name, &[b], goal)
        };
        rows.push(one(": peak memory", "MiB", ours.peak_mib, theirs.peak_mib, MEMORY_GOAL));
        rows.push(one("", "s", ours.wall_s, theirs.wall_s, Goal::None));
    }
    Ok(rows)
}

fn told(what: &str, how: &str, cost: Cost) -> String {
    format!("{what}, {how}: {:.1} s, {:.0} MiB", cost.wall_s, cost.peak_mib)
}
