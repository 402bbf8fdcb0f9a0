//! Documents point only at what is there.

use crate::tree::{files_with, none, root, text};
use std::path::Path;

#[test]
fn relative_links_lead_somewhere() {
    let mut found = Vec::new();
    for path in files_with("md") {
        let folder = root().join(&path).parent().map(Path::to_path_buf).unwrap();
        for link in links(&text(&path).unwrap()) {
            let file = link.split('#').next().unwrap_or_default();
            if !file.is_empty() && !folder.join(file).exists() {
                found.push(format!("{path}: {link}"));
            }
        }
    }
    none(&found, "these links lead nowhere");
}

#[test]
fn links_in_code_are_no_links() {
    assert_eq!(links("[a](b.md) `[c](d)`\n```\n[e](f)\n```\n[g](https://h) [i](j#k)"), ["b.md", "j#k"]);
}

/// The relative targets of `[text](target)`, outside code.
fn links(markdown: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut in_code = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            continue;
        }
        // Every second piece between backquotes is code.
        let prose: String = line.split('`').step_by(2).collect();
        if !in_code {
            let targets = prose
                .split("](")
                .skip(1)
                .filter_map(|rest| rest.split_once(')'))
                .map(|(target, _)| target);
            let relative = targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
            links.extend(relative.map(str::to_owned));
        }
    }
    links
}
