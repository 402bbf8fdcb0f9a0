//! A moment as it is typed: a revision, or a time.

use jiff::Timestamp;
use std::str::FromStr;

/// Which moment of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    Revision(u64),
    Time(Timestamp),
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(revision) = text.parse() {
            return Ok(Self::Revision(revision));
        }
        let ago = text.strip_suffix("ago").map(|it| it.trim_end_matches([' ', '-']));
        if let Some(span) = ago.and_then(|it| span(it).ok()) {
            let time = ambient::now()
                .checked_sub(span)
                .map_err(|_| "it is before all time".to_owned())?;
            return Ok(Self::Time(time));
        }
        text.parse().map(Self::Time).map_err(|_| {
            "it is neither a revision (8123456), nor a time with its zone (2026-11-23T02:41:07Z), nor a time ago (1h-ago)"
                .to_owned()
        })
    }
}

/// A number of bytes as it is typed: `65536`, `512KiB`, `1MiB`.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("it is no size: give bytes, KiB, MiB or GiB, as in 1MiB".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "it is no size, as in 1MiB".to_owned())?;
    number.checked_mul(unit).ok_or_else(|| "it is too large".to_owned())
}

/// A span of time as it is typed: `500ms`, `1s`, `10m`, `7d`.
pub(crate) fn span(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || "it is no span of time: give ms, s, m, h or d, as in 500ms or 7d".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let unit = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit).map(std::time::Duration::from_millis).ok_or_else(wrong)
}

/// A number of bytes as it is shown.
pub(crate) fn size(bytes: u64) -> String {
    match bytes as f64 {
        few if few < 1e3 => format!("{few} B"),
        few if few < 1e6 => format!("{:.1} kB", few / 1e3),
        some if some < 1e9 => format!("{:.1} MB", some / 1e6),
        many => format!("{:.1} GB", many / 1e9),
    }
}

#[cfg(test)]
mod tests;
