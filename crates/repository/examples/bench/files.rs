//! A tree of files through `rustic_core`, beside `restic` on the same disk. Start at [`run`].

use crate::data;
use crate::disk::{cool, size_mb};
use crate::flags::Flags;
use crate::home::Home;
use crate::objects::row;
use crate::peers::Restic;
use crate::works::measured;
use anyhow::Result;
use measure::{Costs, Goal, Row, say, settle};
use std::fs;

const SEED: u64 = 2;
/// More than this would be badly slower.
const GOAL: Goal = Goal::Ratio(1.2);

/// The rows. Repositories are new, and files come from the disk.
pub(crate) async fn run(flags: &Flags) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(&flags.work)?;
    let [tree, home, peer, made] = ["tree", "home", "restic", "made"].map(|name| folder.path().join(name));
    let files = data::tree(&tree, SEED, flags.bytes)?;
    say(&format!("{files} files, {:.0} MB", size_mb(&tree)?));
    let [mut take, mut restore, mut their_backup, mut their_restore] = [(); 4].map(|()| Costs::default());
    let (mut ours_mb, mut theirs_mb) = (Vec::new(), Vec::new());
    for run in 1..=flags.runs {
        let restic = Restic::make(&peer).await?;
        settle().await?;
        cool(&tree)?;
        let backup = restic.backup(&tree).await?;
        theirs_mb.push(size_mb(&restic.store())?);
        settle().await?;
        cool(&restic.store())?;
        let restored = restic.restore(&made).await?;
        fs::remove_dir_all(&made)?;
        fs::remove_dir_all(&peer)?;
        their_backup.push(backup);
        their_restore.push(restored);

        Home::make(&home).await?;
        cool(&tree)?;
        let taken = measured("take", &home, &tree).await?;
        ours_mb.push(size_mb(&home)?);
        settle().await?;
        cool(&home)?;
        let put_back = measured("restore", &home, &made).await?;
        fs::remove_dir_all(&made)?;
        fs::remove_dir_all(&home)?;
        take.push(taken);
        restore.push(put_back);
        say(&format!(
            "run {run}: restic {:.2} s, and back {:.2} s; ours {:.2} s, and back {:.2} s",
            backup.wall_s, restored.wall_s, taken.wall_s, put_back.wall_s
        ));
    }
    let (backup, back) = ("restic backup", "restic restore, synced");
    Ok(vec![
        row("files copied", "s", &take.wall_s, backup, &their_backup.wall_s, GOAL),
        row("their CPU", "s", &take.cpu_s, backup, &their_backup.cpu_s, Goal::None),
        row("their peak memory", "MiB", &take.peak_mib, backup, &their_backup.peak_mib, Goal::None),
        row("what they take", "MB", &ours_mb, backup, &theirs_mb, Goal::Ratio(1.05)),
        row("files put back", "s", &restore.wall_s, back, &their_restore.wall_s, GOAL),
        row("their CPU", "s", &restore.cpu_s, back, &their_restore.cpu_s, Goal::None),
        row("their peak memory", "MiB", &restore.peak_mib, back, &their_restore.peak_mib, Goal::None),
    ])
}
