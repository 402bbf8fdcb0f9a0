//! The shape of source files: small, and beginning with what they are.

use crate::tree::{files_with, none, text};

const LONGEST: usize = 1000;
const MEDIAN: usize = 200;

#[test]
fn no_file_is_long_and_most_are_short() {
    let sources = [files_with("rs"), files_with("go")].concat();
    let mut sizes: Vec<_> = sources
        .into_iter()
        .map(|path| (text(&path).unwrap().lines().count(), path))
        .collect();
    sizes.sort();
    let long = sizes.iter().filter(|(lines, _)| *lines > LONGEST);
    let long: Vec<_> = long.map(|(lines, path)| format!("{path}: {lines} lines")).collect();
    none(&long, &format!("split these files: none may be over {LONGEST} lines"));
    let (median, _) = &sizes[sizes.len() / 2];
    assert!(
        *median < MEDIAN,
        "half of the source files have {median} lines or more; keep the median under {MEDIAN}"
    );
}

#[test]
fn every_source_file_says_what_it_is() {
    let sources = files_with("rs").into_iter().filter(|path| !path.ends_with("tests.rs"));
    let silent: Vec<_> = sources.filter(|path| !text(path).unwrap().starts_with("//! ")).collect();
    none(&silent, "begin these files with a line `//! what it is, and where to start`");
}

#[test]
fn only_printers_print() {
    let sources = files_with("rs")
        .into_iter()
        .filter(|path| path.contains("/src/") && !path.ends_with("/printer.rs"));
    let doors = [
        "std::io::stdout()",
        "std::io::stderr()",
        "io::stdout().",
        "io::stderr().",
        "anstream::std",
    ];
    let mut found = Vec::new();
    for path in sources {
        let text = text(&path).unwrap();
        // Asking whether a terminal is there is no print.
        let lines = text.lines().enumerate().filter(|(_, line)| !line.contains(".is_terminal()"));
        let prints = lines.filter(|(_, line)| doors.iter().any(|door| line.contains(door)));
        found.extend(prints.map(|(number, line)| format!("{path}:{}: {}", number + 1, line.trim())));
    }
    none(
        &found,
        "print through the printer of lifeboat or xtask; a library returns what it has to say",
    );
}
