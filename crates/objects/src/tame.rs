//! Text from outside, so that a terminal shows it and does not obey it. Start at [`tamed`].

use std::borrow::Cow;

/// Whether a terminal does something at a character instead of showing it: moves, colours, ends a line, or turns the order of
/// what is around it.
pub fn is_obeyed(c: char) -> bool {
    c.is_control() || turns(c) || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Whether it changes the direction in which text is shown (Unicode UAX #9).
fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text on one line, in which each such character is written as Rust would: `\n`, `\u{1b}`.
pub fn tamed(text: &str) -> Cow<'_, str> {
    tamed_but(text, |_| false)
}

/// The same of a text that may have several lines.
pub fn tamed_lines(text: &str) -> Cow<'_, str> {
    tamed_but(text, |c| c == '\n')
}

fn tamed_but(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let escaped = |c: char| is_obeyed(c) && !stays(c);
    if !text.contains(escaped) {
        return Cow::Borrowed(text);
    }
    let mut tame = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match escaped(c) {
            // Not `escape_debug`, which lets through what turns.
            true if c.is_ascii() => tame.extend(c.escape_default()),
            true => tame.extend(c.escape_unicode()),
            false => tame.push(c),
        }
    }
    Cow::Owned(tame)
}

#[cfg(test)]
mod tests;
