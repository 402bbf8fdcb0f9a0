//! `cargo xtask bench repository`: what sealing, storing and reading back cost, each work beside `zstd` or `restic` in one run.
//! Start at [`work`].
//!
//! An example and not part of xtask, so that only what crate `repository` needs is built with optimisations.

mod data;
mod disk;
mod files;
mod flags;
mod home;
mod memory;
mod objects;
mod peers;
mod works;

use anyhow::Result;
use flags::Flags;
use measure::Bench;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    measure::carry_out(works::run, work).await
}

/// Does the works that were asked for, and shows the table.
async fn work(words: Vec<String>) -> Result<()> {
    let mut flags = Flags::parse(words)?;
    // Goes with all that is in it, however this ends.
    let folder = tempfile::tempdir_in(&flags.work)?;
    flags.work = folder.path().canonicalize()?;
    let (flags, mut bench) = (&flags, Bench::of(flags.only.clone()));
    let it = &mut bench;
    it.work("seal", "a large object, sealed and stored", async || objects::seal(flags).await)
        .await?;
    it.work("read", "a large object, read back and opened", async || objects::read(flags).await)
        .await?;
    it.work("files", "a tree of files, copied and put back", async || files::run(flags).await)
        .await?;
    it.work("memory", "what one very large file takes", async || memory::run(flags).await)
        .await?;
    bench.show();
    Ok(())
}
