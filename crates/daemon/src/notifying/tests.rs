use super::*;
use estate::{Lag, Made, Told};

const PLAIN: &str = include_str!("../../../estate/src/file/tests/plain.yaml");

fn now() -> Timestamp {
    "2026-11-29T12:00:00Z".parse().unwrap()
}

/// A cluster that is well protected.
fn well(cluster: &str) -> Protection {
    Protection {
        cluster: cluster.parse().unwrap(),
        duty: Duty::Captures,
        at_risk_ms: Some(300),
        silent_ms: Some(700),
        waiting_revisions: 2,
        failures: 0,
        timeline: 1,
        stored: Some(40),
        newest: Some(Made {
            id: "000001-20261129T115930.000Z-abcd".parse().unwrap(),
            begun: "2026-11-29T11:59:30Z".parse().unwrap(),
            revision: 40,
        }),
        proof: None,
        judged: Some(now()),
        lacks: Vec::new(),
        untested: Vec::new(),
        warnings: Vec::new(),
        following: None,
        troubles: BTreeMap::new(),
    }
}

fn told(reports: &[Protection], copies: &[Copying]) -> Vec<String> {
    let estate = Estate::parse("lifeboat.yaml", PLAIN).unwrap();
    let all = conditions(&estate, reports, copies, now());
    all.into_iter()
        .map(|(about, it)| format!("{about}: {:?}: {}: {}", it.urgency, it.title, it.text))
        .collect()
}

#[test]
fn what_is_well_is_not_worth_a_message() {
    assert!(told(&[well("shop"), well("bank")], &[]).is_empty());
    // Nor what somebody else has to say.
    let standing = Protection {
        duty: Duty::StandsBy { why: "held by another".to_owned() },
        at_risk_ms: None,
        newest: None,
        ..well("shop")
    };
    assert!(told(&[standing], &[]).is_empty());
}

#[test]
fn what_is_missed_late_or_wrong_is() {
    let bad = Protection {
        silent_ms: Some(61_000),
        newest: Some(Made {
            begun: "2026-11-29T11:00:00Z".parse().unwrap(),
            ..well("shop").newest.unwrap()
        }),
        lacks: vec!["CA and key: missing: ca.key of shop-1".to_owned()],
        troubles: [(
            "proof".to_owned(),
            Told {
                code: "LB0409".to_owned(),
                text: "m1 holds something else".to_owned(),
                next: None,
            },
        )]
        .into(),
        ..well("shop")
    };
    // What the estate asks of one cluster may be less than of another.
    let bank = Protection { at_risk_ms: Some(6_000), ..well("bank") };
    let lag = Lag { seconds: 601, bytes: 1, objects: 1 };
    let copy = Copying {
        repository: "far".parse().unwrap(),
        of: "dr".parse().unwrap(),
        lag: Some(lag),
        ago_ms: 0,
    };
    insta::assert_snapshot!(told(&[bad, bank], &[copy]).join("\n"));
}
