use super::*;
use std::time::Duration;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A site that knows everything of one cluster and nothing of another.
pub(crate) fn snapshot() -> Snapshot {
    let at = |text: &str| text.parse::<Timestamp>().ok();
    let rancher = Cluster {
        at_risk: Some(Duration::from_millis(640)),
        newest_point: at("2026-11-23T02:41:07Z"),
        newest_proven_point: at("2026-11-23T02:40:00.25Z"),
        is_proven: Some(true),
        is_complete: Some(false),
        follower_lag: Some(Duration::from_millis(1250)),
        captured_revision: Some(1_234_567_890_123),
        is_captured: Some(true),
        missed: BTreeMap::from([(Objective::Rpo, true)]),
        holds_lease: Some(true),
        troubles: BTreeMap::from([("LB0301".to_owned(), 1), ("LB0409".to_owned(), 2)]),
        ..Cluster::unknown(Role::Management)
    };
    let copy = Repository {
        is_up: Some(false),
        copy_of: Some(name("main-s3")),
        lag: Some(Duration::from_secs(75)),
    };
    let main = Repository { is_up: Some(true), ..Repository::default() };
    Snapshot {
        version: "0.0.0".to_owned(),
        estate: name("example"),
        site: name("standby"),
        not_ready: vec!["no repository answers".to_owned()],
        clusters: BTreeMap::from([
            (name("rancher"), rancher),
            (name("shop"), Cluster::unknown(Role::Downstream)),
        ]),
        repositories: BTreeMap::from([
            (name("main-s3"), main),
            (name("dr"), copy),
            (name("new"), Repository::default()),
        ]),
        channels: BTreeMap::from([(name("ops"), Channel { is_up: Some(true), waiting: 3 })]),
    }
}

#[test]
fn a_snapshot_is_openmetrics_text() {
    insta::assert_snapshot!(text(snapshot()).unwrap());
}

#[test]
fn what_is_not_known_is_not_there() {
    let nothing = Snapshot {
        not_ready: Vec::new(),
        clusters: BTreeMap::from([(name("shop"), Cluster::unknown(Role::Downstream))]),
        repositories: BTreeMap::new(),
        channels: BTreeMap::new(),
        ..snapshot()
    };
    insta::assert_snapshot!(text(nothing).unwrap());
}

#[test]
fn every_metric_is_in_the_manual_and_the_manual_has_no_other() {
    let manual = include_str!("../../../../docs/metrics.md");
    let text = text(snapshot()).unwrap();
    let samples: std::collections::BTreeSet<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let rows = manual.lines().filter_map(|line| line.strip_prefix("| `lifeboat_"));
    let told: Vec<String> = rows
        .filter_map(|row| Some(format!("lifeboat_{}", row.split_once('`')?.0)))
        .collect();
    let told: std::collections::BTreeSet<&str> = told.iter().map(String::as_str).collect();
    assert_eq!(samples, told);
}
