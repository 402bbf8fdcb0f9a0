use super::*;
use std::time::Duration;

#[test]
fn a_moment_is_a_revision_or_a_time_with_its_zone() {
    assert_eq!("8123456".parse(), Ok(At::Revision(8_123_456)));
    assert_eq!("2026-11-23T02:41:07Z".parse(), Ok(At::Time("2026-11-23T02:41:07Z".parse().unwrap())));
    assert_eq!("2026-11-23T03:41:07+01:00".parse::<At>(), "2026-11-23T02:41:07Z".parse());
    for wrong in ["", "-1", "yesterday", "2026-11-23T02:41:07", "2026-11-23"] {
        assert!(wrong.parse::<At>().unwrap_err().contains("neither a revision"), "{wrong}");
    }
    for ago in ["90m ago", "90m-ago", "90mago"] {
        let Ok(At::Time(time)) = ago.parse() else {
            panic!("{ago}")
        };
        let since = ambient::now().duration_since(time).as_secs();
        assert!((5400..5460).contains(&since), "{ago}: {since}");
    }
    assert!("ago".parse::<At>().is_err() && "99999999d ago".parse::<At>().is_err());
}

#[test]
fn sizes_have_units() {
    assert_eq!(bytes("65536"), Ok(65536));
    assert_eq!(bytes("512KiB"), Ok(512 << 10));
    assert_eq!(bytes("1MiB"), Ok(1 << 20));
    for wrong in ["", "MiB", "1MB", "-1", "1.5MiB", "99999999999GiB"] {
        assert!(bytes(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn sizes_are_shown_in_a_unit_that_fits() {
    let shown = [999, 1000, 1_250_000, 2_000_000_000].map(size);
    assert_eq!(shown, ["999 B", "1.0 kB", "1.2 MB", "2.0 GB"]);
}

#[test]
fn spans_have_units() {
    assert_eq!(span("500ms"), Ok(Duration::from_millis(500)));
    assert_eq!(span("90s"), Ok(Duration::from_secs(90)));
    assert_eq!(span("7d"), Ok(Duration::from_secs(7 * 86400)));
    for wrong in ["", "5", "ms", "-1s", "1w", "99999999999999999d"] {
        assert!(span(wrong).is_err(), "{wrong}");
    }
}
