use super::*;

#[test]
fn what_a_bucket_says_of_its_lock_is_understood() {
    let answer =
        |inner: &str| format!("<?xml version=\"1.0\"?><ObjectLockConfiguration>{inner}</ObjectLockConfiguration>");
    let enabled = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>";
    let rule = |inner: &str| format!("{enabled}<Rule><DefaultRetention>{inner}</DefaultRetention></Rule>");
    for (inner, expected) in [
        (String::new(), None),
        (enabled.to_owned(), Some(None)),
        (rule("<Mode>GOVERNANCE</Mode><Days>30</Days>"), Some(Some((LockMode::Governance, 30)))),
        (rule("<Mode>COMPLIANCE</Mode><Years>2</Years>"), Some(Some((LockMode::Compliance, 730)))),
        (rule("<Mode>OTHER</Mode><Days>30</Days>"), Some(None)),
        (rule("<Mode>GOVERNANCE</Mode><Days>many</Days>"), Some(None)),
    ] {
        let found = configuration(&answer(&inner));
        assert_eq!(found.map(|lock| lock.default), expected, "{inner}");
    }
}

#[test]
fn a_lock_is_made_longer_and_stricter_and_never_the_opposite() {
    use LockMode::{Compliance, Governance};
    let at = |day: u32| -> Timestamp { format!("2027-01-{day:02}T00:00:00Z").parse().unwrap() };
    for (there, wanted, expected) in [
        (None, (at(5), Governance), Some((at(5), Governance))),
        (Some((Governance, at(4))), (at(5), Governance), Some((at(5), Governance))),
        (Some((Governance, at(5))), (at(5), Governance), None),
        (Some((Compliance, at(9))), (at(5), Governance), None),
        (Some((Compliance, at(4))), (at(5), Governance), Some((at(5), Compliance))),
        (Some((Governance, at(9))), (at(5), Compliance), Some((at(9), Compliance))),
    ] {
        assert_eq!(lacking(there, wanted), expected, "{there:?} {wanted:?}");
    }
}

#[test]
fn what_is_wanted_of_a_lock_and_what_there_is_reads_well() {
    let plain = Some(ObjectLock { default: None });
    let by_itself = Some(ObjectLock { default: Some((LockMode::Compliance, 30)) });
    let mut said = String::new();
    for wanted in [None, Some(LockMode::Governance)] {
        for bucket in [None, plain, by_itself] {
            let state = LockState { wanted, bucket };
            said += &format!("{state}\n");
            assert_eq!(state.mode().is_some(), wanted.is_some() && bucket.is_some());
            assert_eq!(state.is_lacking(), wanted.is_some() && bucket.is_none());
        }
    }
    insta::assert_snapshot!(said);
}

#[test]
fn a_lock_is_asked_for_as_it_is_read() {
    let until: Timestamp = "2027-01-02T03:04:05Z".parse().unwrap();
    for mode in [LockMode::Governance, LockMode::Compliance] {
        assert_eq!(retained(&retention(until, mode)), Some((mode, until)));
    }
    assert_eq!(retained("<Retention><Mode>GOVERNANCE</Mode></Retention>"), None);
    assert_eq!(retained("nonsense"), None);
}
