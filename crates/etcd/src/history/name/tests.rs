use super::*;
use proptest::prelude::*;

#[test]
fn names_are_as_the_manual_shows_them() {
    let (chain, link, prev) = (Mark([0xab; 8]), Mark([1; 8]), Mark([0, 0, 0, 0, 0, 0, 0, 2]));
    let base = BaseName { timeline: 1, revision: 42, chain: link, link };
    let segment = SegmentName {
        timeline: 12,
        after: 42,
        through: 50,
        prev,
        chain: link,
        link,
        kept: Kept::Captured,
    };
    for (name, text) in [
        (Name::Base(base), "t0001-base-00000000000000000042-0101010101010101"),
        (
            Name::Base(BaseName { chain, ..base }),
            "t0001-base-00000000000000000042-abababababababab-merged-0101010101010101",
        ),
        (
            Name::Segment(segment),
            "t0012-seg-00000000000000000042-00000000000000000050-0000000000000002-0101010101010101",
        ),
        (
            Name::Segment(SegmentName { chain, kept: Kept::Coalesced, ..segment }),
            "t0012-seg-00000000000000000042-00000000000000000050-0000000000000002-abababababababab-coalesced-0101010101010101",
        ),
    ] {
        assert_eq!(name.to_string(), text);
        assert_eq!(text.parse::<Name>().unwrap(), name);
    }
}

#[test]
fn other_names_are_not_taken() {
    for text in [
        "",
        "lost+found",
        ".tmp-abc",
        "t0000-base-00000000000000000042-0101010101010101",
        "t1-base-00000000000000000042-0101010101010101",
        "t0001-base-42-0101010101010101",
        "t0001-base-00000000000000000042-0101010101010101.gz",
        "t0001-base-00000000000000000042-010101010101010A",
        "t0001-base-18446744073709551615-0101010101010101",
        "t0001-base-00000000000000000042-0101010101010101-merged-0101010101010101",
        "t0001-seg-00000000000000000051-00000000000000000050-0000000000000002-0101010101010101",
        "t0001-seg-00000000000000000042-00000000000000000050-0000000000000002-0101010101010101-captured-0101010101010101",
    ] {
        assert!(text.parse::<Name>().is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,120}|t0001-(base|seg)(-[0-9a-f]{16,20}){0,5}(-merged)?(-[0-9a-f]{16})?") {
        if let Ok(name) = text.parse::<Name>() {
            prop_assert_eq!(name.to_string(), text);
        }
    }
}
