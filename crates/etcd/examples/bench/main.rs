//! `cargo xtask bench etcd`: what a history costs and gains, each work beside a peer in one run. Start at [`WORKS`].
//!
//! An example and not part of xtask, so that only what crate `etcd` needs is built with optimisations.

mod bytes;
mod deltas;
mod figures;
mod flags;
mod printer;
mod process;
mod server;
mod workload;

use anyhow::{Context, Result};
use flags::Flags;
use printer::say;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match work().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn work() -> Result<()> {
    let flags = Flags::parse(std::env::args().skip(1))?;
    let mut rows = Vec::new();
    if flags.wants("bytes") {
        say("\n==> bytes: an hour of a busy control plane");
        rows.extend(bytes::run(&flags).await.context("bytes")?);
    }
    say(&format!("\n{}", figures::HEAD));
    rows.iter().for_each(|row| say(&row.line()));
    Ok(())
}
