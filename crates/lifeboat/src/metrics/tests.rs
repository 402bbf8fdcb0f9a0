use super::*;
use estate::{HashProof, Made, Told};

const PLAIN: &str = include_str!("../../../estate/src/file/tests/plain.yaml");

fn report(cluster: &str, duty: Duty) -> Protection {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    Protection {
        cluster: cluster.parse().unwrap(),
        duty,
        at_risk_ms: Some(400),
        silent_ms: Some(900),
        waiting_revisions: 1,
        failures: 0,
        timeline: 2,
        stored: Some(40),
        newest: Some(Made {
            id: "000001-20261129T115930.000Z-abcd".parse().unwrap(),
            begun: at("2026-11-29T11:59:30Z"),
            revision: 40,
        }),
        proof: Some(HashProof {
            member: "m1".to_owned(),
            at: at("2026-11-29T11:59:40Z"),
            timeline: 2,
            revision: 40,
            compaction: 3,
            hash: 7,
        }),
        judged: Some(at("2026-11-29T11:59:40Z")),
        lacks: Vec::new(),
        untested: Vec::new(),
        warnings: Vec::new(),
        following: None,
        troubles: BTreeMap::new(),
    }
}

#[test]
fn what_is_done_becomes_metrics() {
    let estate = Estate::parse("lifeboat.yaml", PLAIN).unwrap();
    let told = Told {
        code: "LB0401".to_owned(),
        text: "etcd does not answer".to_owned(),
        next: None,
    };
    let bank = Protection {
        at_risk_ms: None,
        silent_ms: Some(9000),
        troubles: [("capture".to_owned(), told)].into(),
        lacks: vec!["the token".to_owned()],
        ..report("bank", Duty::StandsBy { why: "it cannot be captured just now".to_owned() })
    };
    let answer = Answer::Report {
        version: "1.2.3".to_owned(),
        now: "2026-11-29T12:00:00Z".parse().unwrap(),
        protections: vec![report("shop", Duty::Captures), bank],
        copies: Vec::new(),
        channels: Vec::new(),
        troubles: Vec::new(),
    };
    let now = "2026-11-29T12:00:00Z".parse().unwrap();
    let told = snapshot(&estate, &"shop-1".parse().unwrap(), answer, now);
    assert_eq!(told.not_ready, ["bank: etcd does not answer"]);
    insta::assert_snapshot!(dashboard::text(told).unwrap());
}
