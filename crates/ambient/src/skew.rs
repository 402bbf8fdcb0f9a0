//! The lab's clock skew: an offset that one file on the host gives to every Lifeboat process there.

use jiff::SignedDuration;

/// Where a lab writes the offset: whole milliseconds, positive for a clock that is ahead, as decimal text.
pub const SKEW_FILE: &str = "/run/lifeboat/clock-skew-ms";

/// The offset in force: zero without the feature `lab`, without the file, or when the file cannot be understood.
pub fn skew() -> SignedDuration {
    if !cfg!(feature = "lab") {
        return SignedDuration::ZERO;
    }
    std::fs::read_to_string(SKEW_FILE)
        .ok()
        .and_then(|text| parse_skew(&text))
        .unwrap_or(SignedDuration::ZERO)
}

/// Reads the content of [`SKEW_FILE`].
pub fn parse_skew(text: &str) -> Option<SignedDuration> {
    text.trim().parse().ok().map(SignedDuration::from_millis)
}
