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
        core_rules(&lab, &faults),
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

#[test]
fn a_link_stays_down_while_any_fault_takes_its_power() {
    let mut record = super::super::tests::record();
    for (id, target) in [(1, host("main-1")), (2, site("main"))] {
        record
            .faults
            .push(Fault { id, what: Break::Power { target }, undo: Undo::Nothing });
    }
    let main = record.topology.site("main").unwrap().clone();
    assert_eq!(link_states(&record, &main), "link set h10 down\nlink set h11 down\nlink set wan down\n");
    record.faults.remove(1);
    let lines = link_states(&record, &main);
    assert!(lines.starts_with("link set h10 down\nlink set h11 up\nlink set wan up\n"), "{lines}");
    record.faults.clear();
    assert!(!link_states(&record, &main).contains("down"));
}
