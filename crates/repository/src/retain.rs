//! Which points may go. Pure.

use estate::PointId;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// The points that are to be removed, oldest first. Kept are the newest `keep` (one at least), the first of each hour (UTC)
/// for `keep_hourly` hours back from `now`, and `keep_always`, the last that was proven. A point whose id is no date is
/// neither counted nor removed: nobody can tell its age.
pub fn retain(
    points: &[PointId],
    keep: u32,
    keep_hourly: u32,
    keep_always: Option<&PointId>,
    now: Timestamp,
) -> Vec<PointId> {
    let dated: BTreeMap<&PointId, Timestamp> = points.iter().filter_map(|id| Some((id, id.at()?))).collect();
    let newest = dated.keys().rev().take(keep.max(1) as usize);
    let mut kept: BTreeSet<&PointId> = newest.copied().chain(keep_always).collect();

    let oldest_hour = hour(now).saturating_sub(i64::from(keep_hourly));
    let mut first: BTreeMap<i64, (Timestamp, &PointId)> = BTreeMap::new();
    for (&id, &at) in dated.iter().filter(|(_, at)| hour(**at) > oldest_hour) {
        // By time, not by id: an hour may have points of two epochs.
        let found = first.entry(hour(at)).or_insert((at, id));
        *found = (*found).min((at, id));
    }
    if keep_hourly > 0 {
        kept.extend(first.values().map(|(_, id)| *id));
    }
    dated.into_keys().filter(|id| !kept.contains(id)).cloned().collect()
}

fn hour(at: Timestamp) -> i64 {
    at.as_second().div_euclid(3600)
}
