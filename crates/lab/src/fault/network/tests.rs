use super::super::{Break, Fault, Target, Undo, Way};
use super::*;
use crate::topology::Options;

fn site(name: &str) -> Target {
    Target::Site(name.parse().unwrap())
}

fn host(name: &str) -> Target {
    Target::Host(name.parse().unwrap())
}

#[test]
fn rules_of_all_faults_at_once() {
    let lab = Topology::new(Options::default(), "10.100.0.0/16".parse().unwrap()).unwrap();
    let faults: Vec<Fault> = [
        Break::Cut { target: site("main"), from: None, way: Way::Both },
        Break::Cut {
            target: site("main"),
            from: Some("witness".parse().unwrap()),
            way: Way::Out,
        },
        Break::Cut {
            target: site("standby"),
            from: Some("edge".parse().unwrap()),
            way: Way::Both,
        },
        Break::Cut { target: host("main-1"), from: None, way: Way::In },
        Break::Loss { target: host("main-svc"), percent: 12.5 },
        Break::Power { target: site("edge") },
    ]
    .into_iter()
    .zip(1..)
    .map(|(what, id)| Fault { id, what, undo: Undo::Nothing })
    .collect();
    let main = lab.site("main").unwrap();
    insta::assert_snapshot!(format!(
        "# core\n{}\n# main's router\n{}",
        core_rules(&faults),
        router_rules(&lab, main, &faults)
    ));
}

#[test]
fn without_faults_every_table_of_faults_is_taken_away() {
    let lab = Topology::new(Options::default(), "10.100.0.0/16".parse().unwrap()).unwrap();
    let rules = router_rules(&lab, lab.site("main").unwrap(), &[]);
    assert!(!rules.contains("numgen"));
    assert!(!rules.contains("table netdev ingress_wan {"));
    assert!(rules.contains("delete table netdev ingress_wan"));
}
