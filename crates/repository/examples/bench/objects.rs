//! Large objects: a point's part and an object of a history, beside `zstd -3` of the same bytes. Start at [`seal`] and [`read`].
//!
//! Neither of ours compresses: what Lifeboat seals as such has been compressed where it pays, or is not worth it. So what is compared
//! is the time until the same bytes are safe on the disk, and back.

use crate::data;
use crate::disk::{cool, size_mb};
use crate::flags::Flags;
use crate::home::Home;
use crate::peers;
use crate::works::measured;
use anyhow::Result;
use measure::{Costs, Goal, Row, say, settle};
use std::fs;

const SEED: u64 = 1;
/// More than this would be badly slower.
const GOAL: Goal = Goal::Ratio(1.3);
pub(crate) const MEMORY_GOAL: Goal = Goal::AtMost(256.0);

/// The rows of sealing and storing. The bytes come from memory, as they do when they have just been taken.
pub(crate) async fn seal(flags: &Flags) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(&flags.work)?;
    let source = folder.path().join("source");
    data::file(&source, SEED, flags.bytes)?;
    let [mut part, mut history, mut plain, mut tested] = [(); 4].map(|()| Costs::default());
    let (mut ours_mb, mut theirs_mb) = (Vec::new(), Vec::new());
    for run in 0..=flags.runs {
        let zst = folder.path().join("zst");
        settle().await?;
        let compressed = peers::zstd(&source, &zst).await?;
        let and_read = compressed.and(peers::zstd_test(&zst).await?);
        let smaller = size_mb(&zst)?;
        fs::remove_file(&zst)?;
        let (home, mut ours) = (folder.path().join("home"), Vec::new());
        for work in ["part", "history"] {
            Home::make(&home).await?;
            ours.push((measured(work, &home, &source).await?, size_mb(&home)?));
            fs::remove_dir_all(&home)?;
        }
        // Before the first, files come from the disk, whoever reads them.
        if run > 0 {
            plain.push(compressed);
            tested.push(and_read);
            theirs_mb.push(smaller);
            for ((cost, mb), costs) in ours.iter().zip([&mut part, &mut history]) {
                costs.push(*cost);
                ours_mb.push(*mb);
            }
        }
        let seconds: Vec<f64> = ours.iter().map(|(cost, _)| cost.wall_s).collect();
        say(&format!(
            "run {run}: zstd {:.2} s, and read {:.2} s; part {:.2} s, history {:.2} s",
            compressed.wall_s,
            and_read.wall_s,
            seconds.first().copied().unwrap_or_default(),
            seconds.last().copied().unwrap_or_default()
        ));
    }
    let (zstd, read_too) = ("zstd -3, synced", "zstd -3, synced, zstd -t");
    Ok(vec![
        row("a part, sealed and stored", "s", &part.wall_s, zstd, &plain.wall_s, GOAL),
        row("its CPU", "s", &part.cpu_s, zstd, &plain.cpu_s, Goal::None),
        row("its peak memory", "MiB", &part.peak_mib, zstd, &plain.peak_mib, MEMORY_GOAL),
        row(
            "a history's object, stored and read back",
            "s",
            &history.wall_s,
            read_too,
            &tested.wall_s,
            GOAL,
        ),
        row("its CPU", "s", &history.cpu_s, read_too, &tested.cpu_s, Goal::None),
        row("its peak memory", "MiB", &history.peak_mib, read_too, &tested.peak_mib, MEMORY_GOAL),
        row("what either takes", "MB", &ours_mb, zstd, &theirs_mb, Goal::None),
    ])
}

/// The rows of reading back. The bytes come from the disk.
pub(crate) async fn read(flags: &Flags) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(&flags.work)?;
    let [source, zst, home, made] = ["source", "zst", "home", "made"].map(|name| folder.path().join(name));
    data::file(&source, SEED, flags.bytes)?;
    peers::zstd(&source, &zst).await?;
    Home::make(&home).await?;
    for work in ["part", "history"] {
        measured(work, &home, &source).await?;
    }
    fs::remove_file(&source)?;
    let [mut fetch, mut unpack, mut plain] = [(); 3].map(|()| Costs::default());
    for run in 1..=flags.runs {
        cool(&zst)?;
        settle().await?;
        let theirs = peers::zstd_open(&zst, &made).await?;
        fs::remove_file(&made)?;
        let mut ours = Vec::new();
        for (work, costs) in [("fetch", &mut fetch), ("unpack", &mut unpack)] {
            cool(&home)?;
            let cost = measured(work, &home, &made).await?;
            fs::remove_file(&made)?;
            costs.push(cost);
            ours.push(format!("{work} {:.2} s", cost.wall_s));
        }
        plain.push(theirs);
        say(&format!("run {run}: zstd -d {:.2} s, {}", theirs.wall_s, ours.join(", ")));
    }
    let zstd = "zstd -d, synced";
    Ok(vec![
        row("a part, read back and opened", "s", &fetch.wall_s, zstd, &plain.wall_s, GOAL),
        row("its CPU", "s", &fetch.cpu_s, zstd, &plain.cpu_s, Goal::None),
        row("its peak memory", "MiB", &fetch.peak_mib, zstd, &plain.peak_mib, MEMORY_GOAL),
        row("a history's object, read in pieces", "s", &unpack.wall_s, zstd, &plain.wall_s, GOAL),
        row("its CPU", "s", &unpack.cpu_s, zstd, &plain.cpu_s, Goal::None),
        row("its peak memory", "MiB", &unpack.peak_mib, zstd, &plain.peak_mib, MEMORY_GOAL),
    ])
}

/// One row, ours beside a peer's.
pub(crate) fn row(work: &str, unit: &'static str, ours: &[f64], peer: &str, theirs: &[f64], goal: Goal) -> Row {
    Row {
        work: work.to_owned(),
        unit,
        ours: ours.to_vec(),
        peer: Some((peer.to_owned(), theirs.to_vec())),
        goal,
    }
}
