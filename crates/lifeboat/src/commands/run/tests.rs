use super::*;
use engine::Problem;
use recovery::report::StepTime;
use serde_json::json;

fn at(second: f64) -> Timestamp {
    let begun: Timestamp = "2026-11-22T22:01:00Z".parse().unwrap();
    begun.checked_add(SignedDuration::from_secs_f64(second)).unwrap()
}

fn step(name: &str, begun: Option<f64>, done: Option<f64>, attempts: u32) -> StepTime {
    StepTime {
        step: name.to_owned(),
        begun: begun.map(at),
        done: done.map(at),
        attempts,
        undo: (attempts > 0).then(|| format!("undo {name}")),
        outcome: None,
        expected_ms: None,
        left_out: None,
        undone: None,
    }
}

fn succeeded() -> Measured {
    let mut agents = step("agents", Some(22.0), Some(75.25), 1);
    agents.outcome = Some(json!({
        "agents": [
            { "cluster": "c-m-aaaaaaaa", "name": "shop", "version": "v1.36.3", "at": at(70.0) },
            { "cluster": "c-m-bbbbbbbb", "name": "warehouse-north", "version": "v1.35.1", "at": at(75.0) },
        ],
        "wereAway": ["old-lab"],
    }));
    let mut dns = step("dns", Some(20.0), Some(21.9), 1);
    dns.outcome = Some(json!({ "notSeenBy": ["10.1.4.1:53 says that rancher.example.org leads to 10.1.1.2"] }));
    Measured {
        run: 1,
        journal: None,
        state: "succeeded",
        heard: at(75.5),
        from: "main".to_owned(),
        to: "standby".to_owned(),
        cluster: "rancher".to_owned(),
        epoch: Some(2),
        onto: Vec::new(),
        playbook: "management-failover".to_owned(),
        point: Some("000001-20261122T220051.000Z-k7xq".to_owned()),
        snapshot: None,
        newer: None,
        unsigned: None,
        point_begun: Some(at(-9.0)),
        lost_at: Some(at(0.0)),
        begun: at(10.5),
        ended: Some(at(75.5)),
        steps: vec![
            step("fetch", Some(10.6), Some(11.2), 1),
            step("fence", Some(11.2), Some(12.0), 2),
            dns,
            agents,
        ],
        seconds_lost: Some(9),
        revisions_lost: Some(120),
        rpo_s: Some(60),
        rto_s: None,
        otherwise: Vec::new(),
        problem: None,
        by_hand: None,
    }
}

/// The same by hand, stopped at its second step.
fn stopped() -> Measured {
    Measured {
        run: 12,
        state: "stopped",
        lost_at: None,
        ended: None,
        steps: vec![
            step("fetch", Some(10.6), Some(11.2), 1),
            step("fence", Some(11.2), None, 3),
            step("dns", None, None, 0),
        ],
        seconds_lost: None,
        revisions_lost: None,
        by_hand: Some("switch off the power of main, or cut it off".to_owned()),
        problem: Some(Problem {
            kind: "person".to_owned(),
            code: "LB0603".to_owned(),
            message: "main cannot be fenced: epoch 2 of standby needs the promises of 2 of 3 voters: standby promised"
                .to_owned(),
            causes: vec!["witness at 10.1.3.1:7445 did not answer: connection refused".to_owned()],
            hint: Some(
                "start lifeboat serve at the standby and at the witness, then the same command again".to_owned(),
            ),
        }),
        ..succeeded()
    }
}

fn text(report: &impl Report) -> String {
    anstream::adapter::strip_str(&report.text()).to_string()
}

/// A restore, stopped.
fn restored() -> Measured {
    let mut nodes = step("nodes", Some(20.0), Some(21.9), 1);
    nodes.outcome = Some(json!({ "joined": [], "notes": ["no kubelet runs on main-1, so nothing of it is awaited"] }));
    Measured {
        epoch: None,
        onto: vec!["main-1".to_owned(), "main-2".to_owned()],
        to: "main".to_owned(),
        steps: vec![nodes],
        ..stopped()
    }
}

#[test]
fn a_restore_says_onto_what_and_how_it_goes_on() {
    insta::assert_snapshot!(Shown(restored()).text());
}

#[test]
fn a_run_that_nobody_carries_on() {
    let silent = Measured {
        state: "silent",
        heard: at(14.0),
        problem: None,
        by_hand: None,
        ..stopped()
    };
    insta::assert_snapshot!(text(&Shown(silent)));
}

#[test]
fn a_run_that_succeeded() {
    insta::assert_snapshot!(text(&Shown(succeeded())));
}

#[test]
fn a_run_that_stopped() {
    insta::assert_snapshot!(text(&Shown(stopped())));
}

#[test]
fn runs_are_listed() {
    insta::assert_snapshot!(text(&Listed(vec![succeeded(), stopped()])));
}

#[test]
fn no_runs_yet() {
    assert_eq!(text(&Listed(Vec::new())), "no runs yet\n");
}
