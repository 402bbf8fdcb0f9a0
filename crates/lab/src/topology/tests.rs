use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn lab(options: Options) -> Topology {
    Topology::new(options, "10.100.0.0/16".parse().unwrap()).unwrap()
}

#[test]
fn the_default_lab() {
    let lab = lab(Options::default());
    let mut text = String::new();
    for site in &lab.sites {
        text += &format!("{} ({})\n", site.name, site.index);
        for host in lab.hosts_of(&site.name) {
            let resolver = lab.resolver_for(host).map(|r| r.to_string()).unwrap_or_default();
            text += &format!("  {} {} asks {resolver}: {:?}\n", host.name, host.address, host.parts);
        }
    }
    for cluster in &lab.clusters {
        text += &format!("{} {} {:?} {:?}\n", cluster.name, cluster.role, cluster.hosts, cluster.id);
    }
    insta::assert_snapshot!(text);
}

#[test]
fn three_members_have_hosts_of_their_own() {
    let lab = lab(Options { etcd_members: 3, ..Options::default() });
    let cluster = lab.cluster("rancher").unwrap();
    let hosts: Vec<&str> = cluster.hosts.iter().map(Name::as_str).collect();
    assert_eq!(hosts, ["main-1", "main-2", "main-3"]);
    assert_eq!(lab.host("main-2").unwrap().parts, [Part::EtcdMember(cluster.name.clone())]);
}

proptest! {
    #[test]
    fn names_addresses_and_links_are_unique(edges in 1u8..=20, three in any::<bool>(), octet in 1u8..96) {
        let options = Options { edges, etcd_members: if three { 3 } else { 1 }, ..Options::default() };
        let subnet: Subnet = format!("10.{octet}.0.0/16").parse().unwrap();
        let lab = Topology::new(options, subnet).unwrap();
        let names: BTreeSet<&str> = lab.hosts.iter().map(|h| h.name.as_str()).collect();
        let mut addresses: Vec<Ipv4Addr> = Vec::new();
        for host in &lab.hosts {
            addresses.extend(crate::parts::addresses(&lab, host));
            // The kernel's limit on link names is 15 characters.
            prop_assert!(host.site.as_str().len() <= 15);
            prop_assert!(lab.resolver_for(host).is_some());
        }
        let unique: BTreeSet<_> = addresses.iter().collect();
        prop_assert_eq!(names.len(), lab.hosts.len());
        prop_assert_eq!(unique.len(), addresses.len());
        prop_assert!(addresses.iter().all(|a| subnet.contains(*a)));
        prop_assert_eq!(lab.clusters.len(), usize::from(edges) + 2);
    }

    #[test]
    fn no_topology_file_makes_it_panic(text in "\\PC{0,200}") {
        let _either = Options::parse("file", &text);
    }
}

#[test]
fn a_malformed_topology_is_refused_with_its_place() {
    for (text, why) in [
        ("", "the file is empty"),
        ("edges: 2\nedgs: 3\n", "edgs"),
        ("edges: many", "edges"),
        ("edges: 0", "from 1 to 20"),
        ("edges: 21", "from 1 to 20"),
        ("etcdMembers: 2", "1 or 3 members"),
        ("etcd: '3.4'", "3.4"),
        ("name: This Lab", "not a name"),
        ("name: a-name-too-long", "at most 10"),
        ("subnet: 192.168.0.0/16", "10.N.0.0/16"),
        ("subnet: 10.96.0.0/16", "10.N.0.0/16"),
        ("objects: 1000000", "100,000"),
        ("pods: true\nlayout: rke2", "kubeadm only"),
        ("[]", "t.yaml"),
    ] {
        let error = Options::parse("t.yaml", text).unwrap_err();
        assert_eq!(error.code(), "LB0103", "{text}");
        assert_eq!(error.kind(), estate::Kind::Invalid);
        let said = error.to_string();
        assert!(said.starts_with("t.yaml: ") && said.contains(why), "{text}: {said}");
    }
    let place = Options::parse("t.yaml", "edges: 2\nedgs: 3\n").unwrap_err().to_string();
    assert!(place.contains('2') && place.contains("line") || place.contains(":2:"), "{place}");
}

#[test]
fn a_topology_file_says_what_flags_say() {
    let text =
        "name: two\nedges: 3\netcd: '3.5'\netcdMembers: 3\nlayout: rke2\nsubnet: 10.7.0.0/16\nseed: 9\nobjects: 5\n";
    let options = Options::parse("t.yaml", text).unwrap();
    assert_eq!(options.edges, 3);
    assert_eq!(options.etcd, EtcdLine::V3_5);
    assert_eq!(options.layout, Distribution::Rke2);
    assert_eq!(options.subnet.unwrap().to_string(), "10.7.0.0/16");
}

#[test]
fn an_unknown_host_is_named_with_those_that_exist() {
    let error = lab(Options::default()).host("nowhere").unwrap_err().to_string();
    assert!(
        error.contains("nowhere") && error.contains("main-1") && error.contains("backbone"),
        "{error}"
    );
}
