use super::look::Looked;
use super::*;
use crate::commands::known::tests::{estate, estate_with, name, now};
use ::estate::Name;
use recovery::fitness::{host, set};
use recovery::{Trouble, World};
use std::collections::BTreeMap;

fn findings() -> Findings {
    let trouble = Trouble::new("LB0308", Kind::Person, "/var/lib/lifeboat/spool cannot be written: permission denied");
    Findings(vec![
        Finding::ok("estate file", "estate example, cluster rancher"),
        Finding::warn(
            "repository standby-s3",
            "one recipient opens everything: if that key is lost, so are all copies",
            "add a second recipient, keep its key elsewhere, then lifeboat repository keys apply",
        ),
        Finding::trouble(State::Fail, "newest point of management", &trouble.hint("ls -ld /var/lib/lifeboat/spool")),
        Finding::trouble(
            State::Fail,
            "host standby-1 (standby)",
            &Trouble::new("LB0806", Kind::Person, "it has no etcdutl"),
        ),
        Finding::unknown("certificate of \u{1b}[31met\ncd", "a title \u{7}", "look"),
    ])
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn findings_are_aligned_and_say_what_to_do() {
    insta::assert_snapshot!("at_80", plain(&findings().in_columns(Some(80))));
    insta::assert_snapshot!("at_160", plain(&findings().in_columns(Some(160))));
}

#[test]
fn findings_for_programs_have_their_states() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&findings()).unwrap());
}

fn world() -> World {
    World::new(estate(), String::new(), "/nowhere/lifeboat.yaml".into(), Some(name("witness")))
}

fn silent(what: &str) -> Trouble {
    Trouble::new("LB0801", Kind::Unreachable, format!("{what} does not answer"))
}

/// Everything is dead: each thing has its line, and none hides another.
#[test]
fn what_is_dead_hides_nothing() {
    let hosts: BTreeMap<Name, _> = estate()
        .hosts
        .keys()
        .map(|host| (host.clone(), Err(silent(host.as_str()))))
        .collect();
    let looked = Looked {
        now: now(),
        stores: [(name("standby-s3"), Err(silent("s3")))].into(),
        newest: [(name("rancher"), Err(silent("s3")))].into(),
        sets: [
            (name("rancher"), Err(silent("s3"))),
            (name("edge-2"), Err(silent("its history"))),
        ]
        .into(),
        hosts,
        lacking: Some((name("standby-1"), Err(silent("standby-1")))),
        reading: [(name("standby-1"), Err(silent("standby-1")))].into(),
        sites: Some(Err(silent("every site"))),
        names: vec![("10.1.5.1:53".to_owned(), Err(silent("the name server")))],
        managers: vec![("manager at 10.1.1.2 (primary)".to_owned(), Err(silent("it")))],
        ..Looked::default()
    };
    let all = Findings(judge::findings(&world(), &looked));
    insta::assert_snapshot!(plain(&all.in_columns(Some(160))));
}

#[test]
fn what_is_wrong_with_a_recovery_set_is_named_and_the_rest_is_well() {
    let said = host::Said { now: Some(now()), ..host::Said::default() };
    let wrong = set::Set {
        by: "as host edge-1 says".to_owned(),
        lacks: vec![
            "encryption at rest: mismatch: the captured key opens none of 3 Secrets; next: capture the key of that day".to_owned(),
            "join token: mismatch: /var/lib/rancher/k3s/server/token does not open the bootstrap data; next: take the token".to_owned(),
            "expiry: expired: /etc/a.crt of edge-1 expired at 2026-01-01T00:00:00Z; next: renew it".to_owned(),
        ],
        ..set::Set::default()
    };
    let good = set::Set { by: "as host edge-2 says".to_owned(), ..set::Set::default() };
    let looked = Looked {
        now: now(),
        newest: [(name("edge-1"), Ok(("000001-20261122T220055.000Z-k7xq".to_owned(), now())))].into(),
        sets: [(name("edge-1"), Ok(wrong)), (name("edge-2"), Ok(good))].into(),
        hosts: [(name("edge-1"), Ok((said, now(), now())))].into(),
        lacking: Some((name("standby-1"), Ok(vec!["etcdutl is not installed".to_owned()]))),
        followers: vec![(name("edge-1"), name("standby-1"), 3)],
        sites: Some(Ok(Vec::new())),
        managers: vec![("manager at 10.1.1.2 (primary)".to_owned(), Ok(()))],
        ..Looked::default()
    };
    let all = Findings(judge::findings(&world(), &looked));
    insta::assert_snapshot!(plain(&all.in_columns(Some(80))));
    let failing: Vec<_> = all.0.iter().filter(|it| it.state == State::Fail).map(|it| &*it.what).collect();
    assert_eq!(failing, ["recovery set of edge-1"; 3]);
}

/// What `repository init` would refuse is said before, and that nothing is protected at all.
#[test]
fn an_estate_that_parses_may_still_be_of_no_use() {
    let found = |estate: ::estate::Estate| {
        let world = World::new(estate, String::new(), "/nowhere/lifeboat.yaml".into(), Some(name("witness")));
        let all = judge::findings(&world, &Looked { now: now(), ..Looked::default() });
        let told = all
            .into_iter()
            .filter(|it| it.what.contains("of standby-s3") || it.what == "estate file");
        let told = told.filter(|it| it.state != State::Unknown);
        told.map(|it| format!("{} {}: {}", it.state, it.what, it.found))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let nobody = estate_with(|text| text.replace("age1u8w", "age1nobody"));
    insta::assert_snapshot!(found(nobody));
    let none =
        ::estate::Estate::parse("lifeboat.yaml", "name: example\nsites: {main: {}}\nrepositories: {}\nclusters: {}\n")
            .unwrap();
    insta::assert_snapshot!(found(none));
}
