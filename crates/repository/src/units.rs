//! Numbers as people read them.

/// A number of bytes, in the unit that fits.
pub(crate) fn size(bytes: u64) -> String {
    match bytes as f64 {
        few if few < 1e3 => format!("{few} B"),
        few if few < 1e6 => format!("{:.1} kB", few / 1e3),
        some if some < 1e9 => format!("{:.1} MB", some / 1e6),
        many if many < 1e12 => format!("{:.1} GB", many / 1e9),
        most => format!("{:.1} TB", most / 1e12),
    }
}

/// A number with its thousands apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// How many of something: `1 object`, `2 objects`.
pub(crate) fn of(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", count(number))
}
