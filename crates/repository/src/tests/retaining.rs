//! Which points stay, and for how long they may be locked.

use super::*;
use crate::periods::Period;
use crate::{Judgement, Known, Reason, first_lock, history_lock, point_lock, retain};
use estate::Keep;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

fn at(epoch: u64, time: &str) -> PointId {
    PointId::new(Epoch(epoch), format!("{time}:00Z").parse().unwrap(), "k7xq").unwrap()
}

fn now() -> Timestamp {
    "2026-11-22T12:30:00Z".parse().unwrap()
}

fn nothing() -> Keep {
    Keep {
        last: 0,
        within: Duration::ZERO,
        hourly: 0,
        daily: 0,
        weekly: 0,
        monthly: 0,
        yearly: 0,
    }
}

fn known(points: impl IntoIterator<Item = PointId>) -> Known {
    Known { points: points.into_iter().collect(), ..Known::default() }
}

fn shown(judged: &[Judgement]) -> String {
    judged.iter().map(|it| format!("{it}\n")).collect()
}

#[test]
fn all_that_somebody_asks_for_or_holds_stay() {
    let points: Vec<PointId> = (1..5).map(id).collect();
    let asked = BTreeSet::from([points[0].clone(), points[1].clone()]);
    let keep = Keep { last: 1, ..nothing() };
    let asked_for = Known { asked: asked.clone(), ..known(points.clone()) };
    let held = Known { held: asked.clone(), ..known(points.clone()) };
    for (known, reason) in [(asked_for, Reason::Asked), (held, Reason::Held)] {
        let judged = retain(&known, &keep, now());
        let stays = staying(&judged);
        assert!(asked.is_subset(&stays) && stays.contains(&points[3]), "{stays:?}");
        assert_eq!(judged.iter().filter(|it| it.kept.contains(&reason)).count(), 2);
    }
}

fn staying(judged: &[Judgement]) -> BTreeSet<PointId> {
    let staying = judged.iter().filter(|it| !it.goes());
    staying.map(|it| it.point.clone()).collect()
}

#[test]
fn each_rule_keeps_the_newest_of_its_periods() {
    let points = [
        at(1, "2024-12-31T23:00"),
        at(1, "2025-01-01T01:00"),
        at(1, "2025-12-31T12:00"),
        at(1, "2026-07-01T00:00"),
        at(1, "2026-09-30T23:59"),
        // A Sunday and the Monday after it.
        at(1, "2026-11-08T12:00"),
        at(1, "2026-11-09T12:00"),
        at(1, "2026-11-19T08:00"),
        at(1, "2026-11-20T08:00"),
        at(1, "2026-11-20T20:00"),
        at(1, "2026-11-22T09:10"),
        at(1, "2026-11-22T11:00"),
        at(1, "2026-11-22T11:20"),
        at(1, "2026-11-22T11:55"),
        at(2, "2026-11-22T11:50"),
        at(2, "2026-11-22T12:20"),
        at(2, "2026-11-22T12:29"),
    ];
    let keep = Keep {
        last: 2,
        within: Duration::from_secs(40 * 60),
        hourly: 3,
        daily: 3,
        weekly: 3,
        monthly: 4,
        yearly: 2,
    };
    insta::assert_snapshot!(shown(&retain(&known(points), &keep, now())));
}

#[test]
fn whose_age_cannot_be_told_or_whose_word_is_not_to_be_taken_stays_and_takes_no_place() {
    let never: PointId = "999999-20261399T000000.000Z-k7xq".parse().unwrap();
    let planted = at(7, "2026-11-22T12:29");
    let mut known = known([
        at(1, "2026-11-20T09:00"),
        at(1, "2026-11-21T09:00"),
        at(1, "2026-11-21T10:00"),
        at(1, "2026-11-21T11:00"),
        at(1, "2027-11-21T11:00"),
        planted.clone(),
        never,
    ]);
    known.unsound = [planted.clone()].into();
    known.proven = [at(1, "2026-11-20T09:00"), at(1, "2026-11-21T09:00"), planted].into();
    insta::assert_snapshot!(shown(&retain(&known, &nothing(), now())));
}

#[test]
fn what_is_needed_stays_with_all_that_it_needs_itself() {
    let point = |day: u32| at(1, &format!("2026-11-{day:02}T09:00"));
    let mut known = known((1..=6).map(point));
    // Two that need each other, and one that is not there.
    for (of, needed) in [(6, 4), (4, 2), (2, 4), (5, 3), (6, 30)] {
        known.needs.entry(point(of)).or_default().insert(point(needed));
    }
    insta::assert_snapshot!(shown(&retain(&known, &nothing(), now())));
}

#[test]
fn nothing_is_counted_back_from_a_clock_that_may_be_wrong() {
    let points: Vec<PointId> = (0..60).map(|minute| at(1, &format!("2026-11-22T11:{minute:02}"))).collect();
    let keep = Keep { within: Duration::from_secs(600), ..nothing() };
    let kept = |now: &str| staying(&retain(&known(points.clone()), &keep, now.parse().unwrap()));
    assert_eq!(kept("2026-11-22T12:00:00Z"), points[49..].iter().cloned().collect());
    assert_eq!(kept("2036-11-22T12:00:00Z"), kept("2026-11-22T12:00:00Z"));
    // Behind: more stays.
    assert_eq!(kept("2026-11-22T11:30:00Z"), points[20..].iter().cloned().collect());
    assert_eq!(kept("2016-11-22T12:00:00Z").len(), 60);
}

#[test]
fn a_lock_ends_when_a_point_may_go_and_not_later() {
    let keep = Keep { daily: 7, monthly: 2, ..Keep::default() };
    let lock = |time: &str, kept: &[Reason]| {
        let judged = Judgement { point: at(1, time), kept: kept.iter().cloned().collect() };
        point_lock(&judged, &keep, now()).map(|until| until.to_string())
    };
    use Reason::{Daily, Hourly, Last, Monthly, Proven, Within};
    assert_eq!(lock("2026-11-22T12:29", &[Last, Within]).unwrap(), "2026-11-22T14:29:00Z");
    // Its hour and its day are not over: a newer one will take its place.
    assert_eq!(lock("2026-11-22T12:29", &[Last, Hourly, Daily]), None);
    assert_eq!(lock("2026-11-22T11:59", &[Hourly, Daily]).unwrap(), "2026-11-23T11:00:00Z");
    assert_eq!(lock("2026-11-21T23:59", &[Hourly, Daily]).unwrap(), "2026-11-28T00:00:00Z");
    assert_eq!(lock("2026-10-31T23:59", &[Monthly]).unwrap(), "2026-12-01T00:00:00Z");
    // Longer kept than it had to be: nobody knows for how long.
    assert_eq!(lock("2026-09-30T23:59", &[Monthly, Proven]), None);
    assert_eq!(lock("2026-11-22T11:59", &[]), None);

    let first = |time| first_lock(&at(1, time), &keep, now()).map(|until| until.to_string());
    assert_eq!(first("2026-11-22T12:29").unwrap(), "2026-11-22T14:29:00Z");
    assert_eq!(first("2026-11-22T10:29"), None);

    let day = Duration::from_secs(86400);
    let points = ["2026-11-23T00:00:00Z", "2027-02-01T00:00:00Z"].map(|it| it.parse().unwrap());
    assert_eq!(history_lock(now(), 7 * day, []).to_string(), "2026-11-29T12:30:00Z");
    assert_eq!(history_lock(now(), 7 * day, points), points[1]);
    assert_eq!(history_lock(now(), Duration::MAX, []), Timestamp::MAX);
}

prop_compose! {
    /// Points of three years, most of them young.
    fn points()(minutes in proptest::collection::vec((1_u64..4, 0_i64..4000, 0_i64..400), 0..80)) -> Vec<PointId> {
        let id = |(epoch, minutes, days): (u64, i64, i64)| {
            let age = SignedDuration::from_mins(minutes) + SignedDuration::from_hours(24 * (days - 360).max(0) * 30);
            PointId::new(Epoch(epoch), now() - age, "k7xq").unwrap()
        };
        minutes.into_iter().map(id).collect()
    }
}

prop_compose! {
    fn keep()(rules in proptest::array::uniform6(0_u32..20), within in 0_u64..90_000) -> Keep {
        let [last, hourly, daily, weekly, monthly, yearly] = rules;
        let within = Duration::from_secs(if within < 10_000 { 0 } else { within });
        Keep { last, within, hourly, daily, weekly, monthly, yearly }
    }
}

/// Points, which of them are proven, and what needs what.
fn facts() -> impl Strategy<Value = Known> {
    let pairs = proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..8);
    (points(), pairs, any::<prop::sample::Index>()).prop_map(|(points, pairs, proven)| {
        let mut known = known(points.clone());
        if !points.is_empty() {
            known.proven.insert(proven.get(&points).clone());
            for (of, needed) in pairs {
                known
                    .needs
                    .entry(of.get(&points).clone())
                    .or_default()
                    .insert(needed.get(&points).clone());
            }
        }
        known
    })
}

proptest! {
    #[test]
    fn a_larger_policy_never_keeps_less(known in facts(), keep in keep(), more in keep()) {
        let larger = Keep {
            last: keep.last + more.last,
            within: keep.within + more.within,
            hourly: keep.hourly + more.hourly,
            daily: keep.daily + more.daily,
            weekly: keep.weekly + more.weekly,
            monthly: keep.monthly + more.monthly,
            yearly: keep.yearly + more.yearly,
        };
        let (less, more) = (staying(&retain(&known, &keep, now())), staying(&retain(&known, &larger, now())));
        prop_assert!(less.is_subset(&more));
    }

    #[test]
    fn what_was_kept_is_kept_again(known in facts(), keep in keep()) {
        let kept = staying(&retain(&known, &keep, now()));
        let again = Known { points: kept.clone(), ..known };
        prop_assert_eq!(staying(&retain(&again, &keep, now())), kept);
    }

    #[test]
    fn the_newest_the_proven_and_what_is_needed_stay(known in facts(), keep in keep()) {
        let judged = retain(&known, &keep, now());
        prop_assert!(judged.iter().map(|it| &it.point).eq(known.points.iter().rev()));
        let kept = staying(&judged);
        let newest = known.points.iter().rev().take(keep.last.max(1) as usize);
        for point in newest.chain(&known.proven) {
            prop_assert!(kept.contains(point));
        }
        for needed in kept.iter().flat_map(|it| known.needs.get(it)).flatten() {
            prop_assert!(kept.contains(needed));
        }
    }

    /// The history of a cluster from now on, however many points are taken and whichever are pruned.
    #[test]
    fn what_is_locked_would_have_stayed(
        past in points(),
        keep in keep(),
        later in proptest::collection::vec(1_i64..40_000, 0..40),
        looks in proptest::collection::vec(1_i64..60_000, 1..5),
    ) {
        let past: Vec<PointId> = past.into_iter().map(|it| PointId::new(Epoch(1), it.at().unwrap(), "k7xq").unwrap()).collect();
        let judged = retain(&known(past), &keep, now());
        let mut there = staying(&judged);
        let mut looks = looks;
        looks.sort_unstable();
        let (mut later, mut taken) = (later, 0);
        later.sort_unstable();
        for look in looks {
            let then = now() + SignedDuration::from_mins(look);
            for minute in later[taken..].iter().take_while(|minute| **minute <= look) {
                there.insert(PointId::new(Epoch(1), now() + SignedDuration::from_mins(*minute), "k7xq").unwrap());
                taken += 1;
            }
            there = staying(&retain(&known(there), &keep, then));
            for judged in &judged {
                if point_lock(judged, &keep, now()).is_some_and(|until| until > then) {
                    prop_assert!(there.contains(&judged.point), "{judged} is gone at {then}");
                }
            }
        }
    }

    #[test]
    fn periods_are_those_of_the_calendar(seconds in -62_000_000_000_i64..250_000_000_000) {
        let time = Timestamp::from_second(seconds).unwrap();
        let next = time + SignedDuration::from_secs(1);
        let date = |time: Timestamp| TimeZone::UTC.to_datetime(time);
        let turns = |of: fn(jiff::civil::DateTime) -> (i64, i64)| of(date(time)) != of(date(next));
        for (period, turns) in [
            (Period::Hour, turns(|it| (0, i64::from(it.hour())))),
            (Period::Day, turns(|it| (0, i64::from(it.day())))),
            (Period::Week, turns(|it| {
                let week = it.date().iso_week_date();
                (i64::from(week.year()), i64::from(week.week()))
            })),
            (Period::Month, turns(|it| (0, i64::from(it.month())))),
            (Period::Year, turns(|it| (0, i64::from(it.year())))),
        ] {
            let number = period.number(time);
            prop_assert_eq!(period.number(next), number + i64::from(turns), "{:?}", period);
            let begin = period.begin(number);
            prop_assert!(begin <= time && period.number(begin) == number, "{:?}", period);
            prop_assert!(period.begin(number + 1) > time, "{:?}", period);
        }
    }
}
