//! Every error code of the source has a page in the manual, and every page its place.

use crate::tree::{files, files_with, none, text};
use std::collections::BTreeSet;

const HEADINGS: [&str; 3] = ["## What happened", "## Why", "## What to do"];

#[test]
fn every_code_in_the_source_has_a_page() {
    let pages = pages();
    let mut found = Vec::new();
    for path in files_with("rs")
        .iter()
        .filter(|path| path.contains("/src/") && !path.ends_with("tests.rs"))
    {
        let codes = codes(&text(path).unwrap());
        found.extend(codes.difference(&pages).map(|code| format!("{path}: {code}")));
    }
    none(&found, "write a page in docs/errors for these codes");
}

#[test]
fn every_page_is_listed_in_the_manual_and_in_the_binary() {
    for list in ["docs/errors/README.md", "crates/lifeboat/src/pages.rs"] {
        let listed = codes(&text(list).unwrap());
        let missing: Vec<_> = pages().difference(&listed).cloned().collect();
        none(&missing, &format!("list these pages in {list}"));
    }
}

#[test]
fn the_list_in_the_manual_bears_the_titles_of_the_pages() {
    let list = text("docs/errors/README.md").unwrap();
    let mut found = Vec::new();
    for code in pages() {
        let page = text(&format!("docs/errors/{code}.md")).unwrap();
        let title = page
            .lines()
            .next()
            .unwrap()
            .trim_start_matches(&format!("# {code}: "))
            .to_owned();
        let line = format!("- [{code}]({code}.md) {title}");
        if !list.lines().any(|listed| listed == line) {
            found.push(line);
        }
    }
    none(&found, "docs/errors/README.md lacks these lines");
}

#[test]
fn every_page_has_the_form() {
    let mut found = Vec::new();
    for code in pages() {
        let page = text(&format!("docs/errors/{code}.md")).unwrap();
        let title = page.lines().next().unwrap_or_default();
        if !title.starts_with(&format!("# {code}: ")) || title.ends_with('.') {
            found.push(format!("{code}: the first line is not `# {code}: what it means`"));
        }
        let headings: Vec<_> = page.lines().filter(|line| line.starts_with("## ")).collect();
        if headings != HEADINGS {
            found.push(format!("{code}: its headings are not {HEADINGS:?}"));
        }
        for heading in HEADINGS {
            let below = page
                .split(heading)
                .nth(1)
                .unwrap_or_default()
                .split("\n## ")
                .next()
                .unwrap_or_default();
            if below.trim().is_empty() {
                found.push(format!("{code}: nothing below {heading:?}"));
            }
        }
    }
    none(&found, "these pages of docs/errors do not have the form of docs/errors/README.md");
}

/// The codes that have a page.
fn pages() -> BTreeSet<String> {
    let names = files().into_iter().filter_map(|path| {
        let name = path.strip_prefix("docs/errors/")?.strip_suffix(".md")?;
        (name != "README").then(|| name.to_owned())
    });
    names.collect()
}

/// Every `LB` with exactly four digits in `text`.
fn codes(text: &str) -> BTreeSet<String> {
    let tails = text.match_indices("LB").map(|(at, _)| &text[at + 2..]);
    let numbers = tails.filter_map(|tail| {
        let end = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        (end == 4).then(|| format!("LB{}", &tail[..end]))
    });
    numbers.collect()
}
