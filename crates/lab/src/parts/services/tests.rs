use super::*;
use crate::topology::Options;

#[test]
fn the_load_balancer_of_the_standby_serves_its_own_manager_alone() {
    let lab = Topology::new(Options::default(), "10.100.0.0/16".parse().unwrap()).unwrap();
    let mut tree = Tree::default();
    load_balancer(&mut tree, &lab, lab.host("standby-svc").unwrap());
    let root = tempfile::tempdir().unwrap();
    tree.write(root.path()).unwrap();
    let read = |file: &str| std::fs::read_to_string(root.path().join(file)).unwrap();
    insta::assert_snapshot!(format!("{}\n{}", read("etc/haproxy/haproxy.cfg"), read("etc/sv/haproxy/run")));
}
