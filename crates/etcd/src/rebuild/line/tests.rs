//! Lines of etcd.

use super::*;

#[test]
fn a_version_names_its_line() {
    for (text, line) in [("3.5", Line::V3_5), ("3.6.16", Line::V3_6), ("v3.7.3", Line::V3_7)] {
        assert_eq!(text.parse(), Ok(line));
    }
    for text in ["", "3", "3.4", "3.50", "3.8.0", "4.5", "x3.5"] {
        assert!(text.parse::<Line>().is_err(), "{text}");
    }
    assert_eq!(Line::V3_6.to_string(), "3.6");
}

#[test]
fn what_is_newer_is_known() {
    for (version, newer) in [
        ("3.5.35", false),
        ("3.6.16", false),
        ("3.7.0", true),
        ("4.0", true),
        ("what", true),
        ("3", true),
    ] {
        assert_eq!(Line::V3_6.is_older_than(version), newer, "{version}");
    }
}
