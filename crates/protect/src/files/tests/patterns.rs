//! Paths and globs.

use crate::files::Pattern;
use crate::files::tree::{joined, resolved};
use proptest::prelude::*;

#[test]
fn a_glob_stands_for_names_as_in_a_shell() {
    for (glob, path, fits) in [
        ("/etc/a", "/etc/a", true),
        ("/etc/a/", "/etc/a", true),
        ("/etc/*.yaml", "/etc/a.yaml", true),
        ("/etc/*.yaml", "/etc/.a.yaml", false),
        ("/etc/.*.yaml", "/etc/.a.yaml", true),
        ("/etc/*", "/etc/a/b", false),
        ("/etc/*/b", "/etc/a/b", true),
        ("/etc/[a-c]?", "/etc/bx", true),
        ("/etc/[!a-c]?", "/etc/bx", false),
        ("/etc/{a,b}", "/etc/a", false),
        ("/etc/{a,b}*", "/etc/{a,b}c", true),
    ] {
        assert_eq!(Pattern::new(glob).unwrap().matches(path), fits, "{glob} {path}");
    }
    assert!(Pattern::new("/etc/*.d").unwrap().covers("/etc/a.d/b/c"));
    for bad in [
        "", "etc", "/", "//", "/a//b", "/a/../b", "/a/./b", "/**", "/a[", "/a[]", "/a[$(x)]", "/a\0",
    ] {
        assert!(Pattern::new(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_shell_expands_nothing_but_globs() {
    let pattern = Pattern::new("/etc/$HOME's `x`/*[a-b]?.d/c").unwrap();
    assert_eq!(pattern.for_shell(), r#"'/etc/$HOME'\''s `x`/'*''[a-b]''?'.d/c'"#);
    assert_eq!(pattern.fixed(), "/etc/$HOME's `x`");
}

#[test]
fn links_lead_where_the_system_would_follow_them() {
    assert_eq!(joined("/a/b", "../c//./d"), "/c/d");
    assert_eq!(joined("/a/b", "c"), "/a/c");
    assert_eq!(joined("/a/b", "/../.."), "");
    let link = |at: &str| match at {
        "/var/lib/rancher" => Some("../../data".to_owned()),
        "/data/key" => Some("new".to_owned()),
        "/loop" => Some("/loop/x".to_owned()),
        _ => None,
    };
    assert_eq!(resolved("/var/lib/rancher/key", link), Some("/data/new".to_owned()));
    assert_eq!(resolved("/etc/x", link), Some("/etc/x".to_owned()));
    assert_eq!(resolved("/loop", link), None);
}

proptest! {
    #[test]
    fn whatever_is_named_is_a_pattern_or_an_error(text in ".{0,40}", path in "/[a-z./*]{0,20}") {
        if let Ok(pattern) = Pattern::new(&text) {
            pattern.matches(&path);
            pattern.covers(&path);
            prop_assert!(pattern.as_str().starts_with(pattern.fixed()));
        }
    }
}
