use super::*;

#[test]
fn risk_is_the_age_of_the_oldest_change_not_stored() {
    let zero = ambient::monotonic();
    let at = |ms| zero + Duration::from_millis(ms);
    let mut risk = Risk::default();
    assert_eq!((risk.behind().at_risk(at(0)), risk.behind().silent(at(0))), (Duration::ZERO, None));

    // While there is no base, all is at risk.
    risk.arrived(101, 10, at(100));
    assert_eq!(
        (risk.behind().revisions(), risk.behind().at_risk(at(350))),
        (101, Duration::from_millis(250))
    );

    risk.acknowledged(100);
    assert_eq!((risk.behind().stored, risk.behind().revisions()), (Some(100), 1));
    risk.arrived(102, 20, at(200));
    risk.arrived(103, 30, at(300));
    assert_eq!((risk.behind().revisions(), risk.behind().waiting_bytes), (3, 60));
    risk.acknowledged(102);
    assert_eq!(risk.behind().at_risk(at(1300)), Duration::from_secs(1));
    assert_eq!(risk.behind().waiting_bytes, 30);
    risk.acknowledged(103);
    assert_eq!((risk.behind().at_risk(at(9999)), risk.behind().waiting_bytes), (Duration::ZERO, 0));

    // What is stored already is no risk when it comes again.
    risk.arrived(103, 30, at(400));
    assert_eq!(risk.behind().waiting_since, None);
    assert_eq!(risk.behind().silent(at(900)), Some(Duration::from_millis(500)));
}

#[test]
fn changes_close_together_count_as_the_oldest_of_them() {
    let zero = ambient::monotonic();
    let mut risk = Risk::default();
    for n in 0..4 {
        risk.arrived(n + 1, 1, zero + Duration::from_millis(n));
    }
    assert_eq!(risk.waiting.len(), 1);
    risk.acknowledged(3);
    assert_eq!(risk.behind().waiting_since, Some(zero));
    risk.acknowledged(4);
    assert_eq!(risk.behind().waiting_since, None);
}

#[test]
fn failures_are_counted_until_something_is_stored() {
    let mut risk = Risk::default();
    risk.failed();
    risk.failed();
    assert_eq!(risk.behind().failures, 2);
    assert!(risk.recovered() && !risk.recovered());
    assert_eq!(risk.behind().failures, 0);
    risk.heard(7, ambient::monotonic());
    risk.begin_anew();
    assert_eq!((risk.behind().source, risk.behind().stored), (0, None));
}

#[test]
fn what_comes_after_a_silence_is_as_old_as_the_silence() {
    let zero = ambient::monotonic();
    let at = |ms| zero + Duration::from_millis(ms);
    let mut risk = Risk::default();
    risk.acknowledged(10);
    risk.heard(10, at(0));
    // Not when nothing was changed in it.
    risk.heard(10, at(9_000));
    assert_eq!(risk.behind().at_risk(at(9_000)), Duration::ZERO);
    // Nor for changes that come while it is heard.
    risk.heard(11, at(10_000));
    risk.arrived(11, 1, at(10_000));
    assert_eq!(risk.behind().at_risk(at(10_100)), Duration::from_millis(100));
    risk.acknowledged(11);

    // Known before it arrives, and for as long as any of it is not stored.
    risk.heard(14, at(40_000));
    assert_eq!(risk.behind().at_risk(at(40_100)), Duration::from_millis(30_100));
    risk.arrived(12, 1, at(40_100));
    risk.acknowledged(12);
    risk.arrived(14, 1, at(40_200));
    risk.arrived(15, 1, at(40_300));
    assert_eq!(risk.behind().at_risk(at(40_300)), Duration::from_millis(30_300));
    // A second silence before the first is made up for.
    risk.heard(16, at(50_000));
    assert_eq!(risk.behind().at_risk(at(50_000)), Duration::from_secs(40));
    risk.arrived(16, 1, at(50_000));
    risk.acknowledged(15);
    assert_eq!(risk.behind().at_risk(at(50_000)), Duration::from_secs(40));
    risk.acknowledged(16);
    assert_eq!(risk.behind().at_risk(at(50_000)), Duration::ZERO);
}

#[test]
fn what_was_changed_before_a_capture_goes_on_is_as_old_as_the_end_of_the_last_one() {
    let zero = ambient::monotonic();
    let at = |ms| zero + Duration::from_millis(ms);
    let mut risk = Risk::default();
    risk.resumed(10, Some(at(0)));
    assert_eq!((risk.behind().stored, risk.behind().waiting_since), (Some(10), None));
    risk.heard(12, at(60_000));
    assert_eq!(risk.behind().at_risk(at(60_000)), Duration::from_secs(60));
    risk.arrived(12, 1, at(60_100));
    assert_eq!(risk.behind().at_risk(at(60_100)), Duration::from_millis(60_100));
    risk.acknowledged(12);
    assert_eq!(risk.behind().at_risk(at(60_200)), Duration::ZERO);

    // Where the clock does not say how long that was, nobody knows, until it is stored.
    let mut risk = Risk::default();
    risk.resumed(10, None);
    assert!(risk.behind().is_known);
    risk.heard(12, at(60_000));
    risk.arrived(12, 1, at(60_000));
    assert!(!risk.behind().is_known);
    risk.acknowledged(12);
    assert!(risk.behind().is_known);
}
