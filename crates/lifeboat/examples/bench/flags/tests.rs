//! What can be asked for.

use super::*;

fn parse(line: &str) -> Result<Flags> {
    Flags::parse(line.split_whitespace().map(str::to_owned))
}

#[test]
fn flags_are_read_and_the_largest_turn_comes_first() {
    let flags = parse("--clusters 1,3,2,3 --size 5MB --seconds 3 --rate 10 --busy 40").unwrap();
    assert_eq!((flags.clusters.as_slice(), flags.most()), ([3, 2, 1].as_slice(), 3));
    assert_eq!((flags.bytes, flags.seconds, flags.rate, flags.busy), (5_000_000, 3, 10, 40));
}

#[test]
fn nonsense_is_refused() {
    for line in [
        "--clusters",
        "--clusters 0",
        "--clusters a",
        "--rate 0",
        "--size 1TiB",
        "clusters 1",
    ] {
        parse(line).unwrap_err();
    }
}
