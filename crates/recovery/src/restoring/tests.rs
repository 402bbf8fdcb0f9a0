use super::{host_of, words};
use crate::steps::nodes_join::mapped;
use plan::Word;
use serde_json::json;

#[test]
fn what_is_the_same_is_no_word_to_replace() {
    let address = Some("10.0.9.9".parse().unwrap());
    let word = |from: &str, to: &str| Word { from: from.to_owned(), to: to.to_owned() };
    assert_eq!(words(("main-1", "main-1"), Some("10.0.9.9"), address), []);
    assert_eq!(
        words(("main-1", "new-1"), Some("10.0.0.1"), address),
        [word("main-1", "new-1"), word("10.0.0.1", "10.0.9.9")]
    );
    assert_eq!(words(("main-1", "new-1"), None, address), [word("main-1", "new-1")]);
}

#[test]
fn the_address_of_a_member_is_in_its_url() {
    let of = |url: &str| host_of(url).unwrap_or_default();
    assert_eq!(of("https://10.0.0.1:2380"), "10.0.0.1");
    assert_eq!(of("https://[fd00::1]:2380,https://10.0.0.1:2380"), "fd00::1");
    assert_eq!(of("https://etcd.example.org:2380/x"), "etcd.example.org");
    assert_eq!(host_of("nonsense"), None);
}

#[test]
fn a_node_gets_labels_and_taints_but_not_what_is_of_the_host() {
    let former = json!({
        "metadata": {"labels": {
            "kubernetes.io/hostname": "main-1", "kubernetes.io/arch": "amd64", "beta.kubernetes.io/os": "linux",
            "node-role.kubernetes.io/control-plane": "", "topology.kubernetes.io/zone": "a",
        }},
        "spec": {"taints": [
            {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"},
            {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
        ]},
    });
    let own = json!({
        "metadata": {"labels": {"kubernetes.io/hostname": "new-1", "topology.kubernetes.io/zone": "a"}},
        "spec": {"taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]},
    });
    let patch = mapped(&former, &own).unwrap();
    assert_eq!(
        patch,
        json!({
            "metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}},
            "spec": {"taints": [
                {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"},
                {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
            ]},
        })
    );
    let mut there = own;
    there["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] = json!("");
    there["spec"]["taints"] = patch["spec"]["taints"].clone();
    assert_eq!(mapped(&former, &there), None, "done again, it does nothing");
}
