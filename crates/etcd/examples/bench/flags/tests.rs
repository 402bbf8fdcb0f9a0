//! What can be asked for.

use super::*;

fn parse(line: &str) -> Result<Flags> {
    Flags::parse(line.split_whitespace().map(str::to_owned))
}

#[test]
fn flags_are_read() {
    let flags = parse("--only bytes,risk --runs 5 --size 200MiB --tools t").unwrap();
    assert_eq!((flags.runs, flags.bytes), (5, 200 << 20));
    assert!(flags.wants("risk-100") && !flags.wants("rebuild"));
    assert!(parse("").unwrap().wants("rebuild"));
}

#[test]
fn nonsense_is_refused() {
    for line in ["--size", "--size 1TiB", "--size 99999999999GiB", "--runs x", "bytes x"] {
        parse(line).unwrap_err();
    }
}
