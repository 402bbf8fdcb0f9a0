use super::*;
use crate::record::Phase;
use crate::secrets::Secrets;
use crate::topology::Options;

pub(super) fn record() -> Record {
    Record {
        phase: Phase::Up,
        topology: Topology::new(Options::default(), "10.100.0.0/16".parse().unwrap()).unwrap(),
        secrets: Secrets::empty(),
        faults: Vec::new(),
        next_fault: 1,
    }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn site(text: &str) -> Target {
    Target::Site(name(text))
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    let clock = |process: &str| Break::Clock { host: name("main-1"), ms: 5, process: process.into() };
    for (what, code, why) in [
        (Break::Power { target: site("moon") }, "LB0108", "main, standby, witness, edge, backbone"),
        (Break::Kill { target: Target::Host(name("nobody")) }, "LB0108", "main-1"),
        (Break::Loss { target: site("main"), percent: 0.0 }, "LB0111", "at least 0.001"),
        (Break::Loss { target: site("main"), percent: f64::NAN }, "LB0111", "at least 0.001"),
        (Break::Bandwidth { target: site("main"), kbit: 0 }, "LB0111", "is a cut"),
        (Break::Latency { site: name("main"), ms: 0 }, "LB0111", "from 1"),
        (
            Break::Cut {
                target: site("main"),
                from: Some(name("main")),
                way: Way::Both,
            },
            "LB0111",
            "itself",
        ),
        (
            Break::Cut {
                target: Target::Host(name("main-1")),
                from: Some(name("edge")),
                way: Way::Both,
            },
            "LB0111",
            "only a site",
        ),
        (clock("etcd"), "LB0111", "kernel clock"),
        (
            Break::Corrupt { host: name("main-1"), path: "/x".into(), offset: 0, bytes: 0 },
            "LB0111",
            "1 byte",
        ),
    ] {
        let error = check(&record(), &what).unwrap_err();
        assert_eq!(error.code(), code, "{what}");
        assert!(error.to_string().contains(why), "{error}");
    }
    check(&record(), &clock("lifeboat")).unwrap();
}

#[test]
fn a_host_without_power_stays_off_while_another_fault_keeps_it_off() {
    let mut record = record();
    for (id, target) in [(1, Target::Host(name("main-1"))), (2, site("main"))] {
        record
            .faults
            .push(Fault { id, what: Break::Power { target }, undo: Undo::Nothing });
    }
    let main_1 = record.topology.host("main-1").unwrap();
    let standby_1 = record.topology.host("standby-1").unwrap();
    assert!(kept_off(&record, main_1).unwrap());
    assert!(!kept_off(&record, standby_1).unwrap());
    record.faults.remove(0);
    assert!(kept_off(&record, main_1).unwrap());
    record.faults.remove(0);
    assert!(!kept_off(&record, main_1).unwrap());
}

#[test]
fn a_record_with_faults_survives_being_written() {
    let mut record = record();
    record.faults.push(Fault {
        id: 7,
        what: Break::Corrupt {
            host: name("main-1"),
            path: "/etc/x".into(),
            offset: 3,
            bytes: 2,
        },
        undo: Undo::Bytes(vec![0, 255]),
    });
    let text = serde_json::to_string(&record).unwrap();
    let read: Record = serde_json::from_str(&text).unwrap();
    assert_eq!(read.faults, record.faults);
    assert_eq!(read.topology, record.topology);
}

#[test]
fn the_same_fault_twice_is_refused() {
    let mut record = record();
    let fill = |leave_mib| Break::Fill { host: name("main-1"), leave_mib };
    record.faults.push(Fault { id: 4, what: fill(0), undo: Undo::Nothing });
    let said = check(&record, &fill(10)).unwrap_err().to_string();
    assert!(said.contains("fault 4"), "{said}");
    check(&record, &Break::Fill { host: name("main-svc"), leave_mib: 0 }).unwrap();
}
