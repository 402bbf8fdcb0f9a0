use super::{Newest, lost};
use crate::printer::Report;

#[test]
fn what_is_lost_is_told_against_the_newest_that_is_known() {
    let newest = Some(Newest { timeline: 2, revision: 90, ms: 1_767_323_145_000 });
    let cases = [
        ("the newest", (Some(2), 90), Some(1_767_323_100_000), newest),
        ("older", (Some(2), 80), Some(1_767_323_100_500), newest),
        ("another timeline", (Some(1), 500), Some(1_767_323_000_000), newest),
        ("a snapshot", (None, 80), Some(1_767_323_045_000), newest),
        ("a snapshot alone", (None, 80), Some(1_767_323_045_000), None),
    ];
    let told: Vec<String> = cases
        .into_iter()
        .map(|(what, moment, at, newest)| {
            let lost = lost("shop".parse().unwrap(), "it".to_owned(), moment, at, newest);
            format!("{what}: {}", lost.text())
        })
        .collect();
    insta::assert_snapshot!(told.join("\n\n"));
}
