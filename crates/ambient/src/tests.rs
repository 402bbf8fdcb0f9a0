use super::*;
use jiff::SignedDuration;

#[test]
fn ids_have_the_asked_length_and_only_clear_letters() {
    let id = random_id(200);
    assert_eq!(id.len(), 200);
    assert!(id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    assert!(!id.contains(['a', 'e', 'i', 'o', 'u', 'l', '0', '1']), "{id}");
}

#[test]
fn a_skew_file_is_signed_milliseconds() {
    assert_eq!(parse_skew("-3600000\n"), Some(SignedDuration::from_hours(-1)));
    assert_eq!(parse_skew("250"), Some(SignedDuration::from_millis(250)));
    assert_eq!(parse_skew("1h"), None);
}

#[test]
fn monotonic_never_goes_back() {
    let earlier = monotonic();
    assert!(monotonic() >= earlier);
}
