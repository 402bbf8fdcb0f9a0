//! `cargo xtask bench etcd`: what a history costs and gains, each work beside a peer in one run. Start at [`work`].
//!
//! An example and not part of xtask, so that only what crate `etcd` needs is built with optimisations.

mod bytes;
mod deltas;
mod figures;
mod first;
mod flags;
mod large;
mod live;
mod load;
mod printer;
mod process;
mod rebuilds;
mod server;
mod workload;
mod works;

use anyhow::{Context, Result};
use flags::Flags;
use printer::say;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match words.split_first() {
        Some((first, rest)) if first == "do" => works::run(rest).await,
        _ => work(words).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Does the works that were asked for, and shows the table.
async fn work(words: Vec<String>) -> Result<()> {
    let mut flags = Flags::parse(words)?;
    // Goes with all that is in it, however this ends.
    let folder = tempfile::tempdir_in(&flags.work)?;
    flags.work = folder.path().to_owned();
    let mut rows = Vec::new();
    macro_rules! work {
        ($name:literal, $what:literal, $run:path) => {
            if flags.wants($name) {
                say(concat!("\n==> ", $name, ": ", $what));
                rows.extend($run(&flags).await.context($name)?);
            }
        };
    }
    work!("first", "the first copy of a large etcd", first::run);
    work!("rebuild", "a data directory of one large copy", rebuilds::run);
    work!("replay", "a data directory of a copy and many revisions", rebuilds::replay);
    work!("risk", "seconds at risk while it is written to", live::risk);
    work!("cost", "what being captured costs an etcd", live::cost);
    work!("bytes", "what an hour of a busy control plane takes", bytes::run);
    say(&format!("\n{}", figures::HEAD));
    rows.iter().for_each(|row| say(&row.line()));
    Ok(())
}
