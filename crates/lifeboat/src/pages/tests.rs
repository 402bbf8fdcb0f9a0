use super::*;

#[test]
fn a_code_is_found_however_it_is_typed() {
    for typed in [
        "LB0103",
        "lb0103",
        "103",
        "0103",
        "error[LB0103]",
        "error[LB0103]:",
        " LB103 ",
    ] {
        assert_eq!(find(typed).map(|page| page.code), Some("LB0103"), "{typed}");
    }
    for typed in ["", "LB", "LB99999", "lab", "LB01O3", "LB0199", "-1"] {
        assert!(find(typed).is_none(), "{typed}");
    }
}

#[test]
fn the_nearest_code_is_a_slip_of_the_finger_away() {
    for (typed, near) in [
        ("LB0117", "LB0116"),
        ("LB0213", "LB0203"),
        ("LB0009", "LB0006"),
        ("98", "LB0099"),
    ] {
        assert_eq!(nearest(typed).map(|page| page.code), Some(near), "{typed}");
    }
    assert!(nearest("help").is_none());
}
