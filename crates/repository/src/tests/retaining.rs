//! Which points may go.

use super::*;
use crate::retain;
use jiff::Timestamp;
use proptest::prelude::*;

fn at(epoch: u64, time: &str) -> PointId {
    PointId::new(Epoch(epoch), format!("2026-11-22T{time}Z").parse().unwrap(), "k7xq").unwrap()
}

fn now() -> Timestamp {
    "2026-11-22T12:30:00Z".parse().unwrap()
}

#[test]
fn the_newest_the_first_of_each_hour_and_the_proven_stay() {
    let points = [
        at(1, "09:00:00"),
        at(1, "09:30:00"),
        at(1, "10:10:00"),
        at(1, "10:20:00"),
        at(1, "11:00:00"),
        at(2, "11:10:00"),
        at(2, "12:00:00"),
        at(2, "12:20:00"),
        at(2, "12:29:00"),
    ];
    let gone = |keep, hourly, proven: Option<&PointId>| {
        let gone = retain(&points, keep, hourly, proven, now());
        gone.iter()
            .map(|id| points.iter().position(|p| p == id).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(gone(2, 3, None), [0, 1, 3, 5]);
    assert_eq!(gone(2, 3, Some(&points[1])), [0, 3, 5]);
    assert_eq!(gone(2, 0, None), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(gone(0, 0, None), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(gone(9, 0, None), [0; 0]);
    assert_eq!(retain(&[], 1, 1, None, now()), []);
}

#[test]
fn a_point_of_no_time_is_left_alone_and_takes_no_place() {
    let never: PointId = "999999-20261399T000000.000Z-k7xq".parse().unwrap();
    let points = [at(1, "09:00:00"), at(1, "10:00:00"), never];
    assert_eq!(retain(&points, 1, 0, None, now()), [at(1, "09:00:00")]);
}

prop_compose! {
    fn points()(minutes in proptest::collection::vec((1_u64..3, 0_i64..4000), 0..60)) -> Vec<PointId> {
        let begin: Timestamp = "2026-11-20T00:00:00Z".parse().unwrap();
        let id = |(epoch, minutes): (u64, i64)| {
            PointId::new(Epoch(epoch), begin + jiff::SignedDuration::from_mins(minutes), "k7xq").unwrap()
        };
        minutes.into_iter().map(id).collect()
    }
}

proptest! {
    #[test]
    fn what_must_stay_stays(points in points(), keep in 0_u32..10, hourly in 0_u32..80, proven in any::<prop::sample::Index>()) {
        let proven = (!points.is_empty()).then(|| proven.get(&points));
        let gone = retain(&points, keep, hourly, proven, now());
        let mut sorted: Vec<_> = points.clone();
        sorted.sort();
        sorted.dedup();
        for newest in sorted.iter().rev().take(keep.max(1) as usize).chain(proven) {
            prop_assert!(!gone.contains(newest));
        }
        prop_assert!(gone.iter().all(|id| points.contains(id)));
        prop_assert!(gone.is_sorted());

        let left: Vec<_> = points.iter().filter(|id| !gone.contains(id)).cloned().collect();
        prop_assert_eq!(retain(&left, keep, hourly, proven, now()), vec![]);
    }
}
