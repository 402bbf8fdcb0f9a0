//! Which recovery points are kept.

use super::reference::length;
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;

/// Which recovery points are kept: those that any of these rules keeps. Hours, days, ISO weeks, months and years are those of UTC;
/// of each, the newest point is kept, and one without points does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Keep {
    /// So many of the newest.
    pub last: u32,
    /// All of this length of time before the newest, which counts in; none when it is zero.
    #[serde(deserialize_with = "length")]
    #[schemars(with = "String")]
    pub within: Duration,
    /// The newest of each of so many hours.
    pub hourly: u32,
    /// The newest of each of so many days.
    pub daily: u32,
    /// The newest of each of so many weeks.
    pub weekly: u32,
    /// The newest of each of so many months.
    pub monthly: u32,
    /// The newest of each of so many years.
    pub yearly: u32,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            last: 20,
            within: Duration::from_hours(2),
            hourly: 24,
            daily: 7,
            weekly: 5,
            monthly: 12,
            yearly: 0,
        }
    }
}
