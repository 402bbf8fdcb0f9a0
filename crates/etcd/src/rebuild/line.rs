//! Which etcd will run what is rebuilt.

use std::fmt;
use std::str::FromStr;

/// A line of etcd's versions. What one writes, all of its line and later ones read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Line {
    /// 3.5: takes its membership from the `.snap` file, knows no storage version.
    V3_5,
    /// 3.6: takes its membership from the database, loads the `.snap` file too.
    V3_6,
    /// 3.7: takes its membership from the database.
    V3_7,
}

const LINES: [(Line, &str); 3] = [(Line::V3_5, "3.5"), (Line::V3_6, "3.6"), (Line::V3_7, "3.7")];

impl Line {
    /// The storage version that it keeps in bucket `meta`, as in `3.6.0`; etcd before 3.6 keeps none.
    pub(crate) fn storage_version(self) -> Option<String> {
        (self >= Self::V3_6).then(|| self.cluster_version())
    }

    /// The version that its clusters agree on, as in `3.6.0`.
    pub(crate) fn cluster_version(self) -> String {
        format!("{self}.0")
    }

    /// Whether something of this version (`3.7.0`) may hold what this line does not know. What cannot be understood may.
    pub(crate) fn is_older_than(self, version: &str) -> bool {
        let number = |text: Option<&str>| text.and_then(|digits| digits.parse::<u64>().ok()).unwrap_or(u64::MAX);
        let of = |text: &str| {
            let mut parts = text.split('.');
            (number(parts.next()), number(parts.next()))
        };
        of(version) > of(&self.to_string())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = LINES.iter().find(|(line, _)| line == self);
        f.write_str(name.map_or("?", |(_, name)| name))
    }
}

/// Reads `3.6` and any version of the line, as `3.6.16` or `v3.6.16`.
impl FromStr for Line {
    type Err = UnknownLine;

    fn from_str(text: &str) -> Result<Self, UnknownLine> {
        let version = text.strip_prefix('v').unwrap_or(text);
        let of = |name: &str| {
            version
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let found = LINES.iter().find(|(_, name)| of(name));
        found.map(|(line, _)| *line).ok_or_else(|| UnknownLine(text.to_owned()))
    }
}

/// An etcd that Lifeboat does not build for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("etcd {0:?} is not one that can be rebuilt for: 3.5, 3.6 or 3.7")]
pub struct UnknownLine(pub String);

#[cfg(test)]
mod tests;
