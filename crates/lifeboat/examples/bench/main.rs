//! `cargo xtask bench daemon`: how many clusters one `lifeboat serve` protects, how far behind it is, and what that costs beside what
//! their etcds cost in the same time. Start at [`work`].
//!
//! An example and not part of xtask, so that it is built with optimisations, as the `lifeboat` beside it is.

mod figures;
mod flags;
mod home;
#[allow(dead_code, reason = "the bench of etcd writes in more ways")]
#[path = "../../../etcd/examples/bench/load.rs"]
mod load;
mod protected;
#[allow(dead_code, reason = "the bench of etcd asks more of it")]
#[path = "../../../etcd/examples/bench/server.rs"]
mod server;
mod serving;
#[allow(dead_code, unused_imports, reason = "the bench of etcd makes more of it")]
#[path = "../../../etcd/examples/bench/workload/mod.rs"]
mod workload;

use anyhow::{Result, bail};
use flags::Flags;
use measure::Bench;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let no_step = async |words: &[String]| bail!("{words:?} is nothing that can be done");
    measure::carry_out(no_step, work).await
}

/// Does the work, and shows the table.
async fn work(words: Vec<String>) -> Result<()> {
    let mut flags = Flags::parse(words)?;
    // Goes with all that is in it, however this ends.
    let folder = tempfile::tempdir_in(&flags.work)?;
    flags.work = folder.path().canonicalize()?;
    let (flags, mut bench) = (&flags, Bench::of(Vec::new()));
    let what = "clusters that one lifeboat serve protects";
    bench.work("daemon", what, async || protected::run(flags).await).await?;
    bench.show();
    Ok(())
}
