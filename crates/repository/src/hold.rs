//! Until when an object is locked, where a bucket can lock objects. Pure.
//!
//! A lock can be made longer and never shorter. So nothing is locked for longer than it is sure to stay: by [`crate::retain`],
//! for as long as the settings are the same, and by the window of a history. A point's lock grows as it outlives others.

use crate::periods::Period;
use crate::retain::{Judgement, Reason, rule};
use estate::{Keep, PointId};
use jiff::Timestamp;
use std::time::Duration;

/// Until when a point, its manifest and its parts, should be locked; `None` where nothing says how long it stays.
pub fn point_lock(judged: &Judgement, keep: &Keep, now: Timestamp) -> Option<Timestamp> {
    let at = judged.point.at()?;
    let within = judged.kept.contains(&Reason::Within).then(|| after(at, keep.within));
    let periods = Period::ALL.into_iter().filter_map(|period| {
        let (number, reason) = rule(period, keep);
        let own = period.number(at);
        // Before the period is over, a newer point takes its place.
        let stays = judged.kept.contains(&reason) && own < period.number(now);
        // It stays until as many later periods have points, which is not before the last of them has begun.
        stays.then(|| period.begin(own.saturating_add(i64::from(number))))
    });
    within.into_iter().chain(periods).max().filter(|until| *until > now)
}

/// Until when a point should be locked that has just been taken: what else keeps it is not known yet.
pub fn first_lock(point: &PointId, keep: &Keep, now: Timestamp) -> Option<Timestamp> {
    let kept = [Reason::Last, Reason::Within].into();
    point_lock(&Judgement { point: point.clone(), kept }, keep, now)
}

/// Until when an object of a history should be locked. `needed` is the last moment that is rebuilt with it: of a segment or a
/// level the time of its last change, of a base the time at which the next one will be there. `points` are the locks of the points
/// that are rebuilt with it.
pub fn history_lock(needed: Timestamp, window: Duration, points: impl IntoIterator<Item = Timestamp>) -> Timestamp {
    points.into_iter().fold(after(needed, window), Timestamp::max)
}

fn after(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}
