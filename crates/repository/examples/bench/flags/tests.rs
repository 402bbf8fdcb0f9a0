//! What can be asked for.

use super::*;

fn parse(line: &str) -> Result<Flags> {
    Flags::parse(line.split_whitespace().map(str::to_owned))
}

#[test]
fn flags_are_read() {
    let flags = parse("--only seal,files --runs 5 --size 200MiB --large 20GB").unwrap();
    assert_eq!((flags.runs, flags.bytes, flags.large), (5, 200 << 20, 20_000_000_000));
    assert_eq!(flags.only, ["seal", "files"]);
}

#[test]
fn nonsense_is_refused() {
    for line in ["--size", "--large 1TiB", "--runs x", "seal x"] {
        parse(line).unwrap_err();
    }
}
