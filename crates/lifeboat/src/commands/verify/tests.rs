use super::*;
use protect::verify::{Outcome, Test, Tested};

#[test]
fn what_was_shown_and_what_was_not() {
    let tested = |test, outcome, text: &str| Tested { test, outcome, text: text.to_owned() };
    let tests = vec![
        tested(Test::Files, Outcome::Shown, "12 files of main-1: every byte was read and has its hash"),
        tested(
            Test::Database,
            Outcome::Failed,
            "HashKV of what was rebuilt is 1, and of what it was made of 2",
        ),
        tested(Test::Etcd, Outcome::NotShown, "no etcd is at hand: --etcd PROGRAM"),
    ];
    let mut it = Shown {
        cluster: "rancher".parse().unwrap(),
        point: "000001-20261122T220102.000Z-k7xq".to_owned(),
        at: Some("2026-11-22T22:01:02Z".parse().unwrap()),
        revision: Some(4711),
        sound: false,
        whole: false,
        verified: Verified { tests, hash_kv: Some(7), complete: None },
        instead: None,
        kept: Some("/var/tmp/kept".into()),
        took_s: 2.44,
    };
    let text = |it: &Shown| anstream::adapter::strip_str(&it.text()).to_string();
    insta::assert_snapshot!(text(&it));
    it.took_s = 200.0;
    assert!(text(&it).ends_with("took: 3 min 20 s\n"));
    insta::assert_snapshot!(serde_json::to_string_pretty(&it).unwrap());
}
