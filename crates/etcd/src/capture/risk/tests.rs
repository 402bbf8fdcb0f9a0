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
