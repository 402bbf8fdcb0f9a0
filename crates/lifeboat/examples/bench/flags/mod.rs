//! The arguments, as `cargo xtask bench daemon` passes them on: [`Flags::parse`].

use anyhow::{Context, Result, bail, ensure};
use std::path::PathBuf;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flags {
    /// How many clusters are protected, one number a turn; the largest comes first, with a busy one among them.
    pub(crate) clusters: Vec<usize>,
    /// The size of each cluster's database, in bytes.
    pub(crate) bytes: u64,
    /// How long the first turn is measured, in seconds; the others half as long.
    pub(crate) seconds: u64,
    /// Writes a second to each cluster.
    pub(crate) rate: u64,
    /// Writes a second to the busy one.
    pub(crate) busy: u64,
    /// Where etcd is.
    pub(crate) tools: PathBuf,
    /// Where to work: made for it, and removed.
    pub(crate) work: PathBuf,
}

impl Flags {
    /// From `--name value` pairs.
    ///
    /// # Errors
    /// Which word is not understood.
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut flags = Self {
            clusters: vec![1, 5, 10, 20],
            bytes: 50_000_000,
            seconds: 120,
            rate: 25,
            busy: 500,
            tools: PathBuf::new(),
            work: std::env::temp_dir(),
        };
        for (name, value) in measure::pairs(words)? {
            match name.as_str() {
                "--clusters" => {
                    let numbers: Result<_, _> = value.split(',').map(str::parse).collect();
                    flags.clusters = numbers.context("--clusters")?;
                }
                "--size" => flags.bytes = measure::bytes(&value)?,
                "--seconds" => flags.seconds = value.parse().context("--seconds")?,
                "--rate" => flags.rate = value.parse().context("--rate")?,
                "--busy" => flags.busy = value.parse().context("--busy")?,
                "--tools" => flags.tools = value.into(),
                "--work" => flags.work = value.into(),
                _ => bail!("{name} is no flag of the bench"),
            }
        }
        ensure!(!flags.clusters.contains(&0), "--clusters: at least one is protected in each turn");
        ensure!(
            flags.rate > 0 && flags.busy > 0,
            "--rate, --busy: nothing is measured where nothing is written"
        );
        flags.clusters.sort_unstable_by(|a, b| b.cmp(a));
        flags.clusters.dedup();
        Ok(flags)
    }

    /// How many clusters there are.
    pub(crate) fn most(&self) -> usize {
        self.clusters.first().copied().unwrap_or(1)
    }
}

#[cfg(test)]
mod tests;
