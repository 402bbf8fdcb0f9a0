//! The arguments, as `cargo xtask bench etcd` passes them on: [`Flags::parse`].

use anyhow::{Context, Result, bail};
use std::path::PathBuf;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flags {
    /// Works whose name begins so; all if there is none.
    pub(crate) only: Vec<String>,
    /// How often each is repeated.
    pub(crate) runs: usize,
    /// The size of the large database, in bytes.
    pub(crate) bytes: u64,
    /// How long loads last, in seconds.
    pub(crate) seconds: u64,
    /// Where etcd, etcdctl and etcdutl are.
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
            only: Vec::new(),
            runs: 3,
            bytes: 1 << 30,
            seconds: 600,
            tools: PathBuf::new(),
            work: std::env::temp_dir(),
        };
        for (name, value) in measure::pairs(words)? {
            match name.as_str() {
                "--only" => flags.only.extend(value.split(',').map(str::to_owned)),
                "--runs" => flags.runs = value.parse().context("--runs")?,
                "--size" => flags.bytes = measure::bytes(&value)?,
                "--seconds" => flags.seconds = value.parse().context("--seconds")?,
                "--tools" => flags.tools = value.into(),
                "--work" => flags.work = value.into(),
                _ => bail!("{name} is no flag of the bench"),
            }
        }
        Ok(flags)
    }
}

#[cfg(test)]
mod tests;
