use super::*;

#[test]
fn the_same_is_told_once_a_minute_until_it_is_over() {
    let start = ambient::monotonic();
    let mut tidings = Tidings::default();
    let mut at = |second: u64, note: &Note| tidings.text(note, start + Duration::from_secs(second));
    let one = Note::Lost { why: "etcd at a did not answer".to_owned() };
    let other = Note::Lost { why: "etcd at b did not answer".to_owned() };
    assert_eq!(at(0, &one).as_deref(), Some("etcd at a did not answer; trying again"));
    assert!(at(1, &other).is_some());
    assert_eq!((at(2, &one), at(3, &other), at(59, &one)), (None, None, None));
    assert_eq!(at(61, &one).as_deref(), Some("etcd at a did not answer; trying again, for 1 min now"));
    assert_eq!(at(119, &one), None);
    assert_eq!(at(181, &one).as_deref(), Some("etcd at a did not answer; trying again, for 3 min now"));
    let back = Note::Connected { endpoint: "a".to_owned(), from: 2 };
    assert!(at(182, &back).is_some() && at(183, &back).is_some());
    assert_eq!(at(184, &one).as_deref(), Some("etcd at a did not answer; trying again"));
}
