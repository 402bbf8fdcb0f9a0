//! What differs between two texts, to be read by people: what looks like a secret is masked before it is compared. Start at
//! [`differing`].

use similar::TextDiff;

/// What stands for something hidden.
const MASKED: &str = "(masked)";

/// How names of settings end whose values are hidden, in lower case and without `-` and `_`.
const SECRET_NAMES: [&str; 13] = [
    "auth",
    "authorization",
    "credential",
    "credentials",
    "key",
    "pass",
    "passphrase",
    "password",
    "passwd",
    "psk",
    "pwd",
    "secret",
    "token",
];

/// A word of so many letters and digits, mixed, is taken for a key.
const KEY_LENGTH: usize = 16;

/// The difference as `diff --unified` shows it, from `there` to `copy`; `None` when they are no texts, or texts of which nothing
/// may be shown.
pub(super) fn differing(there: &[u8], copy: &[u8]) -> Option<String> {
    let (there, copy) = (shown(there)?, shown(copy)?);
    if there == copy {
        return Some("what differs is masked\n".to_owned());
    }
    let diff = TextDiff::from_lines(&there, &copy);
    Some(diff.unified_diff().context_radius(2).header("there", "copy").to_string())
}

fn shown(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let hidden =
        text.contains('\0') || text.contains("PRIVATE KEY") || text.contains("Secret\n") || text.ends_with("Secret");
    (!hidden).then(|| masked(text))
}

/// The text with everything masked that looks like a secret.
pub(super) fn masked(text: &str) -> String {
    let mut shown = String::new();
    // Lines that are indented more than this belong to a value that is hidden.
    let mut hiding: Option<usize> = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start_matches([' ', '\t', '-']).len();
        if hiding.is_some_and(|from| indent > from && !line.trim().is_empty()) {
            shown += &format!("{}{MASKED}\n", &line[..indent]);
            continue;
        }
        let (line, hides) = of_line(line);
        hiding = hides.then_some(indent);
        shown += &line;
        shown.push('\n');
    }
    shown
}

/// The line, and whether what is indented below it is hidden.
fn of_line(line: &str) -> (String, bool) {
    let Some(at) = line.find([':', '=']) else {
        return (words(line), false);
    };
    let (name, value) = (&line[..at], &line[at + 1..]);
    if is_secret(name) {
        let space = &value[..value.len() - value.trim_start_matches(' ').len()];
        return (format!("{}{}{space}{MASKED}", words(name), &line[at..=at]), true);
    }
    if let Some(rest) = value.strip_prefix("//") {
        // What stands before the @ of an address is a user and a password.
        let end = rest.find([' ', '"', '\'', ',']).unwrap_or(rest.len());
        let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
        let user = if host > 0 { format!("{MASKED}@") } else { String::new() };
        let (after, hides) = of_line(&rest[host..]);
        return (format!("{}://{user}{after}", words(name)), hides);
    }
    let (after, hides) = of_line(value);
    (format!("{}{}{after}", words(name), &line[at..=at]), hides)
}

fn is_secret(name: &str) -> bool {
    let name: String = name.trim_end_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let last = name
        .rsplit(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'))
        .next()
        .unwrap_or_default();
    let last = last.replace(['-', '_'], "");
    SECRET_NAMES.iter().any(|secret| last.ends_with(secret))
}

/// The text with each word masked that looks like a key.
fn words(text: &str) -> String {
    let belongs = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
    let (mut shown, mut rest) = (String::new(), text);
    while !rest.is_empty() {
        let length = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        let word = &rest[..length];
        let mixed = word.contains(|c: char| c.is_ascii_digit()) && word.contains(|c: char| c.is_ascii_alphabetic());
        shown += if length >= KEY_LENGTH && mixed && !word.starts_with('/') {
            MASKED
        } else {
            word
        };
        let between = rest[length..].find(belongs).map_or(rest.len(), |next| length + next);
        shown += &rest[length..between];
        rest = &rest[between..];
    }
    shown
}
