//! Pairs and sizes.

use super::*;

#[test]
fn words_come_in_pairs() {
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let one = ("--runs".to_owned(), "5".to_owned());
    assert_eq!(pairs(words("--runs 5")).unwrap(), [one]);
    pairs(words("--runs 5 --size")).unwrap_err();
}

#[test]
fn sizes_have_units() {
    assert_eq!(bytes("200MiB").unwrap(), 200 << 20);
    assert_eq!(bytes("10GB").unwrap(), 10_000_000_000);
    assert_eq!(bytes("17").unwrap(), 17);
    for none in ["", "1TiB", "99999999999GiB", "-1", "GiB"] {
        bytes(none).unwrap_err();
    }
}
