//! What a copy that goes on for ever says of each round.

use super::{every, lines};
use repository::{Copied, Followed, Lag};

fn round(copied: Option<Copied>) -> Followed {
    let at = "2026-11-22T10:00:00Z".parse().unwrap();
    Followed { at, lag: Some(Lag::default()), copied, error: None }
}

#[test]
fn what_differs_and_what_stays_is_said_when_it_shows_and_counted_from_then_on() {
    let quiet = Copied { objects: 2, bytes: 10, ..Copied::default() };
    assert_eq!(lines(&round(Some(quiet.clone())), None), ["2026-11-22T10:00:00Z copied 2 objects, 10 B"]);
    let alarming = Copied {
        differing: vec!["shared/kit/0000000001".to_owned()],
        held_back: vec!["shared: the copy has kit 2, and FROM does not".to_owned()],
        ..quiet.clone()
    };
    let told = lines(&round(Some(alarming.clone())), Some(&quiet));
    assert_eq!(
        told,
        [
            "2026-11-22T10:00:00Z copied 2 objects, 10 B; 0 damaged, 1 differ, 1 held back",
            "2026-11-22T10:00:00Z shared/kit/0000000001 differs: one of the two is harmed",
            "2026-11-22T10:00:00Z not removed from the copy: shared: the copy has kit 2, and FROM does not",
        ]
    );
    assert_eq!(lines(&round(Some(alarming.clone())), Some(&alarming)), &told[..1]);
    let damaged = Copied {
        damaged: [("a".to_owned(), "it is empty".to_owned())].into(),
        ..quiet
    };
    assert!(lines(&round(Some(damaged)), None)[1].ends_with("a is not copied: it is empty"));
    assert_eq!(lines(&round(None), None), ["2026-11-22T10:00:00Z the copy is 0 s behind: 0 objects, 0 B"]);
}

#[test]
fn the_time_between_rounds_has_a_unit_or_is_in_seconds() {
    let times = ["10", "10s", "1m", "500ms"].map(|text| every(text).unwrap().as_millis());
    assert_eq!(times, [10_000, 10_000, 60_000, 500]);
    assert!(every("soon").is_err() && every("-1").is_err());
}
