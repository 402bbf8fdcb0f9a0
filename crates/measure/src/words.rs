//! The arguments of a benchmark, as `cargo xtask bench` passes them on.

use anyhow::{Context, Result};

/// `--name value` pairs.
///
/// # Errors
/// A name has no value.
pub fn pairs(words: impl IntoIterator<Item = String>) -> Result<Vec<(String, String)>> {
    let (mut words, mut pairs) = (words.into_iter(), Vec::new());
    while let Some(name) = words.next() {
        let value = words.next().with_context(|| format!("{name} has no value"))?;
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// A size: `1GiB`, `200MiB`, `10GB`, or bytes.
///
/// # Errors
/// It is none.
pub fn bytes(text: &str) -> Result<u64> {
    let units = [
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("", 1),
    ];
    let parsed = units.into_iter().find_map(|(unit, factor): (&str, u64)| {
        let number: u64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        number.checked_mul(factor)
    });
    parsed.with_context(|| format!("{text} is no size, as 1GiB or 10GB are"))
}

#[cfg(test)]
mod tests;
