use super::*;
use proptest::prelude::*;

#[test]
fn what_a_terminal_obeys_is_written_out() {
    for (text, tame) in [
        ("web-1 Ärger 雨 👩‍💻", "web-1 Ärger 雨 👩‍💻"),
        ("a\u{1b}[31mred\u{7}", r"a\u{1b}[31mred\u{7}"),
        ("one\ntwo\r\tthree", r"one\ntwo\r\tthree"),
        ("\u{9b}2J\u{85}", r"\u{9b}2J\u{85}"),
        ("a\u{202e}b\u{2066}c\u{200f}", r"a\u{202e}b\u{2066}c\u{200f}"),
        ("\u{feff}\u{2028}", r"\u{feff}\u{2028}"),
    ] {
        assert_eq!(tamed(text), tame);
    }
    assert_eq!(tamed_lines("one\n\u{1b}two"), "one\n\\u{1b}two");
}

proptest! {
    #[test]
    fn nothing_that_is_obeyed_is_left(text in any::<String>()) {
        prop_assert!(!tamed(&text).contains(is_obeyed));
        prop_assert!(!tamed_lines(&text).contains(|c| c != '\n' && is_obeyed(c)));
    }
}
