//! What an empty host gets of a copied one's files.

use super::ground::{file, tree};
use crate::files::{Tree, copied_flags, prepared};
use estate::Distribution;

const WORDS: [(&str, &str); 2] = [("main-1", "new-1"), ("10.0.0.1", "10.0.9.9")];
const CONFIG: &str = "/etc/kubernetes/kubeadm.yaml";

fn text(tree: &Tree, path: &str) -> String {
    String::from_utf8(tree.bytes(path).unwrap_or_else(|| panic!("no {path}")).to_vec()).unwrap()
}

fn kubeadm() -> Tree {
    let etcd = "spec:\n  containers:\n  - command:\n    - etcd\n    - --name=main-1\n    - --data-dir=/var/lib/etcd\n    - --initial-cluster=main-1=https://10.0.0.1:2380,main-12=https://10.0.0.11:2380\n";
    tree(&[
        ("/etc/kubernetes/manifests/etcd.yaml", file(etcd)),
        ("/etc/kubernetes/pki/ca.key", file("a key")),
        ("/etc/kubernetes/admin.conf", file("a kubeconfig")),
        ("/etc/kubernetes/enc/main-1.yaml", file("main-1")),
        (
            CONFIG,
            file("advertiseAddress: 10.0.0.1\nname: main-1\ncertSANs: [main-1.example.org, \"main-1\"]\n"),
        ),
        ("/var/lib/kubelet/pki/kubelet.crt", file("a certificate")),
        (
            "/var/lib/kubelet/kubeadm-flags.env",
            file("KUBELET_KUBEADM_ARGS=\"--node-ip=10.0.0.1 --hostname-override=main-1\"\n"),
        ),
        ("/srv/of-the-user", file("main-1")),
    ])
}

#[test]
fn manifests_come_where_nothing_starts_them_and_what_is_issued_stays_away() {
    let there = prepared(&kubeadm(), Distribution::Kubeadm, &WORDS, CONFIG);
    let paths: Vec<&str> = there.paths().collect();
    assert_eq!(
        paths,
        [
            "/etc/kubernetes/enc/main-1.yaml",
            CONFIG,
            "/etc/kubernetes/lifeboat-parked/etcd.yaml",
            "/srv/of-the-user",
            "/var/lib/kubelet/kubeadm-flags.env",
        ]
    );
    assert!(there.at("/etc/kubernetes/lifeboat-parked").unwrap().is_directory());
    assert_eq!(
        text(&there, "/srv/of-the-user"),
        "main-1",
        "what is not known to be a setting is as it was"
    );
}

#[test]
fn names_and_addresses_are_replaced_as_whole_words() {
    let there = prepared(&kubeadm(), Distribution::Kubeadm, &WORDS, CONFIG);
    assert_eq!(
        text(&there, CONFIG),
        "advertiseAddress: 10.0.9.9\nname: new-1\ncertSANs: [main-1.example.org, \"new-1\"]\n"
    );
    assert_eq!(
        text(&there, "/var/lib/kubelet/kubeadm-flags.env"),
        "KUBELET_KUBEADM_ARGS=\"--node-ip=10.0.9.9 --hostname-override=new-1\"\n"
    );
    let flags = copied_flags(&kubeadm(), "etcd", &WORDS).unwrap().unwrap();
    assert_eq!(flags.get("name"), Some("new-1"));
    assert_eq!(
        flags.get("initial-cluster"),
        Some("new-1=https://10.0.9.9:2380,main-12=https://10.0.0.11:2380")
    );
    assert_eq!(copied_flags(&kubeadm(), "kube-apiserver", &WORDS).unwrap(), None);
}

#[test]
fn the_same_host_gets_its_files_as_they_were() {
    let there = prepared(&kubeadm(), Distribution::Kubeadm, &[], CONFIG);
    assert_eq!(text(&there, CONFIG), text(&kubeadm(), CONFIG));
}

#[test]
fn a_server_of_rke2_becomes_the_first_one() {
    let config = "/etc/rancher/rke2/config.yaml";
    let copied = tree(&[
        (
            config,
            file("token: K10x::server:y\nserver: https://main-0:9345\nnode-name: main-1\nnode-ip: 10.0.0.1\n"),
        ),
        ("/etc/rancher/node/password", file("a password")),
        ("/var/lib/rancher/rke2/server/token", file("K10x::server:y")),
    ]);
    let there = prepared(&copied, Distribution::Rke2, &WORDS, "");
    assert_eq!(
        text(&there, config),
        "token: K10x::server:y\n# restored as the first server: server: https://main-0:9345\nnode-name: new-1\nnode-ip: 10.0.9.9\n"
    );
    assert_eq!(there.bytes("/etc/rancher/node/password"), None, "it is another node's");
    let same = prepared(&copied, Distribution::Rke2, &[], "");
    assert!(same.bytes("/etc/rancher/node/password").is_some());
}
