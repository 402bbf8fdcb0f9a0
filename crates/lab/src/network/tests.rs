use super::*;
use crate::topology::Options;

fn subnet() -> Subnet {
    "10.100.0.0/16".parse().unwrap()
}

#[test]
fn a_route_into_the_range_is_seen() {
    for line in [
        "10.100.0.0/16 via 10.100.255.1 dev lifeboat100",
        "10.100.7.0/24 dev eth1 scope link",
        "broadcast 10.100.255.255 dev eth0 table local",
        "local 10.100.1.2 dev eth0 table local",
    ] {
        assert!(overlaps(line, subnet()), "{line}");
    }
    for line in [
        "default via 10.99.0.1 dev eth0",
        "10.0.0.0/8 via 192.168.1.1 dev tun0",
        "10.101.0.0/16 dev eth0",
        "192.168.0.0/16 dev eth0",
        "127.0.0.0/8 dev lo",
        "0.0.0.0/0 dev tun0",
        "",
    ] {
        assert!(!overlaps(line, subnet()), "{line}");
    }
}

#[test]
fn the_network_of_the_default_lab() {
    let lab = Topology::new(Options::default(), subnet()).unwrap();
    let site = lab.site("main").unwrap();
    let text = format!(
        "# links\n{}\n# core\n{}\n# router of main\n{}\n# main-svc\n{}",
        links(&lab),
        core_setup(&lab),
        router_setup(&lab, site),
        host_setup(&lab, lab.host("main-svc").unwrap())
    );
    insta::assert_snapshot!(text);
}

#[test]
fn link_names_fit_the_kernel() {
    let lab = Topology::new(Options { edges: 20, ..Options::default() }, subnet()).unwrap();
    let words: Vec<String> = links(&lab).split_whitespace().map(str::to_owned).collect();
    let names = words.windows(2).filter(|pair| pair[0] == "name").map(|pair| &pair[1]);
    assert!(names.clone().count() > 0);
    for name in names {
        assert!(name.len() <= 15, "{name}");
    }
}
