//! What stands for what, by names.

use super::covers;

fn base(revision: u64) -> String {
    format!("t0001-base-{revision:020}-00000000000000aa")
}

fn captured(after: u64, through: u64) -> String {
    format!("t0001-seg-{after:020}-{through:020}-00000000000000aa-00000000000000bb")
}

fn made(after: u64, through: u64, how: &str) -> String {
    format!("t0001-seg-{after:020}-{through:020}-00000000000000aa-00000000000000bb-{how}-00000000000000cc")
}

/// What stands for `gone` where these are left.
fn left(gone: &str, there: &[String]) -> Vec<String> {
    let there: Vec<&str> = there.iter().map(String::as_str).collect();
    covers(gone, &there, &there).into_iter().map(str::to_owned).collect()
}

#[test]
fn a_merged_segment_stands_for_its_parts_and_for_no_others() {
    let there = [base(5), made(5, 20, "merged"), captured(20, 25)];
    for gone in [captured(5, 9), captured(9, 20), captured(12, 12), made(9, 20, "merged")] {
        assert_eq!(left(&gone, &there), [made(5, 20, "merged")], "{gone}");
    }
    for gone in [
        captured(20, 24),
        captured(25, 30),
        captured(3, 9),
        made(5, 21, "merged"),
    ] {
        assert_eq!(left(&gone, &there), [""; 0], "{gone}");
    }
}

#[test]
fn what_was_captured_stands_for_nothing_but_itself() {
    let there = [base(5), captured(5, 9), captured(9, 30)];
    assert_eq!(left(&captured(9, 20), &there), [""; 0]);
    assert_eq!(left(&made(5, 30, "merged"), &there), [""; 0]);
}

#[test]
fn what_is_before_the_first_base_was_let_go_of_unless_some_of_it_is_left() {
    let there = [base(20), captured(20, 25)];
    for gone in [base(5), captured(5, 9), captured(9, 20), captured(20, 20)] {
        assert_eq!(left(&gone, &there), [base(20)], "{gone}");
    }
    for gone in [captured(20, 24), captured(25, 30), base(25)] {
        assert_eq!(left(&gone, &there), [""; 0], "{gone}");
    }
    // The base is gone, and what was read from it is not.
    assert_eq!(left(&base(5), &[captured(5, 9), base(20), captured(20, 25)]), [""; 0]);
    assert_eq!(left(&captured(5, 9), &[captured(5, 9)]), [""; 0]);
}

#[test]
fn a_base_between_others_can_be_made_anew_from_what_goes_over_it() {
    let there = [base(5), made(5, 20, "coalesced"), base(20)];
    assert_eq!(left(&base(12), &there), [made(5, 20, "coalesced")]);
    assert_eq!(left(&base(12), &[made(5, 20, "coalesced")]), [""; 0]);
}

#[test]
fn another_timeline_and_strange_names_stand_for_nothing() {
    let other = made(5, 20, "merged").replace("t0001", "t0002");
    assert_eq!(left(&captured(5, 9), &[base(5), other]), [""; 0]);
    for strange in [
        "x",
        "t0001",
        "t0001-base",
        "t-base-1-a",
        "t0001-seg-1-2-3",
        "t0001-base-1-a-other-b",
    ] {
        assert_eq!(left(strange, &[base(5)]), [""; 0], "{strange}");
        assert_eq!(left(&captured(5, 9), &[strange.to_owned(), base(5)]), [""; 0]);
    }
}
