//! The table in ARCHITECTURE.md is the truth about which crate may use which.

use crate::tree::{cargo, none, text};
use std::collections::{BTreeMap, BTreeSet};

struct Row {
    /// Crates beside the house have no floor.
    floor: Option<u32>,
    may_use: BTreeSet<String>,
}

struct Crate {
    uses: BTreeSet<String>,
    tests_use: BTreeSet<String>,
}

#[test]
fn every_crate_has_a_row_and_every_row_a_crate() {
    let (rows, crates) = (table(), crates());
    let without_row = crates
        .keys()
        .filter(|name| !rows.contains_key(*name))
        .cloned()
        .collect::<Vec<_>>();
    none(&without_row, "add a row for these crates to the table of arrows in ARCHITECTURE.md");
    let without_crate = rows
        .keys()
        .filter(|name| !crates.contains_key(*name))
        .cloned()
        .collect::<Vec<_>>();
    none(
        &without_crate,
        "the table of arrows in ARCHITECTURE.md has rows for crates that do not exist",
    );
    let strangers = rows
        .iter()
        .flat_map(|(name, row)| row.may_use.iter().map(move |used| (name, used)));
    let strangers = strangers
        .filter(|(_, used)| !rows.contains_key(*used))
        .map(|(name, used)| format!("{name}: {used}"));
    none(&strangers.collect::<Vec<_>>(), "the table lets a crate use what does not exist");
}

#[test]
fn no_arrow_is_missing_from_the_table() {
    let rows = table();
    let mut found = Vec::new();
    for (name, krate) in crates() {
        found.extend(
            krate
                .uses
                .iter()
                .filter(|used| !rows[&name].may_use.contains(*used))
                .map(|used| format!("{name} -> {used}")),
        );
    }
    none(
        &found,
        "these arrows are not in the table of ARCHITECTURE.md; a new arrow is a decision, so make it there first",
    );
}

#[test]
fn arrows_point_down() {
    let rows = table();
    let mut found = Vec::new();
    for (name, row) in &rows {
        found.extend(
            row.may_use
                .iter()
                .filter(|used| !down(row, &rows[*used]))
                .map(|used| format!("{name} -> {used}")),
        );
    }
    none(&found, "these rows of the table point up or sideways");
}

#[test]
fn tests_use_what_is_below_them() {
    let rows = table();
    let mut found = Vec::new();
    for (name, krate) in crates() {
        let allowed = |used: &String| rows[&name].may_use.contains(used) || down(&rows[&name], &rows[used]);
        found.extend(
            krate
                .tests_use
                .iter()
                .filter(|used| !allowed(used))
                .map(|used| format!("{name} -> {used}")),
        );
    }
    none(&found, "these dev-dependencies point up: move the test to the upper crate");
}

/// From a floor only to a lower one; a crate beside the house may look anywhere, and is used by the topmost floor alone.
fn down(from: &Row, to: &Row) -> bool {
    match (from.floor, to.floor) {
        (Some(from), Some(to)) => to < from,
        (None, _) => true,
        (Some(from), None) => table().values().filter_map(|row| row.floor).max() == Some(from),
    }
}

fn table() -> BTreeMap<String, Row> {
    let architecture = text("ARCHITECTURE.md").unwrap();
    let rows = architecture
        .lines()
        .skip_while(|line| !line.starts_with("| crate | floor | may use |"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let table = rows.map(|line| {
        let cells: Vec<_> = line.split('|').map(|cell| cell.trim().replace('`', "")).collect();
        let [_, name, floor, may_use, must_never, _] = cells.as_slice() else {
            panic!("a row of the table has another number of cells: {line}");
        };
        assert!(!must_never.is_empty(), "{name}: say what it must never do");
        let may_use = may_use
            .split(',')
            .map(|used| used.trim().to_owned())
            .filter(|used| used != "-")
            .collect();
        (name.clone(), Row { floor: floor.parse().ok(), may_use })
    });
    let table: BTreeMap<_, _> = table.collect();
    assert!(
        !table.is_empty(),
        "ARCHITECTURE.md has no table `| crate | floor | may use | must never |`"
    );
    table
}

fn crates() -> BTreeMap<String, Crate> {
    let metadata = cargo("metadata --format-version 1 --no-deps --offline --locked");
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let name = |value: &serde_json::Value| value["name"].as_str().unwrap().to_owned();
    let ours: BTreeSet<_> = packages.iter().map(name).collect();
    let crates = packages.iter().map(|package| {
        let (mut uses, mut tests_use) = (BTreeSet::new(), BTreeSet::new());
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = name(dependency);
            if ours.contains(&used) {
                // Build dependencies count as use: they decide what the crate is.
                if dependency["kind"] == "dev" {
                    &mut tests_use
                } else {
                    &mut uses
                }
                .insert(used);
            }
        }
        (name(package), Crate { uses, tests_use })
    });
    crates.collect()
}
