//! `cargo xtask bench etcd`: what a history costs and gains, each work beside a peer in one run. Start at [`work`].
//!
//! An example and not part of xtask, so that only what crate `etcd` needs is built with optimisations.

mod bytes;
mod deltas;
mod first;
mod flags;
mod follow;
mod large;
mod live;
mod load;
mod lookup;
mod rebuilds;
mod server;
mod workload;
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
    flags.work = folder.path().to_owned();
    let (flags, mut bench) = (&flags, Bench::of(flags.only.clone()));
    let it = &mut bench;
    it.work("first", "the first copy of a large etcd", async || first::run(flags).await)
        .await?;
    it.work("rebuild", "a data directory of one large copy", async || rebuilds::run(flags).await)
        .await?;
    let what = "a data directory of a copy and many revisions";
    it.work("replay", what, async || rebuilds::replay(flags).await).await?;
    it.work("lookup", "one object out of a large history", async || lookup::run(flags).await)
        .await?;
    let what = "the newest state of a history, followed and promoted";
    it.work("follow", what, async || follow::run(flags).await).await?;
    it.work("risk", "seconds at risk while it is written to", async || live::risk(flags).await)
        .await?;
    it.work("cost", "what being captured costs an etcd", async || live::cost(flags).await)
        .await?;
    let what = "what an hour of a busy control plane takes";
    it.work("bytes", what, async || bytes::run(flags).await).await?;
    bench.show();
    Ok(())
}
