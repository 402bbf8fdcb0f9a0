//! Whatever bytes were captured: they are judged, and nothing panics.

use super::super::*;
use super::world::World;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Places that each distribution reads.
const PATHS: [&str; 16] = [
    "/etc/kubernetes/pki/ca.crt",
    "/etc/kubernetes/pki/ca.key",
    "/etc/kubernetes/pki/sa.pub",
    "/etc/kubernetes/admin.conf",
    "/etc/kubernetes/manifests/kube-apiserver.yaml",
    "/etc/kubernetes/kubeadm.yaml",
    "/etc/kubernetes/ssl/kube-ca.pem",
    "/etc/kubernetes/ssl/encryption.yaml",
    "/etc/kubernetes/ssl/kube-service-account-token-key.pem",
    "/srv/cluster.rkestate",
    "/srv/cluster.yml",
    "/etc/rancher/k3s/config.yaml",
    "/var/lib/rancher/k3s/server/token",
    "/var/lib/rancher/k3s/server/tls/server-ca.crt",
    "/var/lib/rancher/k3s/server/tls/service.key",
    "/var/lib/rancher/k3s/server/cred/encryption-config.json",
];

const KEYS: [&str; 7] = [
    "/registry/secrets/a/b",
    "/registry/secrets/kube-system/full-cluster-state",
    "/registry/configmaps/kube-system/kubeadm-config",
    "/registry/configmaps/kube-system/kube-root-ca.crt",
    "/registry/configmaps/kube-public/cluster-info",
    // The hash of no token at all.
    "/bootstrap/e3b0c44298fc",
    "/bootstrap/x",
];

/// Bytes, and beginnings after which a reader goes on.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let begins = select(vec![
        "",
        "K10::server:",
        "salt:aGVsbG8=",
        "k8s:enc:aesgcm:v1:k:",
        "k8s\0",
        "{\"kind\":",
        "-----BEGIN CERTIFICATE-----\nMIIB",
        "-----BEGIN EC PRIVATE KEY-----\nMHcC",
    ]);
    (begins, vec(any::<u8>(), 0..200)).prop_map(|(begin, rest)| [begin.as_bytes(), &rest].concat())
}

fn distribution() -> impl Strategy<Value = Distribution> {
    let all = vec![
        Distribution::Kubeadm,
        Distribution::K3s,
        Distribution::Rke2,
        Distribution::Rke1,
        Distribution::Other,
    ];
    select(all)
}

proptest! {
    // Each case reads dozens of certificates.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_was_captured_is_judged(
        distribution in distribution(),
        files in vec((select(PATHS.to_vec()), bytes()), 0..12),
        records in vec((select(KEYS.to_vec()), bytes()), 0..6),
    ) {
        let mut world = World::new(distribution);
        for (path, content) in files {
            world.file("a", path, content);
        }
        world.records = records.into_iter().map(|(key, value)| (key.as_bytes().to_vec(), value)).collect();
        _ = world.judge();
    }

    /// Of a good set, a byte is changed, or what follows is cut off.
    #[test]
    fn damage_makes_no_set_unjudgeable(file in any::<Index>(), place in any::<Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut world = GOOD.with(Clone::clone);
        let mut all: Vec<&mut Vec<u8>> = world.files.values_mut().flat_map(BTreeMap::values_mut).collect();
        all.extend(world.records.values_mut());
        let content = &mut all[file.index(file_count())];
        let at = place.index(content.len());
        if cut {
            content.truncate(at);
        } else {
            content[at] = byte;
        }
        world.keeps_its_secrets(&world.judge());
    }
}

thread_local! {
    static GOOD: World = super::kubeadm::good();
}

fn file_count() -> usize {
    GOOD.with(|it| it.files.values().map(BTreeMap::len).sum::<usize>() + it.records.len())
}
