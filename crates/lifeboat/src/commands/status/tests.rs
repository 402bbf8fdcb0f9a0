use super::*;
use crate::commands::known::tests::{estate, heard, name, now, protection, stored};
use estate::{Following, Lag, Told};
use std::collections::BTreeMap;

fn facts(heard: Vec<Heard>) -> Facts {
    Facts {
        heard,
        silent: Vec::new(),
        stored: BTreeMap::new(),
        sites: Vec::new(),
        now: now(),
    }
}

fn of(facts: &Facts) -> Status {
    let estate = estate();
    let clusters: Vec<Name> = estate.clusters.keys().cloned().collect();
    status(&estate, &clusters, facts, None)
}

fn text(status: &Status, columns: u16) -> String {
    anstream::adapter::strip_str(&status.in_columns(Some(columns))).to_string()
}

fn told(code: &str, text: &str, next: Option<&str>) -> Told {
    Told {
        code: code.to_owned(),
        text: text.to_owned(),
        next: next.map(str::to_owned),
    }
}

#[test]
fn all_is_well() {
    let all = ["edge-1", "edge-2", "rancher"].map(protection).to_vec();
    let status = of(&facts(vec![heard(From::Here, "main-1", all)]));
    assert!(outcome(&status).is_ok());
    insta::assert_snapshot!(text(&status, 80));
}

/// Something of everything.
fn trouble() -> Facts {
    let mut waiting = protection("rancher");
    waiting.at_risk_ms = Some(45_200);
    waiting.lacks = vec!["the key aesgcm/one, which opens 12 Secrets".to_owned()];
    waiting.warnings = vec!["the certificate of the API server expires in 12 d".to_owned()];
    waiting.troubles.insert(
        "store".to_owned(),
        told("LB0301", "s3://lifeboat did not answer: connection refused", Some("lifeboat check")),
    );
    let mut silent = protection("edge-1");
    (silent.silent_ms, silent.judged, silent.proof) = (Some(12_000), None, None);
    let mut follows = protection("rancher");
    follows.duty = estate::Duty::Follows;
    follows.following = Some(Following { timeline: 1, revision: 4600, behind: Some(111), seen: None });
    let mut own = heard(From::Here, "main-1", vec![waiting, silent]);
    own.copies = vec![Copying {
        repository: name("cellar"),
        of: name("standby-s3"),
        lag: Some(Lag { seconds: 75, bytes: 40_200_000, objects: 12 }),
        ago_ms: 2000,
    }];
    own.troubles = vec!["estate: lifeboat.yaml was changed and cannot be used".to_owned()];
    let mut facts = facts(vec![own, heard(From::Host(name("standby-1")), "standby-1", vec![follows])]);
    facts.silent = vec![Silent {
        from: From::Host(name("edge-2")),
        why: told("LB0202", "host edge-2 cannot be entered from here", Some("add ssh to host edge-2")),
    }];
    facts.stored = BTreeMap::from([(name("edge-2"), stored())]);
    facts
}

#[test]
fn what_is_missed_comes_first_and_each_trouble_has_its_next_command() {
    let status = of(&trouble());
    assert!(outcome(&status).is_err_and(|failure| failure.exit_code() == 3.into()));
    insta::assert_snapshot!("trouble in 80 columns", text(&status, 80));
    insta::assert_snapshot!("trouble in 160 columns", text(&status, 160));
    insta::assert_snapshot!("trouble as JSON", serde_json::to_string_pretty(&status).unwrap());
}

#[test]
fn nothing_is_known() {
    let mut facts = facts(Vec::new());
    facts.silent = vec![Silent {
        from: From::Here,
        why: told("LB0415", "this host's Lifeboat does not answer", Some("is lifeboat serve running here?")),
    }];
    let status = of(&facts);
    assert!(outcome(&status).is_err_and(|failure| failure.exit_code() == 1.into()));
    insta::assert_snapshot!(text(&status, 80));
}

#[test]
fn what_comes_from_outside_stays_on_its_line() {
    let mut evil = protection("rancher");
    evil.lacks = vec!["a\nb\u{1b}[2J".to_owned()];
    evil.troubles.insert("x\ny".to_owned(), told("LB0301", "c\rd", Some("e\nf")));
    let shown = of(&facts(vec![heard(From::Here, "main-1", vec![evil])])).in_columns(Some(80));
    assert!(
        !shown.contains("\u{1b}[2J") && !shown.contains("a\nb") && !shown.contains('\r'),
        "{shown}"
    );
}

/// A restore that nobody carries on is what a person must know first, whatever else is well.
#[test]
fn a_run_that_stands_still_needs_a_person() {
    let with = |state: &'static str| {
        let mut status = of(&facts(vec![heard(From::Here, "main-1", vec![protection("rancher")])]));
        status.clusters.retain(|it| it.cluster == name("rancher"));
        status.clusters[0].unfinished = Some(Unfinished {
            run: 4,
            state,
            heard: now(),
            next: "lifeboat failover --yes".to_owned(),
        });
        status
    };
    assert!(outcome(&with("running")).is_ok());
    let silent = with("silent");
    assert!(outcome(&silent).is_err());
    insta::assert_snapshot!(text(&silent, 160));
}
