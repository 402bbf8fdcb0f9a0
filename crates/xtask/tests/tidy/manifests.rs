//! Every crate inherits what the workspace decides.

use crate::tree::{files, none, text};

const INHERITED: &[&str] = &[
    "version.workspace = true",
    "edition.workspace = true",
    "rust-version.workspace = true",
    "license.workspace = true",
    "publish.workspace = true",
    "[lints]\nworkspace = true",
];

#[test]
fn every_crate_inherits_from_the_workspace() {
    let mut found = Vec::new();
    for path in manifests() {
        let manifest = text(&path).unwrap();
        found.extend(
            INHERITED
                .iter()
                .filter(|line| !manifest.contains(*line))
                .map(|line| format!("{path}: {line:?}")),
        );
    }
    none(&found, "add these lines");
}

#[test]
fn versions_stand_in_one_place() {
    let mut found = Vec::new();
    for path in manifests() {
        let manifest = text(&path).unwrap();
        let dependencies = manifest.lines().skip_while(|line| !line.contains("dependencies]"));
        let own = dependencies
            .filter(|line| line.contains('=') && !line.starts_with('#') && !line.contains("workspace = true"));
        found.extend(own.map(|line| format!("{path}: {line}")));
    }
    none(&found, "move the version to [workspace.dependencies] of the root's Cargo.toml");
}

fn manifests() -> Vec<String> {
    files()
        .into_iter()
        .filter(|path| path.starts_with("crates/") && path.ends_with("/Cargo.toml"))
        .collect()
}
