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
        let mut words = words.into_iter();
        while let Some(name) = words.next() {
            let value = words.next().with_context(|| format!("{name} has no value"))?;
            match name.as_str() {
                "--only" => flags.only.extend(value.split(',').map(str::to_owned)),
                "--runs" => flags.runs = value.parse().context("--runs")?,
                "--size" => flags.bytes = bytes(&value)?,
                "--seconds" => flags.seconds = value.parse().context("--seconds")?,
                "--tools" => flags.tools = value.into(),
                "--work" => flags.work = value.into(),
                _ => bail!("{name} is no flag of the bench"),
            }
        }
        Ok(flags)
    }

    /// Whether a work was asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.starts_with(only.as_str()))
    }
}

/// `1GiB`, `200MiB`, or bytes.
fn bytes(text: &str) -> Result<u64> {
    let units = [("GiB", 30), ("MiB", 20), ("", 0)];
    let parsed = units.into_iter().find_map(|(unit, shift)| {
        let number: u64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        number.checked_mul(1 << shift)
    });
    parsed.with_context(|| format!("{text} is no size, as 1GiB or 200MiB are"))
}

#[cfg(test)]
mod tests;
