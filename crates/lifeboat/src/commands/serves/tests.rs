use super::*;
use estate::{Epoch, Probe, Proven, Seen, Standing};
use failover::Call;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    "2026-11-22T22:01:02.123Z".parse().unwrap()
}

fn seen(good: bool, for_ms: u64) -> Vec<Seen> {
    let seen = |probe| Seen {
        probe,
        good,
        for_ms,
        asked_ms: 400,
        reason: if good { String::new() } else { "no answer".to_owned() },
    };
    vec![seen(Probe::Manager), seen(Probe::Api)]
}

fn site(text: &str, role: &'static str, serving: Serving, probes: Vec<Seen>) -> Site {
    let report = Report {
        site: name(text),
        version: "0.1.0".to_owned(),
        now: now(),
        standing: Some(Standing { epoch: Epoch(1), holder: name("main") }),
        serving,
        probes,
        renewed: None,
        proven: None,
        unfit: None,
        copied: None,
        copies: Vec::new(),
        protections: Vec::new(),
        troubles: Vec::new(),
    };
    Site {
        name: name(text),
        role,
        report: Some(report),
        reason: None,
        clock_ahead_ms: Some(12),
    }
}

fn silent(text: &str, role: &'static str) -> Site {
    let reason = format!("{text} at 10.1.1.1:7445 did not answer: connection timed out");
    Site {
        name: name(text),
        role,
        report: None,
        reason: Some(reason),
        clock_ahead_ms: None,
    }
}

fn standby(probes: Vec<Seen>) -> Site {
    let mut standby = site("standby", "standby", Serving::Standby, probes);
    if let Some(report) = &mut standby.report {
        report.proven = Some(Proven {
            id: "000001-20261122T220051.000Z-k7xq".parse().unwrap(),
            begun: "2026-11-22T22:00:51Z".parse().unwrap(),
            revision: 4711,
            ago_ms: 2000,
        });
        report.unfit = Some(Vec::new());
    }
    standby
}

fn verdict(kind: Call, reasons: &[&str]) -> Option<Verdict> {
    let reasons = reasons.iter().map(|&reason| reason.to_owned()).collect();
    Some(Verdict { kind, reasons, lost_for_ms: None })
}

fn text(sites: Vec<Site>, verdict: Option<Verdict>, copies_at: &str) -> String {
    text_in(None, sites, verdict, copies_at)
}

fn text_in(columns: Option<u16>, sites: Vec<Site>, verdict: Option<Verdict>, copies_at: &str) -> String {
    let status = Serves {
        now: now(),
        cluster: name("rancher"),
        sites,
        verdict,
        copies_at: Some(name(copies_at)),
        maximum_loss_s: 60,
    };
    anstream::adapter::strip_str(&status.in_columns(columns)).to_string()
}

#[test]
fn all_is_well() {
    let sites = vec![
        site(
            "main",
            "primary",
            Serving::Serving { epoch: Epoch(1), left_ms: 5000 },
            seen(true, 3_600_400),
        ),
        standby(seen(true, 3_600_900)),
        site("witness", "witness", Serving::Never, seen(true, 59_000)),
    ];
    let verdict = verdict(
        Call::Stay,
        &["standby and witness both reach main: its manager and its API server answer"],
    );
    insta::assert_snapshot!(text(sites, verdict, "standby"));
}

#[test]
fn the_main_site_is_lost() {
    let mut witness = site("witness", "witness", Serving::Never, seen(false, 12_000));
    witness.clock_ahead_ms = Some(-90_000);
    let mut standby = standby(seen(false, 12_300));
    if let Some(report) = &mut standby.report {
        report.unfit = Some(vec!["etcdutl is not installed".to_owned()]);
        report.troubles = vec!["runs: http://10.1.2.2:8333/lifeboat did not answer for runs".to_owned()];
    }
    let verdict = verdict(
        Call::Propose,
        &[
            "standby and witness have not reached main for 12 s; both agree",
            "standby cannot take over: etcdutl is not installed",
        ],
    );
    let sites = || vec![silent("main", "primary"), standby.clone(), witness.clone()];
    insta::assert_snapshot!(text(sites(), verdict.clone(), "standby"));
    insta::assert_snapshot!("lost_at_80", text_in(Some(80), sites(), verdict.clone(), "standby"));
    insta::assert_snapshot!("lost_at_160", text_in(Some(160), sites(), verdict, "standby"));
}

#[test]
fn the_former_site_is_back_and_the_copies_are_where_it_serves() {
    let standing = Standing { epoch: Epoch(2), holder: name("standby") };
    let mut sites = vec![
        site("main", "primary", Serving::Fenced { standing: standing.clone() }, seen(true, 30_000)),
        site(
            "standby",
            "standby",
            Serving::Serving { epoch: Epoch(2), left_ms: 5000 },
            seen(true, 30_000),
        ),
        site("witness", "witness", Serving::Never, Vec::new()),
    ];
    for site in &mut sites {
        if let Some(report) = &mut site.report {
            report.standing = Some(standing.clone());
        }
    }
    let verdict = verdict(
        Call::Stay,
        &["epoch 2 of standby is newer, and it serves: there is nothing to take over from main"],
    );
    insta::assert_snapshot!(text(sites, verdict, "standby"));
}

#[test]
fn nobody_answers() {
    let sites = vec![
        silent("main", "primary"),
        silent("standby", "standby"),
        silent("witness", "witness"),
    ];
    insta::assert_snapshot!(text(sites, None, "standby"));
}

#[test]
fn every_state_has_its_words() {
    let standing = Standing { epoch: Epoch(2), holder: name("standby") };
    let states = [
        Serving::Never,
        Serving::Standby,
        Serving::TakingOver { epoch: Epoch(2) },
        Serving::Serving { epoch: Epoch(2), left_ms: 1 },
        Serving::Alone { epoch: Epoch(1) },
        Serving::Fenced { standing },
        Serving::Unknown,
    ];
    insta::assert_snapshot!(states.iter().map(state).collect::<Vec<_>>().join("\n"));
}

#[test]
fn an_old_copy_means_that_a_person_would_be_needed_and_status_says_so() {
    let warning = "a person would have to declare it";
    let young = standby(seen(true, 1000));
    assert!(!text(vec![young], None, "standby").contains(warning));
    let mut old = standby(seen(true, 1000));
    if let Some(proven) = old.report.as_mut().and_then(|report| report.proven.as_mut()) {
        proven.begun = now() - jiff::SignedDuration::from_secs(61);
    }
    let said = text(vec![old], None, "standby");
    assert!(said.contains(warning), "{said}");
}

#[test]
fn how_far_copies_of_the_repository_are_behind_is_told() {
    let copy = |repository: &str, lag, ago_ms| Copying {
        repository: name(repository),
        of: name("standby-s3"),
        lag,
        ago_ms,
    };
    let mut witness = site("witness", "witness", Serving::Never, seen(true, 59_000));
    if let Some(report) = &mut witness.report {
        report.copies = vec![
            copy("cellar", Some(Lag::default()), 41_000),
            copy("cloud", Some(Lag { seconds: 75, bytes: 40_200_000, objects: 12 }), 2000),
            copy("new", None, 0),
        ];
    }
    insta::assert_snapshot!(text(vec![standby(seen(true, 1000)), witness], None, "standby"));
}
