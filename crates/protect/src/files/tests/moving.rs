//! What moves to hosts of its own kind.

use super::ground::{file, tree};
use crate::files::transfer::chosen;
use crate::files::{Entry, Files, KEYS, Tree, What};

fn host(manifest: &str) -> Tree {
    let mut tree = tree(&[
        (
            manifest,
            file("spec: {containers: [{command: [kube-apiserver, --encryption-provider-config=/srv/enc, --v=2]}]}"),
        ),
        ("/srv/enc", Entry { what: What::Link("real".to_owned()), ..file("") }),
        ("/srv/real", file("aescbc")),
        ("/etc/kubernetes/pki/apiserver.key", file("of the old host")),
    ]);
    for key in KEYS {
        tree.0.insert(format!("/etc/kubernetes/pki/{key}"), file(key));
    }
    tree
}

#[test]
fn keys_and_what_flags_name_move_and_no_more() {
    for manifest in ["manifests", "lifeboat-parked"] {
        let tree = host(&format!("/etc/kubernetes/{manifest}/kube-apiserver.yaml"));
        let mut files = Files::one("main-1", tree);
        files.0.insert("main-2".to_owned(), Tree::default());
        let moving = chosen(&files, false).unwrap();
        assert_eq!(moving.flags, ["encryption-provider-config"]);
        let names: Vec<&str> = moving.tree.0.keys().map(String::as_str).collect();
        let keys = KEYS.map(|key| format!("/pki/{key}"));
        assert_eq!(names[0], "/flags/encryption-provider-config");
        assert_eq!(names[1..], keys.each_ref().map(String::as_str));
        assert_eq!(moving.tree.bytes("/flags/encryption-provider-config"), Some(&b"aescbc"[..]));
    }
}

#[test]
fn what_has_no_keys_does_not_move() {
    let sound = host("/etc/kubernetes/manifests/kube-apiserver.yaml");
    let mut two = Files::one("main-1", sound.clone());
    two.0.insert("main-2".to_owned(), sound.clone());
    assert!(chosen(&two, false).is_ok(), "the hosts of a cluster have the same keys");
    assert!(chosen(&Files::default(), false).is_err());
    let mut lacking = sound;
    lacking.0.remove("/etc/kubernetes/pki/sa.key");
    let why = chosen(&Files::one("main-1", lacking), false).unwrap_err();
    assert_eq!(why, "it has no /etc/kubernetes/pki/sa.key");
}

#[test]
fn a_host_with_a_member_of_etcd_alone_gets_no_key_that_it_does_not_need() {
    let files = Files::one("main-1", host("/etc/kubernetes/manifests/kube-apiserver.yaml"));
    let moving = chosen(&files, true).unwrap();
    assert_eq!(moving.tree.0.keys().collect::<Vec<_>>(), ["/pki/etcd/ca.crt", "/pki/etcd/ca.key"]);
    assert!(moving.flags.is_empty());
}
