//! What others do with the same bytes: [`zstd`] and [`Restic`]. Both end when what they made is durable, as ours do.

use anyhow::Result;
use measure::{Cost, run};
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// A file into a compressed one, and on the disk.
pub(crate) async fn zstd(from: &Path, into: &Path) -> Result<Cost> {
    let (_, cost) = run(Command::new("zstd").args(["-q", "-3"]).arg(from).arg("-o").arg(into)).await?;
    Ok(cost.and(synced(&[], into).await?))
}

/// Reads a compressed file to its end.
pub(crate) async fn zstd_test(file: &Path) -> Result<Cost> {
    Ok(run(Command::new("zstd").args(["-q", "-t"]).arg(file)).await?.1)
}

/// A compressed file into what it was, and on the disk.
pub(crate) async fn zstd_open(from: &Path, into: &Path) -> Result<Cost> {
    let (_, cost) = run(Command::new("zstd").args(["-q", "-d"]).arg(from).arg("-o").arg(into)).await?;
    Ok(cost.and(synced(&[], into).await?))
}

/// `sync` of a file, or with `-f` of the file system that it is in.
async fn synced(options: &[&str], path: &Path) -> Result<Cost> {
    Ok(run(Command::new("sync").args(options).arg(path)).await?.1)
}

/// A repository of restic's.
pub(crate) struct Restic(PathBuf);

impl Restic {
    /// Makes one in `folder`, which must not be there.
    pub(crate) async fn make(folder: &Path) -> Result<Self> {
        std::fs::create_dir(folder)?;
        let restic = Self(folder.to_owned());
        run(restic.command("init").args(["--repository-version", "2"])).await?;
        Ok(restic)
    }

    /// Where its objects are.
    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// Copies a folder. It syncs each object that it writes.
    pub(crate) async fn backup(&self, folder: &Path) -> Result<Cost> {
        Ok(run(self.command("backup").arg(folder)).await?.1)
    }

    /// Puts the newest snapshot back. It does not sync what it writes.
    pub(crate) async fn restore(&self, into: &Path) -> Result<Cost> {
        let (_, cost) = run(self.command("restore").args(["latest", "--target"]).arg(into)).await?;
        Ok(cost.and(synced(&["-f"], into).await?))
    }

    fn command(&self, what: &str) -> Command {
        let mut command = Command::new("restic");
        command.arg("--quiet").arg("--repo").arg(self.store()).arg(what);
        command
            .env("RESTIC_PASSWORD", "bench")
            .env("RESTIC_CACHE_DIR", self.0.join("cache"));
        command
    }
}
