use super::*;
use crate::commands::known::tests::{estate, heard, name, now, protection, stored};
use crate::commands::known::{From, judged};
use std::collections::BTreeMap;

fn readiness() -> Readiness {
    let world = World::new(estate(), String::new(), "/etc/lifeboat/lifeboat.yaml".into(), None);
    let mut waiting = protection("edge-1");
    (waiting.at_risk_ms, waiting.lacks) = (Some(45_000), vec!["the join token of that time".to_owned()]);
    let facts = Facts {
        heard: vec![heard(From::Here, "main-1", vec![protection("rancher"), waiting])],
        silent: Vec::new(),
        stored: BTreeMap::from([(name("rancher"), stored()), (name("edge-1"), stored())]),
        sites: Vec::new(),
        now: now(),
    };
    let of = |text: &str| {
        let cluster = world.cluster(&name(text)).unwrap();
        let account = judged(&world.estate, &name(text), &facts.heard, facts.stored.get(&name(text)), facts.now);
        let facts = gathered(&world, cluster, &facts, &account, Ok(true));
        OfCluster {
            components: plan::readiness(&world.estate, &name(text), &facts),
            missed: account.missed,
            cluster: name(text),
        }
    };
    Readiness {
        now: now(),
        estate: name("example"),
        clusters: vec![of("edge-1"), of("rancher"), of("edge-2")],
    }
}

fn text(columns: u16) -> String {
    let text = readiness().in_columns(Some(columns));
    let text = anstream::adapter::strip_str(&text).to_string();
    // Sentences are broken by the terminal.
    let tables = text.lines().filter(|line| !line.starts_with("MISSED"));
    let most = tables.map(|line| line.chars().count()).max();
    assert!(most <= Some(usize::from(columns)), "{text}");
    text
}

#[test]
fn the_ladder_in_80_columns() {
    insta::assert_snapshot!(text(80));
}

#[test]
fn the_ladder_in_160_columns() {
    insta::assert_snapshot!(text(160));
}
