use super::*;
use estate::Epoch;
use repository::Error;

/// The id of a copy begun `minute` minutes after ten.
fn id(minute: u32) -> PointId {
    let at = format!("2026-11-22T10:{minute:02}:00Z").parse().unwrap();
    PointId::new(Epoch(1), at, "k7xq").unwrap()
}

fn planted() -> PointId {
    "999999-20991231T000000.000Z-zzzz".parse().unwrap()
}

fn object() -> String {
    format!("clusters/rancher/points/{}", planted())
}

/// A header that a later version would have written: 64 bytes that anybody can make.
fn of_a_later_version() -> Trouble {
    Error::Format { object: object(), found: "2".to_owned() }.into()
}

fn refused() -> Trouble {
    let (store, reason) = ("s3".to_owned(), "InvalidObjectState".to_owned());
    Error::Refused { store, object: object(), reason }.into()
}

#[test]
fn an_object_of_a_later_version_does_not_keep_the_others_from_being_proven() {
    let points = [planted(), id(2), id(1)];
    let mut candidates = Candidates::default();
    assert_eq!(candidates.next(&points, None), Some(&points[0]));
    candidates.failed(&points[0], &of_a_later_version());
    assert_eq!(candidates.next(&points, None), Some(&points[1]));
    assert_eq!(candidates.next(&points, Some(&id(2))), None);
    assert_eq!(&*candidates.of_newest(&points).unwrap().code, "LB0307");
    // The next copy is older than the planted one, too.
    let points = [planted(), id(3), id(2), id(1)];
    assert_eq!(candidates.next(&points, Some(&id(2))), Some(&points[1]));
    // Once it is gone, it is forgotten.
    assert_eq!(candidates.next(&points[1..], Some(&id(3))), None);
    assert_eq!(candidates.of_newest(&points[1..]), None);
}

#[test]
fn what_cannot_be_read_now_waits_for_the_others_and_has_another_turn() {
    let points = [planted(), id(2), id(1)];
    let mut candidates = Candidates::default();
    candidates.failed(&planted(), &refused());
    assert_eq!(candidates.next(&points, None), Some(&points[1]));
    candidates.failed(&points[1], &refused());
    assert_eq!(candidates.next(&points, None), Some(&points[2]));
    candidates.failed(&points[2], &refused());
    // A store that did not answer for any of them: from the newest again.
    assert_eq!(candidates.next(&points, None), Some(&points[0]));
    assert_eq!(candidates.next(&points, None), Some(&points[0]));
    assert_eq!(candidates.of_newest(&points), None);
    candidates.failed(&planted(), &refused());
    assert_eq!(candidates.next(&points, Some(&id(2))), Some(&points[0]));
}
