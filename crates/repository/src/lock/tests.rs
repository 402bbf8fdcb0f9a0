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
fn a_lock_is_asked_for_as_it_is_read() {
    let until: Timestamp = "2027-01-02T03:04:05Z".parse().unwrap();
    for mode in [LockMode::Governance, LockMode::Compliance] {
        assert_eq!(retained(&retention(until, mode)), Some((mode, until)));
    }
    assert_eq!(retained("<Retention><Mode>GOVERNANCE</Mode></Retention>"), None);
    assert_eq!(retained("nonsense"), None);
}
