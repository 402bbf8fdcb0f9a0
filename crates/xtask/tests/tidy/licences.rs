//! Everything that is built in may be passed on under Apache-2.0 terms.

use crate::tree::{cargo, none};

/// Licences that bind nothing but their own files, by their SPDX names.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    // Copyleft for its own files, which are used as they are: `option-ext`, by way of rustic_core.
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

#[test]
fn every_dependency_has_an_allowed_licence() {
    let tree = cargo("tree --workspace --offline --locked --edges normal,build,dev --prefix none --format {p}|{l}");
    let mut found = Vec::new();
    for line in tree
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .filter(|line| !line.is_empty())
    {
        let (package, licence) = line.split_once('|').unwrap_or((line, ""));
        if !allowed(licence) {
            found.push(format!("{package}: {licence:?}"));
        }
    }
    none(
        &found,
        "these dependencies cannot be used, or their licence is to be added to the list after reading it",
    );
}

#[test]
fn licence_expressions_are_understood() {
    for good in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0 OR MIT",
        "(GPL-2.0 OR ISC) AND MIT",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(allowed(good), "{good}");
    }
    for bad in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR ISC) AND GPL-2.0",
        "GPL-2.0 WITH LLVM-exception",
        "(MIT",
    ] {
        assert!(!allowed(bad), "{bad}");
    }
}

/// Whether an SPDX expression can be satisfied with [`ALLOWED`] licences.
fn allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any(&mut rest) && rest.is_empty()
}

fn any(rest: &mut &[&str]) -> bool {
    let mut good = all(rest);
    while take(rest, "OR") {
        // Not `||`: the words must be read in any case.
        good |= all(rest);
    }
    good
}

fn all(rest: &mut &[&str]) -> bool {
    let mut good = one(rest);
    while take(rest, "AND") {
        good &= one(rest);
    }
    good
}

fn one(rest: &mut &[&str]) -> bool {
    if take(rest, "(") {
        return any(rest) & take(rest, ")");
    }
    let Some((name, after)) = rest.split_first() else {
        return false;
    };
    *rest = after;
    let mut name = (*name).to_owned();
    if take(rest, "WITH")
        && let Some((exception, after)) = rest.split_first()
    {
        name = format!("{name} WITH {exception}");
        *rest = after;
    }
    ALLOWED.contains(&name.as_str())
}

fn take(rest: &mut &[&str], word: &str) -> bool {
    let found = rest.first() == Some(&word);
    if found {
        *rest = &rest[1..];
    }
    found
}
