//! Sets of RKE1. Start at [`made`].

use super::super::*;
use super::world::{Issued, KEY, World, authority, encryption, secret};
use super::{Case, all, book};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

const SSL: &str = "/etc/kubernetes/ssl";
const STATE: &str = "/srv/rke/cluster.rkestate";
const CLUSTER: &str = "/srv/rke/cluster.yml";

fn state(version: &str, ca: &Issued, front: &Issued, signing: &Issued) -> Value {
    let bundle = |it: &Issued| json!({"certificatePEM": it.certificate, "keyPEM": it.key});
    let state = json!({
        "rkeConfig": {
            "nodes": [{"address": "10.0.0.1", "role": ["controlplane", "etcd"]}, {"address": "10.0.0.2", "role": ["worker"]}],
            "kubernetesVersion": version,
            "services": {"kubeApi": {"serviceClusterIpRange": "10.43.0.0/16"}},
        },
        "certificatesBundle": {
            "kube-ca": bundle(ca),
            "kube-apiserver-requestheader-ca": bundle(front),
            "kube-service-account-token": bundle(signing),
        },
        "encryptionConfig": encryption("one", KEY),
    });
    json!({"desiredState": state, "currentState": state})
}

fn store(world: &mut World, state: &Value) {
    let data = json!({"full-cluster-state": BASE64_STANDARD.encode(state.to_string())});
    world.object("secrets/kube-system/full-cluster-state", &secret("full-cluster-state", "Opaque", &data));
}

fn made() -> (World, Issued, Issued, Issued) {
    let mut world = World::new(Distribution::Rke1);
    let (ca, front) = (authority("kube-ca", 2036), authority("kube-apiserver-requestheader-ca", 2036));
    let signing = ca.issue("kube-service-account-token", 2036, 1);
    world.file("red-1", &format!("{SSL}/encryption.yaml"), encryption("one", KEY));
    for (name, issued) in [
        ("kube-ca", &ca),
        ("kube-apiserver-requestheader-ca", &front),
        ("kube-service-account-token", &signing),
        ("kube-apiserver", &ca.issue("kube-apiserver", 2027, 6)),
        ("kube-etcd-10-0-0-1", &ca.issue("kube-etcd", 2027, 6)),
        ("kube-apiserver-proxy-client", &front.issue("proxy", 2027, 6)),
    ] {
        world.file("red-1", &format!("{SSL}/{name}.pem"), issued.certificate.clone());
        world.file("red-1", &format!("{SSL}/{name}-key.pem"), issued.key.clone());
    }
    let state = state("v1.30.4-rancher1-1", &ca, &front, &signing);
    world.file("rke", STATE, state.to_string());
    let cluster = "nodes:\n- address: 10.0.0.2\n  role: [worker]\n- address: 10.0.0.1\n  role: [etcd, controlplane]\n\
                   kubernetes_version: v1.30.4-rancher1-1\nservices:\n  kube-api:\n    service_cluster_ip_range: 10.43.0.0/16\n";
    world.file("rke", CLUSTER, cluster);
    store(&mut world, &state);
    world.config_map("kube-system/kube-root-ca.crt", &json!({"ca.crt": ca.certificate}));
    let known = json!({"client-ca-file": ca.certificate, "requestheader-client-ca-file": front.certificate});
    world.config_map("kube-system/extension-apiserver-authentication", &known);
    world.encrypted("shop/db", "Opaque", &json!({}), "one", KEY);
    world.token("shop/builder", &signing);
    (world, ca, front, signing)
}

#[test]
fn a_good_set_says_what_was_tested() {
    let (world, ..) = made();
    assert!(world.judge().is_complete());
    assert_eq!(world.judge().unknown().count(), 0);
    insta::assert_snapshot!(all(&world));
}

#[test]
fn each_mismatch_is_named() {
    let (good, ca, front, signing) = made();
    let other = authority("kube-ca", 2036);
    let cases: &[Case<'_>] = &[
        ("as it should be", &|_| {}),
        ("no state file", &|it| it.forget(STATE)),
        ("no cluster file", &|it| it.forget(CLUSTER)),
        ("a state file that cannot be read", &|it| it.file("rke", STATE, "hunter2")),
        ("a state file from before an upgrade", &|it| {
            it.file("rke", STATE, state("v1.28.1-rancher1-1", &ca, &front, &signing).to_string());
        }),
        ("a state file of another cluster", &|it| {
            it.file("rke", STATE, state("v1.30.4-rancher1-1", &other, &front, &other).to_string());
        }),
        ("an rke up that did not come to its end", &|it| {
            let mut state = state("v1.30.4-rancher1-1", &ca, &front, &signing);
            state["desiredState"]["rkeConfig"]["kubernetesVersion"] = "v1.31.0-rancher1-1".into();
            store(it, &state);
            it.file("rke", STATE, state.to_string());
        }),
        ("a cluster file with another node", &|it| it.edit(CLUSTER, "10.0.0.2", "10.0.0.3")),
        ("a cluster that keeps no state", &|it| {
            it.records
                .remove(b"/registry/secrets/kube-system/full-cluster-state".as_slice());
        }),
        ("a cluster that keeps its state in a ConfigMap", &|it| {
            it.records
                .remove(b"/registry/secrets/kube-system/full-cluster-state".as_slice());
            let state = state("v1.30.4-rancher1-1", &ca, &front, &signing).to_string();
            it.config_map("kube-system/full-cluster-state", &json!({"full-cluster-state": state}));
        }),
        ("a CA of another cluster", &|it| {
            it.file("red-1", &format!("{SSL}/kube-ca.pem"), other.certificate.clone());
            it.file("red-1", &format!("{SSL}/kube-ca-key.pem"), other.key.clone());
        }),
        ("another encryption key", &|it| {
            it.file("red-1", &format!("{SSL}/encryption.yaml"), encryption("one", [9; 32]))
        }),
        ("certificates that have expired", &|it| {
            let old = ca.issue("kube-etcd", 2026, 11).certificate;
            it.file("red-1", &format!("{SSL}/kube-etcd-10-0-0-1.pem"), old);
        }),
        ("another key of service accounts", &|it| {
            let other = ca.issue("kube-service-account-token", 2036, 1);
            it.file("red-1", &format!("{SSL}/kube-service-account-token-key.pem"), other.key);
        }),
    ];
    insta::assert_snapshot!(book(&good, cases));
}
