//! What can be asked for.

use super::*;

fn parse(line: &str) -> Result<Flags> {
    Flags::parse(line.split_whitespace().map(str::to_owned))
}

#[test]
fn flags_are_read() {
    let flags = parse("--only bytes,risk --runs 5 --size 200MiB --tools t").unwrap();
    assert_eq!((flags.runs, flags.bytes), (5, 200 << 20));
    assert_eq!(flags.only, ["bytes", "risk"]);
}

#[test]
fn nonsense_is_refused() {
    for line in ["--size", "--size 1TiB", "--runs x", "bytes x"] {
        parse(line).unwrap_err();
    }
}
