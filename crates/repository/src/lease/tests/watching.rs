//! How long a lease has not changed, as an observer sees it.

use super::*;
use std::time::Duration;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn nobody_waits_for_a_lease_that_was_never_held() {
    let mut watch = Watch::default();
    watch.saw(None, 0, ms(5)).unwrap();
    watch.takeable(ms(5)).unwrap();
}

#[test]
fn time_counts_from_when_this_observer_saw_the_change() {
    let mut watch = Watch::default();
    watch.saw(Some(&record(7, 4)), 0, ms(10_000)).unwrap();
    watch.saw(Some(&record(7, 4)), 7, ms(11_000)).unwrap();
    let held = watch.takeable(ms(11_000)).unwrap_err();
    assert_eq!(held.to_string(), "host 4 holds the lease in epoch 4, and it has not changed for 1000 ms");
    watch.saw(Some(&record(8, 4)), 7, ms(11_100)).unwrap();
    assert!(watch.takeable(ms(12_349)).is_err());
    watch.takeable(ms(12_350)).unwrap();
    // A host that was started again in the meantime has a younger clock, and no watch from before.
    assert!(watch.takeable(ms(3)).is_err());
}

#[test]
fn a_released_lease_is_free() {
    let mut watch = Watch::default();
    watch
        .saw(Some(&Record { state: State::Released, ..record(7, 4) }), 0, ms(1))
        .unwrap();
    watch.takeable(ms(1)).unwrap();
}

#[test]
fn late_answers_are_told_from_a_store_that_was_set_back() {
    let mut watch = Watch::default();
    watch.saw(Some(&record(8, 4)), 0, ms(1)).unwrap();
    // Asked for before 8 was seen.
    watch.saw(Some(&record(7, 4)), 6, ms(2)).unwrap();
    assert_eq!(watch.number(), 8);
    for found in [None, Some(&record(7, 4))] {
        let error = watch.saw(found, 8, ms(3)).unwrap_err();
        assert!(matches!(error, LeaseError::SetBack { seen: 8, .. }), "{error}");
    }
}

#[test]
fn what_cannot_follow_is_damage() {
    let known = Record { floor: 3, ..record(8, 4) };
    let renewed = Record { floor: 3, ..record(9, 4) };
    let released = Record { state: State::Released, ..known.clone() };
    let cases = [
        (&known, Record { ttl_ms: 7, ..known.clone() }, "it was replaced by another one"),
        (&known, Record { floor: 3, ..record(9, 5) }, "its epoch is older than the one before it"),
        (&released, renewed.clone(), "its tenure was over before it"),
        (&known, Record { floor: 2, ..renewed }, "its floor is below the one before it"),
    ];
    for (known, found, reason) in cases {
        let mut watch = Watch::default();
        watch.saw(Some(known), 0, ms(1)).unwrap();
        let error = watch.saw(Some(&found), 8, ms(2)).unwrap_err();
        let number = found.number;
        assert_eq!(error.to_string(), format!("record {number} of the lease is damaged: {reason}"));
    }
    let mut watch = Watch::default();
    watch.saw(Some(&known), 0, ms(1)).unwrap();
    watch.saw(Some(&Record { floor: 3, ..record(20, 9) }), 8, ms(2)).unwrap();
}
