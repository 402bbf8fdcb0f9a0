use super::*;
use ::estate::{Duty, HashProof, Made};

const ESTATE: &str = include_str!("../../../../estate/src/file/tests/good.yaml");

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn now() -> Timestamp {
    at("2026-11-22T22:01:02Z")
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Keys that are some, in the place of the words that stand for them.
const KEYS: [(&str, &str); 3] = [
    ("age1good", "age1273m9psukn620zgrvvz6u86um200darl874kg3e7hk4ydmans99sa0x6md"),
    ("age1other", "age1u8wecylnuvndvzfe672xgjkfmgeeqslfx87f5ycwszjkjfyfls5q8se3e4"),
    ("age1main", "age12kmk4h3p55fk7msgfmsefdnq306r89a68509qkxqqeqfnv76qqhs9f6n4p"),
];

/// The estate of the tests, with an RPO of 30 s and two more clusters.
pub(crate) fn estate() -> Estate {
    estate_with(|text| text)
}

/// The same, changed.
pub(crate) fn estate_with(change: impl FnOnce(String) -> String) -> Estate {
    let hosts =
        "  edge-1: {site: main, address: 10.1.1.3, ssh: {}}\n  edge-2: {site: main, address: 10.1.1.4}\nrepositories:";
    let edge = |name: &str| {
        format!(
            "  {name}:\n    role: downstream\n    distribution: k3s\n    hosts: [{name}]\n    repository: standby-s3\n"
        )
    };
    let text = KEYS
        .iter()
        .fold(ESTATE.to_owned(), |text, (word, key)| {
            text.replace(&format!("key: {word}"), &format!("key: {key}"))
        })
        .replace("name: example\n", "name: example\nobjectives: {rpo: 30s}\n")
        .replace("repositories:", hosts)
        .replace("dns:\n  zone", &format!("{}{}dns:\n  zone", edge("edge-1"), edge("edge-2")));
    match Estate::parse("lifeboat.yaml", &change(text)) {
        Ok(estate) => estate,
        Err(error) => panic!("{error}"),
    }
}

/// All that can be well.
pub(crate) fn protection(cluster: &str) -> Protection {
    Protection {
        cluster: name(cluster),
        duty: Duty::Captures,
        at_risk_ms: Some(400),
        silent_ms: Some(900),
        waiting_revisions: 3,
        failures: 0,
        timeline: 1,
        stored: Some(4711),
        newest: Some(Made {
            id: "000001-20261122T220050.000Z-k7xq".parse().unwrap(),
            begun: at("2026-11-22T22:00:50Z"),
            revision: 4700,
        }),
        proof: Some(HashProof {
            member: "m1".to_owned(),
            at: at("2026-11-22T21:58:00Z"),
            timeline: 1,
            revision: 4600,
            compaction: 4000,
            hash: 7,
        }),
        judged: Some(at("2026-11-22T22:00:00Z")),
        lacks: Vec::new(),
        untested: Vec::new(),
        warnings: Vec::new(),
        following: None,
        troubles: BTreeMap::new(),
    }
}

pub(crate) fn heard(from: From, host: &str, protections: Vec<Protection>) -> Heard {
    Heard {
        from,
        host: Some(name(host)),
        protections,
        copies: Vec::new(),
        troubles: Vec::new(),
    }
}

pub(crate) fn stored() -> Stored {
    Stored {
        newest: Some(Newest {
            id: "000001-20261122T220055.000Z-k7xq".parse().unwrap(),
            begun: at("2026-11-22T22:00:55Z"),
            files: Some(true),
        }),
        seen: Some(at("2026-11-22T22:00:10Z")),
        proof: None,
        untested: vec!["expiry: unknown: no certificate could be read".to_owned()],
        lacks: Some(vec!["the join token".to_owned()]),
        trouble: None,
    }
}

fn account(heard: &[Heard], stored: Option<&Stored>) -> Account {
    judged(&estate(), &name("edge-1"), heard, stored, now())
}

fn stands_by(cluster: &str) -> Protection {
    let duty = Duty::StandsBy { why: "main-1 holds the lease".to_owned() };
    Protection {
        duty,
        at_risk_ms: None,
        newest: None,
        proof: None,
        judged: None,
        ..protection(cluster)
    }
}

#[test]
fn whoever_captures_it_counts_and_not_who_stands_by() {
    let standing = heard(From::Here, "main-1", vec![stands_by("edge-1")]);
    let capturing = heard(From::Host(name("edge-1")), "edge-1", vec![protection("edge-1")]);
    for order in [[standing.clone(), capturing.clone()], [capturing, standing]] {
        let it = account(&order, None);
        assert_eq!(it.by, Some(From::Host(name("edge-1"))));
        assert_eq!(it.at_risk, AtRisk::Known { ms: 400, silent_ms: None });
        assert!(it.troubles.is_empty() && !it.needs_a_person(), "{it:?}");
    }
}

/// A capture that goes on, of an etcd that says nothing: nobody knows what it changes.
#[test]
fn an_etcd_that_is_silent_for_a_minute_needs_a_person() {
    let silent = |ms: u64| {
        let it = Protection { silent_ms: Some(ms), ..protection("edge-1") };
        // Where an RPO is missed, that alone needs one.
        let estate = estate_with(|text| text.replace("objectives: {rpo: 30s}\n", ""));
        let heard = [heard(From::Here, "main-1", vec![it])];
        judged(&estate, &name("edge-1"), &heard, None, now()).needs_a_person()
    };
    assert!(!silent(SILENT_MS) && silent(SILENT_MS + 1));
}

#[test]
fn two_that_say_they_capture_it_are_a_trouble() {
    let both = [
        heard(From::Here, "main-1", vec![protection("edge-1")]),
        heard(From::Site(name("standby")), "standby-1", vec![protection("edge-1")]),
    ];
    let it = account(&both, None);
    assert_eq!((it.by, it.troubles.len()), (Some(From::Here), 1));
    insta::assert_snapshot!(it.troubles[0].told.text);
}

#[test]
fn without_anybody_who_captures_it_the_repository_says_the_most_that_is_lost() {
    let it = account(&[heard(From::Here, "main-1", vec![stands_by("edge-1")])], Some(&stored()));
    assert_eq!(it.at_risk, AtRisk::AtMost { ms: 52_000 });
    assert_eq!((it.by.as_ref(), it.no_point, it.no_proof), (None, false, true));
    assert!(it.needs_a_person() && !it.is_unknown());
    insta::assert_snapshot!(format!("{}\n{}", it.missed[0], it.troubles[0].told.text));
}

#[test]
fn a_repository_that_fails_shows_neither_points_nor_that_there_are_none() {
    let told = Told {
        code: "LB0301".to_owned(),
        text: "it did not answer".to_owned(),
        next: None,
    };
    let it = account(&[], Some(&Stored { trouble: Some(told), ..Stored::default() }));
    assert!(it.is_unknown() && !it.no_point && !it.no_proof && it.missed.is_empty(), "{it:?}");
    let it = account(&[], Some(&Stored::default()));
    assert!(!it.is_unknown() && it.no_point && it.no_proof, "{it:?}");
}

#[test]
fn what_was_never_heard_of_etcd_is_not_zero() {
    let it = Protection {
        at_risk_ms: None,
        silent_ms: Some(9000),
        ..protection("edge-1")
    };
    assert_eq!(account(&[heard(From::Here, "edge-1", vec![it])], None).at_risk, AtRisk::Unknown);
}

#[test]
fn a_silence_of_a_few_seconds_is_none() {
    let at_risk = |silent_ms| {
        let it = Protection { silent_ms: Some(silent_ms), ..protection("edge-1") };
        account(&[heard(From::Here, "edge-1", vec![it])], None)
    };
    assert_eq!(at_risk(5000).at_risk, AtRisk::Known { ms: 400, silent_ms: None });
    assert_eq!(at_risk(5001).at_risk, AtRisk::Known { ms: 400, silent_ms: Some(5001) });
    assert!(at_risk(31_000).needs_a_person());
}

#[test]
fn the_newer_of_two_newest_points_counts() {
    let own = heard(From::Here, "edge-1", vec![protection("edge-1")]);
    let newest = |stored: &Stored| account(std::slice::from_ref(&own), Some(stored)).newest.unwrap().begun;
    assert_eq!(newest(&stored()), at("2026-11-22T22:00:55Z"));
    let mut older = stored();
    older.newest.as_mut().unwrap().begun = at("2026-11-22T21:00:00Z");
    assert_eq!(newest(&older), at("2026-11-22T22:00:50Z"));
}
