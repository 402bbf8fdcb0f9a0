use super::*;
use estate::Estate;
use std::path::PathBuf;

const GOOD: &str = include_str!("../../../estate/src/file/tests/good.yaml");
const PLAIN: &str = include_str!("../../../estate/src/file/tests/plain.yaml");

fn world(text: &str, here: Option<&str>) -> World {
    let estate = Estate::parse("lifeboat.yaml", text).unwrap();
    let here = here.map(|here| here.parse().unwrap());
    World::new(estate, text.to_owned(), PathBuf::from("/etc/lifeboat/lifeboat.yaml"), here)
}

fn duties(text: &str, here: Option<&str>, only: &[&str]) -> Vec<String> {
    let only: Vec<Name> = only.iter().map(|name| name.parse().unwrap()).collect();
    wanted(&world(text, here), &only)
        .keys()
        .map(|duty| format!("{duty:?}"))
        .collect()
}

#[test]
fn each_host_does_what_the_estate_gives_to_it() {
    let guard = |name: &str| format!("Guard(Name({name:?}))");
    let follow = |name: &str| format!("Follow(Name({name:?}))");
    assert_eq!(duties(PLAIN, Some("shop-1"), &[]), [guard("shop")]);
    assert_eq!(duties(PLAIN, Some("dr-1"), &[]), [guard("bank"), follow("bank")]);
    assert!(duties(PLAIN, None, &[]).is_empty());
    // What is asked for on the command line is done anywhere.
    assert_eq!(duties(PLAIN, None, &["shop"]), [guard("shop")]);
    // Of a cluster with a standby, both stands guard it in turn, and the standby follows.
    assert_eq!(duties(GOOD, Some("main-1"), &[]), [guard("rancher")]);
    assert_eq!(duties(GOOD, Some("standby-1"), &[]), [guard("rancher"), follow("rancher")]);
    assert!(duties(GOOD, Some("witness"), &[]).is_empty());
    // People are told by whoever has something to tell.
    let told = format!("{PLAIN}notify:\n  team: {{webhook: {{url: 'https://hooks.example.org/x'}}}}\n");
    assert_eq!(duties(&told, Some("shop-1"), &[]), ["Notify".to_owned(), guard("shop")]);
    assert!(duties(&told, Some("other"), &[]).is_empty());
}

#[test]
fn what_a_cluster_depends_on_begins_it_anew_and_nothing_else() {
    let with = |text: &str| wanted(&world(text, Some("dr-1")), &[]);
    let before = with(PLAIN);
    // Another cluster's settings are nothing to it.
    assert_eq!(
        with(&PLAIN.replace("hosts: [shop-1]", "hosts: [shop-1]\n    kubeconfig: shop.yaml")),
        before
    );
    for (from, to) in [
        ("every: 30s", "every: 40s"),
        ("url: s3://copies", "url: s3://other"),
        ("10.9.0.1", "10.9.0.2"),
    ] {
        let after = with(&PLAIN.replace(from, to));
        assert!(before.iter().all(|(duty, was)| after[duty] != *was), "{to}");
    }
}

#[test]
fn a_restart_is_due_only_for_what_decides_on_who_serves() {
    let (first, plain) = (world(GOOD, Some("main-1")), world(PLAIN, None));
    let said = due(&first, &world(&GOOD.replace("lease: 10s", "lease: 12s"), None), true).unwrap();
    assert!(said.ends_with("until lifeboat serve is started again"), "{said}");
    assert_eq!(due(&first, &world(&GOOD.replace("name: example", "name: other"), None), true), None);
    assert_eq!(due(&plain, &world(&PLAIN.replace("30s", "40s"), None), false), None);
}
