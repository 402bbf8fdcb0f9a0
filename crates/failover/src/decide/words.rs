//! How times and lists read in reasons.

/// A time that has passed at least: rounded down.
pub(super) fn span(ms: u64) -> String {
    match ms {
        0 => "0 s".to_owned(),
        1..1000 => "less than 1 s".to_owned(),
        _ => seconds(ms / 1000),
    }
}

/// A time that is still to come, or that an age is compared with: rounded up.
pub(super) fn span_up(ms: u64) -> String {
    seconds(ms.div_ceil(1000))
}

fn seconds(s: u64) -> String {
    match s {
        0..180 => format!("{s} s"),
        180..7200 if s.is_multiple_of(60) => format!("{} min", s / 60),
        180..7200 => format!("{} min {} s", s / 60, s % 60),
        _ => format!("{} h {} min", s / 3600, s / 60 % 60),
    }
}
